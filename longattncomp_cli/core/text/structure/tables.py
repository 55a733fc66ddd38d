"""Records: lines of JSONL, rows of CSV and TSV under their first row."""

from __future__ import annotations

import re
from collections.abc import Iterator

from longattncomp_cli.core.text.structure.units import Structure, Unit, build, heading_span

_LINE = re.compile(r"[^\n]+")


# A row ends at a line end outside quotes; within quotes a quote is doubled.
_ROW = re.compile(r'(?:[^"\n]|"(?:[^"]|"")*(?:"|\Z))+')


def read_lines(text: str) -> Structure:
    """One unit a line."""
    return build("jsonl", _rows(_LINE, text))


def read_csv(text: str) -> Structure:
    """Rows, under the first row where that looks like names of columns."""
    return _table("csv", text)


def read_tsv(text: str) -> Structure:
    """The same for tabs."""
    return _table("tsv", text)


def _table(kind: str, text: str) -> Structure:
    rows = list(_rows(_ROW, text))
    if not rows:
        return Structure(kind, ())
    first = rows[0]
    names = text[first.start : first.end]
    cells = [cell.strip(' "').replace(".", "") for cell in re.split(r"[,;\t]", names)]
    if len(rows) < 2 or any(cell.isdigit() for cell in cells):
        return build(kind, rows)
    whole = Unit(first.start, rows[-1].end, heading_span(text, first.start, first.end), leaf=False)
    return build(kind, [whole, *rows])


def _rows(pattern: re.Pattern[str], text: str) -> Iterator[Unit]:
    for row in pattern.finditer(text):
        if row.group().strip():
            yield Unit(row.start(), row.start() + len(row.group().rstrip()))
