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
            stop = start + len(text[start:end].rstrip())
            fits = stop - start <= LONGEST_HEADER_CHARS
            yield Unit(self.start, self.end, (start, stop) if fits else heading_span(text, start, end), leaf=False)
        for start, end in self.rows:
            yield Unit(start, start + len(text[start:end].rstrip()), row=True)
