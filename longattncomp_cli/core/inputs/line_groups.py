"""Where the records of a batch lie: groups of lines that a worker on any machine can read by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from longattncomp_cli.core.files.encodings import is_wide
from longattncomp_cli.core.files.paths import COMPRESSED_SUFFIXES
from longattncomp_cli.core.inputs.gather import STDIN, InputFile
from longattncomp_cli.core.inputs.lines import open_lines, shown_name
from longattncomp_cli.core.inputs.records import FailedRecord, FieldNames, Record, parse_record


@dataclass
class LineGroup:
    """Some lines of one file, in order.

    Attributes:
        path: of the file, as any working directory can open it.
        name: what errors call it.
        numbers: of each line, from 1.
        offsets, lengths: where each line lies.
        lines: the lines themselves, where the file cannot be read from its middle (packed, UTF-16, stdin).
    """

    path: str
    name: str
    numbers: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    lines: list[bytes] | None = None

    def read(self, fields: FieldNames) -> Iterator[Record | FailedRecord]:
        """Parse the lines."""
        for number, line in zip(self.numbers, self._lines(), strict=True):
            yield parse_record(line, number, self.name, fields)

    def _lines(self) -> Iterator[bytes]:
        if self.lines is not None:
            yield from self.lines
            return
        with Path(self.path).open("rb") as file:
            for offset, length in zip(self.offsets, self.lengths, strict=True):
                file.seek(offset)
                yield file.read(length)


# A line: its file, number, offset, and itself.
_Line = tuple[InputFile, int, int, bytes]


def group_lines(
    files: list[InputFile],
    stdin: Callable[[], BinaryIO],
    pick: Callable[[Iterable[Any]], Iterator[Any]],
    group_size: int,
) -> Iterator[LineGroup]:
    """Group the lines of records.

    Args:
        files: to read; whole once, for the places of their lines.
        stdin: for ``-``.
        pick: chooses lines (a limit, a shard, what is left to do), keeping their order.
        group_size: lines of a group, at most.
    """
    group: LineGroup | None = None
    for file, number, offset, line in pick(_all_lines(files, stdin)):
        if group is None or group.name != shown_name(file) or len(group.numbers) >= group_size:
            if group is not None:
                yield group
            lines: list[bytes] | None = None if _has_places(file.path) else []
            group = LineGroup(str(file.path.absolute()), shown_name(file), lines=lines)
        group.numbers.append(number)
        if group.lines is not None:
            group.lines.append(line)
        else:
            group.offsets.append(offset)
            group.lengths.append(len(line))
    if group is not None:
        yield group


def _has_places(path: Path) -> bool:
    """Whether lines lie in the file as they are read: neither compressed, nor UTF-16, nor standard input."""
    if str(path) == STDIN or path.suffix.lower() in COMPRESSED_SUFFIXES or not path.is_file():
        return False
    with path.open("rb") as file:
        return not is_wide(file.read(4))


def _all_lines(files: list[InputFile], stdin: Callable[[], BinaryIO]) -> Iterator[_Line]:
    for file in files:
        with open_lines(file, stdin) as lines:
            offset = 0
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield file, number, offset, line
                offset += len(line)
