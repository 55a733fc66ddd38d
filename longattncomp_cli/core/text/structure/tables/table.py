"""The value that all readers of tables produce."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from longattncomp_cli.core.text.structure.units import Unit, heading_span

LONGEST_HEADER_CHARS = 4_000
"""A longer header is cut as other headings are: it would leave no room for a row."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table in a text.

    Attributes:
        start, end: its characters.
        header: the characters of the rows that name its columns; ``None`` where nothing does. They may stand
            before the table.
        rows: the characters of each row, ascending; none overlap.
    """

    start: int
    end: int
    header: tuple[int, int] | None
    rows: tuple[tuple[int, int], ...]

    def units(self, text: str) -> Iterator[Unit]:
        """The table under its header, and its rows."""
        if self.header is not None:
            start, end = self.header
            stop = _without_space(text, start, end)
            fits = stop - start <= LONGEST_HEADER_CHARS
            heading = (start, stop) if fits else heading_span(text, start, end)
            yield Unit(self.start, _without_space(text, self.start, self.end), heading, leaf=False)
        for start, end in self.rows:
            yield Unit(start, _without_space(text, start, end), row=True)


def _without_space(text: str, start: int, end: int) -> int:
    """The end of ``text[start:end]`` without the white space that it ends with."""
    while end > start and text[end - 1].isspace():
        end -= 1
    return end
