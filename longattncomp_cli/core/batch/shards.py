"""Split a batch over machines that share nothing but the input: shard i of n takes every n-th record.

Record k (from 0, in input order) belongs to shard ``k mod n + 1``, whatever it holds and whoever runs. Each
shard writes an output of its own, a manifest when it starts and a done-marker when it is complete; the
shards' lines, taken in turn, are the output of one run over everything.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import orjson

from longattncomp_cli.core.files.compressed import open_bytes
from longattncomp_cli.core.files.output_files import LineFile, write_file
from longattncomp_cli.core.files.paths import name_when_unpacked
from longattncomp_cli.core.inputs.gather import InputFile
from longattncomp_cli.errors import OutputError, UsageError

T = TypeVar("T")

_ALL = 0
_MOST_SHARDS = 99_999


@dataclass(frozen=True)
class Shard:
    """One part of a batch; ``index`` from 1, or 0 for all parts together."""

    index: int
    count: int

    @property
    def is_all(self) -> bool:
        """Whether the finished shards are to be joined."""
        return self.index == _ALL

    def take(self, records: Iterable[T]) -> Iterator[T]:
        """This shard's records, in order."""
        return islice(records, self.index - 1, None, self.count)

    def path_of_shard(self, output: Path) -> Path:
        """``out.jsonl`` → ``out.00002-of-00004.jsonl``; ``.gz`` and ``.zst`` stay last."""
        plain = Path(name_when_unpacked(output.name))
        packing = output.name.removeprefix(plain.name)
        return output.with_name(f"{plain.stem}.{self.index:05}-of-{self.count:05}{plain.suffix}{packing}")

    def note_path(self, output: Path, kind: str) -> Path:
        """Path of the ``manifest`` or of the ``done`` marker."""
        plain = output.with_name(name_when_unpacked(output.name))
        return self.path_of_shard(plain).with_suffix(f".{kind}.json")


def parse_shard(written: str) -> Shard:
    """Read ``2/4``, or ``all/4``.

    Raises:
        UsageError: it is neither.
    """
    match = re.fullmatch(r"(\d{1,5}|all)/(\d{1,5})", written.strip())
    count = int(match[2]) if match else 0
    index = (_ALL if match[1] == "all" else int(match[1])) if match else 0
    if not match or not 1 <= count <= _MOST_SHARDS or (match[1] != "all" and not 1 <= index <= count):
        raise UsageError(
            f"--shard {written!r} is not a shard", hint="the second of four is 2/4; all/4 joins the four"
        )
    return Shard(index, count)


def begin_shard(shard: Shard, output: Path, *, settings: str, files: Sequence[InputFile]) -> None:
    """Write the manifest; what was marked as done no longer is."""
    shard.note_path(output, "done").unlink(missing_ok=True)
    inputs = [
        {"name": file.path.name, "bytes": file.path.stat().st_size if file.path.is_file() else None}
        for file in files
    ]
    _write_note(
        shard.note_path(output, "manifest"),
        {"shard": shard.index, "of": shard.count, "settings": settings, "inputs": inputs},
    )


def finish_shard(shard: Shard, output: Path, *, settings: str, failed: int) -> None:
    """Mark a shard whose output is complete."""
    path = shard.path_of_shard(output)
    with open_bytes(path) as lines:
        records = sum(1 for _ in lines)
    done = {
        "shard": shard.index,
        "of": shard.count,
        "settings": settings,
        "records": records,
        "failed": failed,
        "sha256": _sha256(path),
    }
    _write_note(shard.note_path(output, "done"), done)


def join_shards(shard: Shard, output: Path, *, marked_by: Path | None = None) -> dict[str, int]:
    """Take the lines of all finished shards in turn and write them to ``output``.

    Args:
        shard: says how many there are.
        output: the name that the shards were given.
        marked_by: the main output, where ``output`` is the report beside it: its markers count.

    Returns:
        How many records there are and how many of them failed.

    Raises:
        OutputError: a shard is missing, unfinished, changed since, or made with other settings.
    """
    parts = [Shard(number, shard.count) for number in range(1, shard.count + 1)]
    notes = [_read_done(part, marked_by or output) for part in parts]
    if len({note["settings"] for note in notes}) > 1:
        raise OutputError(
            f"{output}: its shards were made with different settings", hint="run them with the same options"
        )
    streams = [open_bytes(part.path_of_shard(output)) for part in parts]
    try:
        with LineFile(output, resume=False) as file:
            while True:
                lines = [stream.readline() for stream in streams]
                for line in lines:
                    if line:
                        file.write(line)
                if not all(lines):
                    break
    finally:
        for stream in streams:
            stream.close()
    return {name: sum(int(note[name]) for note in notes) for name in ("records", "failed")}


def _read_done(part: Shard, output: Path) -> dict[str, Any]:
    path = part.note_path(output, "done")
    again = f"run it: --shard {part.index}/{part.count} --resume"
    try:
        note: dict[str, Any] = orjson.loads(path.read_bytes())
        found = _sha256(part.path_of_shard(output))
    except (OSError, orjson.JSONDecodeError) as error:
        raise OutputError(f"{path}: shard {part.index} is not done", hint=again, code="shard") from error
    if found != note["sha256"]:
        raise OutputError(
            f"{part.path_of_shard(output)}: changed since it was done", hint=again, code="shard"
        )
    return note


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_note(path: Path, note: dict[str, Any]) -> None:
    write_file(path, orjson.dumps(note, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
