"""CSV and TSV, rows under the row that names the columns, and JSON lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from longattncomp_cli.core.text.structure.tables.table import Table
from longattncomp_cli.core.text.structure.units import Structure, Unit, build

_LINE = re.compile(r"[^\n]+")
_QUOTED = re.compile(r'"(?:[^"]|"")*+"')
# Of pipes: a rule, a line between pipes, spaces beside one, or fields with their names.
_DRAWN = re.compile(r"(?m)^[ \t]*\||^[-+|: \t]+$|[ ]\||\|[ ]|=[^|\n]*\|[^|\n]*=")
_NUMBER = re.compile(r"[-+]?[\d.,:/-]*\d[\d.,:/-]*%?")
_YEAR = re.compile(r"(?:19|20)\d\d")

# A row ends at a line end outside quotes. Quotes count where a cell begins, and within them they are doubled.
_ROWS = {
    delimiter: re.compile(rf'(?:(?<![^{delimiter}\n])"(?:[^"]++|"")*+"(?=[{delimiter}\r\n]|\Z)|[^"\n]++|")++')
    for delimiter in (",", ";", r"\t", r"\|")
}
_MOST_LINES_OF_A_ROW = 30
"""What is longer begins with a quote that is never closed: its lines are rows."""
_SAMPLE_ROWS = 50
_LATEST_HEADER = 10
_FEWEST_SIGNS = 4


def read_lines(text: str) -> Structure:
    """One record a line."""
    lines = (found.span() for found in _LINE.finditer(text) if found.group().strip())
    return build("jsonl", (Unit(a, a + len(text[a:b].rstrip()), row=True) for a, b in lines))


def read_csv(text: str) -> Structure:
    """Rows, under the first one where that looks like names of columns."""
    return _structure("csv", text, _delimiter(text[:20_000]) or ",")


def read_tsv(text: str) -> Structure:
    """The same for tabs."""
    return _structure("tsv", text, r"\t")


def delimited_kind(sample: str) -> str | None:
    """``csv`` or ``tsv`` where every line of a sample has as many cells, else ``None``."""
    delimiter = _delimiter(sample)
    if delimiter is None or (delimiter == r"\|" and _DRAWN.search(sample)):
        return None
    rows = _rows(sample, delimiter)[:-1][:_SAMPLE_ROWS]
    counts = {len(_cells(sample[a:b], delimiter)) for a, b in rows}
    if len(rows) < _FEWEST_SIGNS or len(counts) != 1 or counts.pop() < (2 if delimiter == r"\t" else 3):
        return None
    return "tsv" if delimiter == r"\t" else "csv"


def _delimiter(sample: str) -> str | None:
    """What most lines of a sample have equally often."""
    lines = [line for line in sample.splitlines()[:_SAMPLE_ROWS] if line.strip()]
    best, most = None, 0
    for delimiter, character in ((r"\t", "\t"), (";", ";"), (",", ","), (r"\|", "|")):
        counts = Counter(line.count(character) for line in lines)
        del counts[0]
        agreeing = max(counts.values(), default=0)
        if agreeing > most:
            best, most = delimiter, agreeing
    return best


def _structure(kind: str, text: str, delimiter: str) -> Structure:
    rows = _rows(text, delimiter)
    if not rows:
        return Structure(kind, ())
    header = _header(text, rows, delimiter)
    if header is None:
        return build(kind, Table(rows[0][0], rows[-1][1], None, tuple(rows)).units(text))
    above = [Unit(start, end, row=True) for start, end in rows[:header]]
    table = Table(rows[header][0], rows[-1][1], rows[header], tuple(rows[header + 1 :]))
    return build(kind, [*above, *table.units(text)])


def _rows(text: str, delimiter: str) -> list[tuple[int, int]]:
    rows: list[tuple[int, int]] = []
    for found in _ROWS[delimiter].finditer(text):
        start, end = found.span()
        if not found.group().strip():
            continue
        if text.count("\n", start, end) > _MOST_LINES_OF_A_ROW:
            rows.extend(line.span() for line in _LINE.finditer(text, start, end) if line.group().strip())
        else:
            rows.append((start, start + len(found.group().rstrip())))
    return rows


def _header(text: str, rows: Sequence[tuple[int, int]], delimiter: str) -> int | None:
    """Which row names the columns: the first that is as wide as most, where its cells are no numbers.

    Spreadsheets fill a line above, such as a title, with empty cells: one of a single cell names no columns.
    """
    if len(rows) < 2:
        return None
    cells = [_cells(text[start:end], delimiter) for start, end in rows[:_SAMPLE_ROWS]]
    [(width, _)] = Counter(len(row) for row in cells).most_common(1)
    for number, row in enumerate(cells[:_LATEST_HEADER]):
        is_title = width > 2 and sum(map(bool, row)) < 2
        if len(row) == width and not is_title and not text.startswith("#", rows[number][0]):
            numbers = [cell for cell in row if _NUMBER.fullmatch(cell)]
            is_names = len(numbers) < len(row) and all(_YEAR.fullmatch(cell) for cell in numbers)
            return number if is_names and number + 1 < len(rows) else None
    return None


def _cells(row: str, delimiter: str) -> list[str]:
    """The cells of a row; those with a delimiter in quotes count as one."""
    if '"' in row:
        row = _QUOTED.sub(lambda found: re.sub(f"[{delimiter}]", " ", found.group()), row)
    return [cell.strip().strip('"') for cell in re.split(f"[{delimiter}]", row)]
