"""Tables of HTML: their rows, under the one that has header cells, else under the first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from longattncomp_cli.core.text.structure.tables.table import Table

_TAG = re.compile(r"<(/?)(table|tr|th|td)\b[^<>]{0,2000}>", re.IGNORECASE)
_SMALL_ROW_CHARS = 1_500
"""A row of up to this many characters is one whatever stands in it; a larger one may hold tables."""


@dataclass
class _Open:
    """A table that is not closed yet; of its rows their characters, and how many header and data cells."""

    start: int
    rows: list[tuple[int, int, int, int]] = field(default_factory=list)
    row_start: int = -1
    num_headers: int = 0
    num_cells: int = 0
    inner: list[Table] = field(default_factory=list)

    def close_row(self, end: int, done: list[Table]) -> None:
        """The row ends; of a small row and the tables in it the row stays, of a large one the tables."""
        if self.row_start < 0:
            return
        inner, self.inner = self.inner, []
        if not inner or end - self.row_start <= _SMALL_ROW_CHARS:
            self.rows.append((self.row_start, end, self.num_headers, self.num_cells))
        else:
            done.extend(inner)
        self.row_start, self.num_headers, self.num_cells = -1, 0, 0


def html_tables(text: str) -> Iterator[Table]:
    """The tables of a page; one that is not closed ends with its last tag."""
    if "<t" not in text and "<T" not in text:
        return
    stack: list[_Open] = []
    done: list[Table] = []
    last = 0
    for tag in _TAG.finditer(text):
        last = tag.end()
        closes, name = bool(tag.group(1)), tag.group(2).lower()
        if name == "table" and not closes:
            stack.append(_Open(tag.start()))
        elif not stack:
            continue
        elif name == "table":
            _close_table(stack, tag.end(), done, tag.start())
        elif name == "tr":
            stack[-1].close_row(tag.end() if closes else tag.start(), done)
            if not closes:
                stack[-1].row_start = tag.start()
        elif not closes:
            stack[-1].num_headers += name == "th"
            stack[-1].num_cells += name == "td"
    while stack:
        _close_table(stack, last, done, last)
    yield from done


def _close_table(stack: list[_Open], end: int, done: list[Table], row_end: int) -> None:
    closed = stack.pop()
    closed.close_row(row_end, done)
    table = _table(closed, end)
    holder = stack[-1].inner if stack and stack[-1].row_start >= 0 else done
    holder.extend([table] if table is not None else [])


def _table(closed: _Open, end: int) -> Table | None:
    """The table; ``None`` where it is no more than one row."""
    rows = closed.rows
    if len(rows) < 2:
        return None
    heads = [number for number, (_, _, headers, _) in enumerate(rows) if headers]
    first = last = heads[0] if heads else 0
    while last + 2 < len(rows) and rows[last + 1][2] and not rows[last + 1][3]:
        last += 1
    header = (rows[first][0], rows[last][1])
    own = [(start, stop) for start, stop, _, _ in [*rows[:first], *rows[last + 1 :]]]
    return Table(closed.start, end, header, tuple(own)) if own else None
