"""Tables drawn with characters: pipes and rules (Markdown, psql, grids) and dashes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from longattncomp_cli.core.text.structure.tables.aligned import LONGEST_LINE, PIPE, Lines, made, unruled
from longattncomp_cli.core.text.structure.tables.table import Table

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_RULE = re.compile(r"[-=+|:─━═┄│┃║┌┐└┘├┤┬┴┼╭╮╯╰╔╗╚╝╠╣╦╩╬┏┓┗┛┣┫┳┻╋┡┩╇┢┪╈ \t]*\r?\n?")
_STROKES = re.compile(r"[-=─━═┄]{2,}")
_CORNER = re.compile(r"[ \t]*[+┌├╭╔╠┏┣┡┢└╰╚┗]")


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
            found = unruled(text, lines, is_rule, at, ragged=ragged)
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
    if end - start > LONGEST_LINE or not _RULE.fullmatch(text, start, end):
        return False
    shown = text[start:end].strip()
    strokes = len(_STROKES.findall(shown)) + len(re.findall(r"(?<![-=])[-=]:?(?=[|+]|$)", shown))
    return strokes >= 2 or (strokes == 1 and shown[0] in "|+" and len(shown) > 2)


def _ruled(
    text: str, lines: Lines, is_rule: Sequence[bool], rule: int, done: int
) -> tuple[Table | None, int] | None:
    """The table whose first rule is line ``rule``, and the line after it."""
    shown = text[slice(*lines[rule])]
    before = text[slice(*lines[rule - 1])] if rule > done else ""
    if PIPE.search(before) and _same_width(before, shown):
        return _piped(text, lines, is_rule, rule - 1, rule + 1)
    if _CORNER.match(shown):
        return _boxed(text, lines, is_rule, rule)
    if PIPE.search(shown) or "+" in shown or not re.search(r"[-=─━]\s+[-=─━]", shown):
        return None
    return _dashed(text, lines, is_rule, rule, before)


def _same_width(header: str, rule: str) -> bool:
    """Whether as many columns are named as drawn."""

    def columns(line: str) -> int:
        return len(re.split(r"[|+│┃║┼╋╪┿╂]", line.strip().strip("|+│┃║├┤┣┫"))) if line.strip() else 0

    return columns(header.replace(r"\|", "")) == columns(rule)


def _piped(
    text: str, lines: Lines, is_rule: Sequence[bool], header: int, first: int
) -> tuple[Table | None, int]:
    """Header, rule, rows: a line each while they have pipes."""
    last = first
    while last < len(lines) and (is_rule[last] or PIPE.search(text, *lines[last])):
        last += 1
    rows = [lines[number] for number in range(first, last) if not is_rule[number]]
    # Markdown is no table without its rule; others are read as well without.
    named = first if PIPE.search(text, *lines[header + 1]) else first - 1
    return made(lines, header, last, (header, named), rows), last


def _boxed(text: str, lines: Lines, is_rule: Sequence[bool], top: int) -> tuple[Table | None, int]:
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
    return made(lines, top, last, (top + 1, header_end), rows), last


def _dashed(
    text: str, lines: Lines, is_rule: Sequence[bool], rule: int, before: str
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
    return made(lines, top, last + closed, header, rows), last + closed
