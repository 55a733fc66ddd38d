"""Plain, gzip and zstd files read alike; a file that was cut off is refused, never read as a shorter one."""

from __future__ import annotations

import gzip
import io
import random
import zlib
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import zstandard

from longattncomp_cli.core.files.compressed import open_bytes
from longattncomp_cli.core.inputs.gather import InputFile
from longattncomp_cli.core.inputs.records import FieldNames, Record, read_records
from longattncomp_cli.data.readers import json_records as data_records
from longattncomp_cli.errors import InputError

NUM_RECORDS = 2_000
PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}
SUFFIXES = sorted(PACK)


def make_lines() -> list[bytes]:
    """Records that compress to several blocks, so that a part of them can be read from a part of the file."""
    rng = random.Random(3)
    values = ({"id": i, "context": f"{rng.randbytes(90).hex()}"} for i in range(NUM_RECORDS))
    return [orjson.dumps(value) + b"\n" for value in values]


LINES = make_lines()
RAW = b"".join(LINES)


def read_for_training(path: Path) -> list[object]:
    return [record.value["id"] for record in data_records.read_records(path)]


def read_for_compress(path: Path) -> list[object]:
    found = list(read_records([InputFile(path, named=True)], FieldNames(), io.BytesIO))
    assert all(isinstance(each, Record) for each in found)
    return [each.id for each in found]


READERS = [read_for_training, read_for_compress]


@pytest.mark.parametrize("suffix", ["", *SUFFIXES, ".GZ", ".ZST"])
@pytest.mark.parametrize("read", READERS)
def test_an_intact_file_reads_the_same_in_every_form(tmp_path: Path, suffix: str, read) -> None:
    path = tmp_path / f"records.jsonl{suffix}"
    path.write_bytes(PACK.get(suffix.lower(), bytes)(RAW))
    assert read(path) == list(range(NUM_RECORDS))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("read", READERS)
def test_members_and_frames_are_joined(tmp_path: Path, suffix: str, read) -> None:
    path = tmp_path / f"records.jsonl{suffix}"
    parts = [b"".join(LINES[:700]), b"", b"".join(LINES[700:701]), b"".join(LINES[701:])]
    path.write_bytes(b"".join(PACK[suffix](part) for part in parts))
    assert read(path) == list(range(NUM_RECORDS))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("num_kept", [0, 1, 3, 30, 0.1, 0.5, 0.97, -1_000, -16, -8, -4, -1])
@pytest.mark.parametrize("read", READERS)
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, suffix: str, num_kept: float, read) -> None:
    packed = PACK[suffix](RAW)
    size = int(num_kept * len(packed)) if isinstance(num_kept, float) else num_kept
    path = tmp_path / f"records.jsonl{suffix}"
    path.write_bytes(packed[:size])
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(path) in caught.value.message
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_proper_prefix_is_refused(tmp_path: Path, suffix: str) -> None:
    packed = PACK[suffix](b"A short text, a short text and another short text.\n")
    path = tmp_path / f"text{suffix}"
    for size in range(len(packed)):
        path.write_bytes(packed[:size])
        with pytest.raises(InputError, match="damaged"), open_bytes(path) as stream:
            stream.read()
    path.write_bytes(packed)
    with open_bytes(path) as stream:
        assert stream.read().endswith(b"another short text.\n")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("read", READERS)
def test_a_second_part_that_is_cut_off_is_refused(tmp_path: Path, suffix: str, read) -> None:
    path = tmp_path / f"records.jsonl{suffix}"
    path.write_bytes(PACK[suffix](RAW) + PACK[suffix](RAW)[:-1])
    with pytest.raises(InputError):
        read(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("read", READERS)
def test_changed_bytes_are_refused(tmp_path: Path, suffix: str, read) -> None:
    packed = bytearray(PACK[suffix](RAW))
    packed[len(packed) // 2] ^= 0xFF
    path = tmp_path / f"records.jsonl{suffix}"
    path.write_bytes(bytes(packed))
    with pytest.raises(InputError):
        read(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_array_is_read_to_the_end_of_its_file(tmp_path: Path, suffix: str) -> None:
    """The last bytes of a gzip member are a check sum: they lie behind the array's bracket."""
    path = tmp_path / f"records.json{suffix}"
    packed = PACK[suffix](b"[" + b",".join(line.strip() for line in LINES) + b"]\n")
    path.write_bytes(packed)
    assert read_for_training(path) == list(range(NUM_RECORDS))
    path.write_bytes(packed[:-1])
    with pytest.raises(InputError, match="damaged"):
        read_for_training(path)


def test_an_array_with_something_behind_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    path.write_bytes(b'[{"id": 1}]\n \n{"id": 2}')
    with pytest.raises(InputError, match="after its array"):
        read_for_training(path)


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.gz", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            open_bytes(path)


def test_closing_the_stream_closes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress(b"text", compresslevel=zlib.Z_BEST_SPEED))
    stream = open_bytes(path)
    checked = stream.raw  # type: ignore[attr-defined]
    stream.close()
    assert checked._raw.closed
