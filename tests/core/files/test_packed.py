"""Laws of outputs with compressed names: they hold what a plain file holds; same lines, same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from longattncomp_cli.core.files.compressed import open_bytes
from longattncomp_cli.core.files.output_files import LineFile, partial_path, write_file
from longattncomp_cli.errors import InputError

LINES = [b'{"id":%d}\n' % number for number in range(5)]
NAMES = ["out.jsonl.gz", "out.jsonl.zst", "out.jsonl.GZ"]


def read(path: Path) -> bytes:
    with open_bytes(path) as stream:
        return stream.read()


def write(path: Path, lines: list[bytes], *, resume: bool = False) -> None:
    with LineFile(path, resume=resume) as file:
        for line in lines:
            file.write(line)


@pytest.mark.parametrize("name", NAMES)
def test_a_packed_output_holds_the_lines_and_has_the_same_bytes_each_time(tmp_path: Path, name: str) -> None:
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / name, LINES)
    first = (tmp_path / "first" / name).read_bytes()
    assert first != b"".join(LINES)
    assert first == (tmp_path / "second" / name).read_bytes()
    assert read(tmp_path / "first" / name) == b"".join(LINES)
    assert [path.name for path in (tmp_path / "first").iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("num_before", [0, 2, 5])
def test_an_interrupted_packed_output_grows_to_the_bytes_of_one_run(
    tmp_path: Path, name: str, num_before: int
) -> None:
    path = tmp_path / name
    with pytest.raises(KeyboardInterrupt), LineFile(path, resume=False) as file:
        for line in LINES[:num_before]:
            file.write(line)
        raise KeyboardInterrupt
    assert not path.exists()
    assert partial_path(path).read_bytes() == b"".join(LINES[:num_before])
    write(path, LINES[num_before:], resume=True)
    write(tmp_path / ("whole-" + name), LINES)
    assert path.read_bytes() == (tmp_path / ("whole-" + name)).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_finished_packed_output_is_taken_up_and_left_alone(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write(path, LINES[:3])
    with LineFile(path, resume=True) as file:
        assert list(file.lines()) == [line.rstrip() for line in LINES[:3]]
        for line in LINES[3:]:
            file.write(line)
    assert read(path) == b"".join(LINES)


def test_a_damaged_packed_output_is_named_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl.gz"
    path.write_bytes(b"no gzip")
    with pytest.raises(InputError, match="damaged"):
        write(path, LINES, resume=True)
    assert path.read_bytes() == b"no gzip"
    assert not partial_path(path).exists()


def test_a_whole_file_is_packed_by_its_name(tmp_path: Path) -> None:
    write_file(tmp_path / "kept.txt.gz", b"kept")
    write_file(tmp_path / "kept.txt", b"kept")
    assert read(tmp_path / "kept.txt.gz") == b"kept" == (tmp_path / "kept.txt").read_bytes()
