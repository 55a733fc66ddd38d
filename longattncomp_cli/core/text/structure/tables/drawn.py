"""Tables drawn with characters: pipes and rules (Markdown, psql, grids), dashes, aligned columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from longattncomp_cli.core.text.structure.tables.table import Table

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_PIPE = re.compile(r"[|│┃║]")
_RULE = re.compile(r"[-=+|:─━═┄│┃║┌┐└┘├┤┬┴┼╭╮╯╰╔╗╚╝╠╣╦╩╬┏┓┗┛┣┫┳┻╋┡┩╇┢┪╈ \t]*\r?\n?")
_STROKES = re.compile(r"[-=─━═┄]{2,}")
_CORNER = re.compile(r"[ \t]*[+┌├╭╔╠┏┣┡┢└╰╚┗]")
_GAP = re.compile(r"\S(?: \S|\S)*")
_RAGGED = re.compile(r"[^\s#;|=:][^\s|=]{0,39}(?:\t+|[ ]{2,})[^\s|][^\n]*")
_REMARK = re.compile(r"[ \t]*(?:#[^\n]*)?\r?\n?$")
_FEWEST_ALIGNED = 5
_FEWEST_NAMED = 3
_FEWEST_NAMES = 3
_NAMED_SHARE = 0.6
_WORD = re.compile(r"\S+")
_NAME = re.compile(r"[%#(]?[^\W\d_][^\s,;]*[^\s,;.!?]?|\d+[A-Za-z]-?\w*")
_FEWEST_RAGGED = 8
_LONGEST_RAGGED = 200
_LONGEST_LINE = 20_000

_Lines = Sequence[tuple[int, int]]


def drawn_tables(text: str, *, ragged: bool = False) -> Iterator[Table]:
    """The tables that rules or aligned columns show, from the first to the last.

    Args:
        text: the whole text.
        ragged: whether lines of cells that stand under one another nowhere are rows as well.
    """
    lines = [found.span() for found in _LINE.finditer(text)]
    is_rule = [_is_rule(text, line) for line in lines]
    at = done = 0
    while at < len(lines):
        found = None
        if is_rule[at]:
            found = _ruled(text, lines, is_rule, at, done)
        elif at >= done:
            found = _aligned(text, lines, is_rule, at) or _named_columns(text, lines, is_rule, at)
            if found is None and ragged:
                found = _ragged(text, lines, is_rule, at)
        if found is None:
            at += 1
        else:
            table, at = found
            done = at
            if table is not None:
                yield table


def _is_rule(text: str, line: tuple[int, int]) -> bool:
    """Whether a line is drawn with strokes for two columns, or has a pipe at its side."""
    start, end = line
    if end - start > _LONGEST_LINE or not _RULE.fullmatch(text, start, end):
        return False
    shown = text[start:end].strip()
    strokes = len(_STROKES.findall(shown)) + len(re.findall(r"(?<![-=])[-=]:?(?=[|+]|$)", shown))
    return strokes >= 2 or (strokes == 1 and shown[0] in "|+" and len(shown) > 2)


def _ruled(
    text: str, lines: _Lines, is_rule: Sequence[bool], rule: int, done: int
) -> tuple[Table | None, int] | None:
    """The table whose first rule is line ``rule``, and the line after it."""
    shown = text[slice(*lines[rule])]
    before = text[slice(*lines[rule - 1])] if rule > done else ""
    if _PIPE.search(before) and _same_width(before, shown):
        return _piped(text, lines, is_rule, rule - 1, rule + 1)
    if _CORNER.match(shown):
        return _boxed(text, lines, is_rule, rule)
    if _PIPE.search(shown) or "+" in shown or not re.search(r"[-=─━]\s+[-=─━]", shown):
        return None
    return _dashed(text, lines, is_rule, rule, before)


def _same_width(header: str, rule: str) -> bool:
    """Whether as many columns are named as drawn."""

    def columns(line: str) -> int:
        return len(re.split(r"[|+│┃║┼╋╪┿╂]", line.strip().strip("|+│┃║├┤┣┫"))) if line.strip() else 0

    return columns(header.replace(r"\|", "")) == columns(rule)


def _piped(
    text: str, lines: _Lines, is_rule: Sequence[bool], header: int, first: int
) -> tuple[Table | None, int]:
    """Header, rule, rows: a line each while they have pipes."""
    last = first
    while last < len(lines) and (is_rule[last] or _PIPE.search(text, *lines[last])):
        last += 1
    rows = [lines[number] for number in range(first, last) if not is_rule[number]]
    # Markdown is no table without its rule; others are read as well without.
    named = first if _PIPE.search(text, *lines[header + 1]) else first - 1
    return _made(lines, header, last, (header, named), rows), last


def _boxed(text: str, lines: _Lines, is_rule: Sequence[bool], top: int) -> tuple[Table | None, int]:
    """A grid: rows between rules, or lines where only the header and the end have one."""
    last = top
    while last < len(lines) and (is_rule[last] or re.match(r"[ \t]*[|│┃║+]", text[slice(*lines[last])])):
        last += 1
    rules = [number for number in range(top, last) if is_rule[number]]
    if len(rules) < 2 or last - top < 4:
        return None, max(last, top + 1)
    header_end = next((n for n in rules[1:] if "=" in text[slice(*lines[n])]), rules[1])
    inner = [number for number in rules if number > header_end]
    rows: list[tuple[int, int]] = []
    if len(inner) > 1:
        edges = [header_end, *inner, last]
        for above, below in pairwise(edges):
            if below - above > 1:
                rows.append((lines[above + 1][0], lines[below - 1][1]))
    else:
        rows = [lines[number] for number in range(header_end + 1, last) if not is_rule[number]]
    return _made(lines, top, last, (top + 1, header_end), rows), last


def _dashed(
    text: str, lines: _Lines, is_rule: Sequence[bool], rule: int, before: str
) -> tuple[Table | None, int] | None:
    """Names over dashes, columns below; or between two such rules (RST), with a third at the end."""
    if before.strip():
        top, header, body = rule - 1, (rule - 1, rule), rule + 1
    else:
        body = rule + 1
        while body < len(lines) and not is_rule[body] and text[slice(*lines[body])].strip():
            body += 1
        if body >= len(lines) or not is_rule[body]:
            return None
        top, header, body = rule, (rule + 1, body), body + 1
    last = body
    while last < len(lines) and not is_rule[last] and text[slice(*lines[last])].strip():
        last += 1
    rows: list[tuple[int, int]] = []
    for start, end in lines[body:last]:
        if rows and text[start : start + 2].isspace():  # the first column is empty: the row goes on
            rows[-1] = (rows[-1][0], end)
        else:
            rows.append((start, end))
    closed = last < len(lines) and is_rule[last]
    return _made(lines, top, last + closed, header, rows), last + closed


def _aligned(
    text: str, lines: _Lines, is_rule: Sequence[bool], first: int
) -> tuple[Table | None, int] | None:
    """Lines whose cells stand under one another, two spaces or more apart; the first names the columns."""
    edges = _cell_edges(text, lines[first])
    if len(edges) < 3:
        return None
    last = first + 1
    while last < len(lines) and not is_rule[last]:
        own = _cell_edges(text, lines[last])
        if len(own) != len(edges) or not all(
            a[0] == b[0] or a[1] == b[1] for a, b in zip(edges, own, strict=True)
        ):
            break
        last += 1
    if last - first < _FEWEST_ALIGNED:
        return None
    return _made(lines, first, last, (first, first + 1), list(lines[first + 1 : last])), last


def _named_columns(
    text: str, lines: _Lines, is_rule: Sequence[bool], first: int
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
    return _made(lines, first, last, (first, first + 1), list(lines[first + 1 : last])), last


def _words(text: str, line: tuple[int, int]) -> list[tuple[int, int]]:
    """Where the words of a line begin and end; none where nothing in it is set apart by two spaces."""
    start, end = line
    if end - start > _LONGEST_RAGGED or text.find("  ", start, end) < 0:
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


def _ragged(text: str, lines: _Lines, is_rule: Sequence[bool], first: int) -> tuple[Table | None, int] | None:
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
    if end - start > _LONGEST_LINE or text.find("  ", start, end) < 0:
        return []
    return [(cell.start() - start, cell.end() - start) for cell in _GAP.finditer(text, start, end)]


def _made(
    lines: _Lines, first: int, last: int, header: tuple[int, int], rows: list[tuple[int, int]]
) -> Table | None:
    """The table of lines ``first`` to before ``last``, whose header is those lines of ``header``."""
    if not rows or header[1] <= header[0]:
        return None
    names = (lines[header[0]][0], lines[header[1] - 1][1])
    return Table(lines[first][0], lines[last - 1][1], names, tuple(rows))
