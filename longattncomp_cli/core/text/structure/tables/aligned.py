"""Tables without rules: between pipes, in aligned columns, of a word and what it means."""

from __future__ import annotations

import re
from collections.abc import Sequence

from longattncomp_cli.core.text.structure.tables.table import Table

_BETWEEN = re.compile(r"[ \t]*\|[^|\n]+\|[^\n]*\|[ \t]*\r?\n?")
PIPE = re.compile(r"[|│┃║]")
_GAP = re.compile(r"\S(?: \S|\S)*")
_RAGGED = re.compile(r"[^\s#;|=:][^\s|=]{0,39}(?:\t+|[ ]{2,})[^\s|][^\n]*")
_REMARK = re.compile(r"[ \t]*(?:#[^\n]*)?\r?\n?$")
_FEWEST_ALIGNED = 5
_FILLED_SHARE = 2 / 3
# Characters that hand-made columns are off.
_SLACK = 1
_FEWEST_CROSSED = 2
_LEAST_CORNER = 4
_LONGEST_TITLE = 40
_FEWEST_NAMED = 3
_FEWEST_NAMES = 3
_NAMED_SHARE = 0.6
_INNER_GAP = re.compile(r"\S[ ]{2,}\S")
_WORD = re.compile(r"\S+")
_NAME = re.compile(r"(?:[%#(]?[^\W\d_]|\d+[A-Za-z])[^\s,;]*(?<![.:!?])")
_FEWEST_RAGGED = 8
_LONGEST_RAGGED = 200
LONGEST_LINE = 20_000

Lines = Sequence[tuple[int, int]]


def unruled(
    text: str, lines: Lines, is_rule: Sequence[bool], first: int, *, ragged: bool
) -> tuple[Table | None, int] | None:
    """The table that begins with line ``first``, and the line after it; ``None`` where none does.

    Args:
        text: the whole text.
        lines: of it.
        is_rule: which of them are drawn.
        first: the number of a line.
        ragged: whether lines of cells that stand under one another nowhere are rows as well, and words
            under names that are aligned with them to the left or right.
    """
    readers = (_between_pipes, _aligned, *((_crossed, _named_columns, _ragged) if ragged else ()))
    return next((found for read in readers if (found := read(text, lines, is_rule, first)) is not None), None)


def _between_pipes(
    text: str, lines: Lines, is_rule: Sequence[bool], first: int
) -> tuple[Table | None, int] | None:
    """Lines of as many cells between pipes, with no rule under the first: of Gherkin, Org, Textile."""
    last = first
    cells = 0
    while last < len(lines) and not is_rule[last] and _BETWEEN.fullmatch(text, *lines[last]):
        own = len(PIPE.findall(text, *lines[last]))
        if cells not in (0, own):
            break
        cells = own
        last += 1
    if last < len(lines) and is_rule[last]:
        last -= 1  # names the columns of the table below
    if last - first < 2:
        return None
    return made(lines, first, last, (first, first + 1), list(lines[first + 1 : last])), last


def _aligned(text: str, lines: Lines, is_rule: Sequence[bool], first: int) -> tuple[Table | None, int] | None:
    """Lines whose cells stand under one another, two spaces or more apart; the first names the columns."""
    edges = _cell_edges(text, lines[first])
    if len(edges) < 3:
        return None
    last = first + 1
    while last < len(lines) and not is_rule[last]:
        if not _fills(edges, _cell_edges(text, lines[last])):
            break
        last += 1
    if last - first < _FEWEST_ALIGNED:
        return None
    return made(lines, first, last, (first, first + 1), list(lines[first + 1 : last])), last


def _crossed(text: str, lines: Lines, is_rule: Sequence[bool], first: int) -> tuple[Table | None, int] | None:
    """Lines of a name and cells, under names of columns none of which stands over the names.

    So accounts and timetables are written. Empty lines and lines that head some rows may stand between.
    """
    edges = _cell_edges(text, lines[first])
    if len(edges) < _FEWEST_CROSSED or edges[0][0] < _LEAST_CORNER:
        return None
    rows: list[int] = []
    for number in range(first + 1, len(lines)):
        own = _cell_edges(text, lines[number])
        if is_rule[number] or (len(own) < 2 and lines[number][1] - lines[number][0] > _LONGEST_TITLE):
            break
        if len(own) > 1:
            if own[0][0] >= edges[0][0] or not _fills(edges, own[1:]):
                break
            rows.append(number)
    if len(rows) < _FEWEST_NAMED:
        return None
    found = Table(lines[first][0], lines[rows[-1]][1], lines[first], tuple(lines[row] for row in rows))
    return found, rows[-1] + 1


def _fills(names: Sequence[tuple[int, int]], cells: Sequence[tuple[int, int]]) -> bool:
    """Whether cells stand under most of the names, in order, each begun or ended as its name is."""
    at = 0
    for start, end in cells:
        while at < len(names) and min(abs(names[at][0] - start), abs(names[at][1] - end)) > _SLACK:
            at += 1
        if at == len(names):
            return False
        at += 1
    return len(cells) >= _FILLED_SHARE * len(names)


def _named_columns(
    text: str, lines: Lines, is_rule: Sequence[bool], first: int
) -> tuple[Table | None, int] | None:
    """Lines each of whose words stands under a name of its own, to the left or right, as ``ps`` writes them.

    What stands under the last name may be of any words.
    """
    names = _words(text, lines[first])
    if len(names) < _FEWEST_NAMES or not all(
        _NAME.fullmatch(text, lines[first][0] + a, lines[first][0] + b) for a, b in names
    ):
        return None
    last = first + 1
    while last < len(lines) and not is_rule[last] and _stands_under(names, _words(text, lines[last])):
        last += 1
    if last - first - 1 < _FEWEST_NAMED:
        return None
    return made(lines, first, last, (first, first + 1), list(lines[first + 1 : last])), last


def _words(text: str, line: tuple[int, int]) -> list[tuple[int, int]]:
    """Where the words of a line begin and end; none where nothing in it is set apart by two spaces."""
    start, end = line
    if end - start > _LONGEST_RAGGED or not _INNER_GAP.search(text, start, end):
        return []
    return [(word.start() - start, word.end() - start) for word in _WORD.finditer(text, start, end)]


def _stands_under(names: Sequence[tuple[int, int]], words: Sequence[tuple[int, int]]) -> bool:
    """Whether each word has a name above it that no other has, but for those that stand under the last."""
    at = under = 0
    for start, end in words:
        while at < len(names) and names[at][1] <= start:
            at += 1
        if at == len(names) or end <= names[at][0]:
            # Behind the last name there is room for all.
            return under >= _NAMED_SHARE * len(names) and start >= names[-1][0]
        under += 1
        at += 1
    return under >= max(_FEWEST_NAMES, _NAMED_SHARE * len(names))


def _ragged(text: str, lines: Lines, is_rule: Sequence[bool], first: int) -> tuple[Table | None, int] | None:
    """Lines of a word, a tab or two spaces, and another cell; comments may stand between."""
    rows: list[int] = []
    last = first
    while last < len(lines):
        if is_rule[last]:  # what is drawn next begins with the line above its rule
            last = rows.pop() if rows else last
            break
        if _RAGGED.match(text, *lines[last]) and lines[last][1] - lines[last][0] <= _LONGEST_RAGGED:
            rows.append(last)
        elif not rows or not _REMARK.match(text, *lines[last]):
            break
        last += 1
    if len(rows) < _FEWEST_RAGGED:
        return None
    return Table(lines[first][0], lines[rows[-1]][1], None, tuple(lines[row] for row in rows)), last


def _cell_edges(text: str, line: tuple[int, int]) -> list[tuple[int, int]]:
    """Where the cells of a line begin and end; none where two spaces part no cells."""
    start, end = line
    if end - start > LONGEST_LINE or text.find("  ", start, end) < 0:
        return []
    return [(cell.start() - start, cell.end() - start) for cell in _GAP.finditer(text, start, end)]


def made(
    lines: Lines, first: int, last: int, header: tuple[int, int], rows: list[tuple[int, int]]
) -> Table | None:
    """The table of lines ``first`` to before ``last``, whose header is those lines of ``header``."""
    if not rows or header[1] <= header[0]:
        return None
    names = (lines[header[0]][0], lines[header[1] - 1][1])
    return Table(lines[first][0], lines[last - 1][1], names, tuple(rows))
