r"""Tables of markup: LaTeX, AsciiDoc ``|===``, MediaWiki ``{|``, RST, Jira ``||``, Textile ``|_.``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from longattncomp_cli.core.text.structure.tables.table import Table

_OPENING = re.compile(
    r"\\begin\{(?P<latex>tabularx?\*?|longtable|tabu|array)\}"
    r"|^[ \t]*(?:(?P<adoc>\|={3,})[ \t\r]*$|(?P<wiki>\{\|)"
    r"|(?P<jira>\|\|[^|\n][^\n]*\|\||\|_\.[^\n]*\|)[ \t\r]*$|\.\.[ ](?P<rst>list-table|csv-table)::)",
    re.MULTILINE,
)
_LATEX_ROW_END = re.compile(r"\\\\(?:\[[^\]\n]{0,20}\])?|\\(?:tabularnewline|cr)\b")
_LATEX_RULES = re.compile(
    r"(?:\s|\\(?:hline|toprule|midrule|bottomrule|endhead|endfirsthead|endfoot)\b|\\cline\{[^}\n]{0,20}\})*"
)
_LATEX_END = re.compile(r"\\end\{(?:tabularx?\*?|longtable|tabu|array)\}")
_LATEX_COLUMNS = re.compile(r"[ \t]*(?:\[[^\]\n]*\]|\{(?:[^{}\n]|\{[^{}\n]*\})*\})*")
_ADOC_END = re.compile(r"^[ \t]*\|={3,}[ \t\r]*$", re.MULTILINE)
_WIKI_END = re.compile(r"^[ \t]*\|\}", re.MULTILINE)
_WIKI_ROW = re.compile(r"^[ \t]*\|-[^\n]*\n?", re.MULTILINE)
_LIST_ROW = re.compile(r"^[ \t]+\*[ ]+-", re.MULTILINE)
_OPTION = re.compile(r"^[ \t]+:[\w-]+:[^\n]*$", re.MULTILINE)
_NOT_INDENTED = re.compile(r"^(?=\S)", re.MULTILINE)
_JIRA_ROW = re.compile(r"[ \t\r]*\n[ \t]*\|[^\n]*\|(?=[ \t\r]*(?:\n|\Z))")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_BLANK = re.compile(r"\n[ \t\r]*\n")

Rows = list[tuple[int, int]]


def markup_tables(text: str) -> Iterator[Table]:
    """The tables of a text, each under its first row or under its header cells."""
    done = 0
    unclosed: set[str] = set()
    for opening in _OPENING.finditer(text):
        kind = opening.lastgroup or ""
        if opening.start() < done or kind in unclosed:
            continue
        found = _READERS[kind](text, opening)
        if found is None:
            unclosed.add(kind)
            continue
        done = found.end
        if found.rows:
            yield found


def _latex(text: str, opening: re.Match[str]) -> Table:
    columns = _LATEX_COLUMNS.match(text, opening.end())
    start = columns.end() if columns else opening.end()
    closing = _LATEX_END.search(text, start)
    stop = closing.start() if closing else len(text)
    ends = [start, *(found.end() for found in _LATEX_ROW_END.finditer(text, start, stop))]
    rows = [(_after(text, _LATEX_RULES, a, b), b) for a, b in pairwise(ends)]
    return _made(text, opening.start(), closing.end() if closing else stop, rows)


def _adoc(text: str, opening: re.Match[str]) -> Table | None:
    """``None`` where nothing closes it, nor any later one."""
    closing = _ADOC_END.search(text, opening.end())
    if closing is None:
        return None
    start = text.find("\n", opening.end()) + 1
    lines = [found.span() for found in _LINE.finditer(text, start, closing.start()) if found.group().strip()]
    if sum(text.count("|", a, b) > 1 for a, b in lines) < len(lines) / 2:
        edges = [
            start,
            *(found.end() for found in _BLANK.finditer(text, start, closing.start())),
            closing.start(),
        ]
        lines = [(a, b) for a, b in pairwise(edges) if text[a:b].strip()]
    return _made(text, opening.start(), closing.end(), lines)


def _wiki(text: str, opening: re.Match[str]) -> Table | None:
    """``None`` where nothing closes it, nor any later one."""
    closing = _WIKI_END.search(text, opening.end())
    if closing is None:
        return None
    start = text.find("\n", opening.end()) + 1
    marks = [found.span() for found in _WIKI_ROW.finditer(text, start, closing.start())]
    edges = [start, *(end for _, end in marks)]
    stops = [*(begin for begin, _ in marks), closing.start()]
    rows = [(a, b) for a, b in zip(edges, stops, strict=True) if text[a:b].strip()]
    if rows and text[slice(*rows[0])].lstrip().startswith("|+") and "\n!" not in text[slice(*rows[0])]:
        rows = rows[1:]
    return _made(text, opening.start(), closing.end(), rows)


def _rst(text: str, opening: re.Match[str]) -> Table:
    body = text.find("\n", opening.end()) + 1
    after = _NOT_INDENTED.search(text, body) if body else None
    end = after.start() if after else len(text)
    if not body or body >= end:
        return Table(opening.start(), opening.end(), None, ())
    if opening.group("rst") == "list-table":
        starts = [found.start() for found in _LIST_ROW.finditer(text, body, end)]
        return _made(text, opening.start(), end, list(pairwise([*starts, end])))
    options = [found.span() for found in _OPTION.finditer(text, body, end)]
    header = next((span for span in options if ":header:" in text[slice(*span)]), None)
    first = options[-1][1] if options else body
    rows = [found.span() for found in _LINE.finditer(text, first, end) if found.group().strip()]
    return _made(text, opening.start(), end, rows if header is None else [header, *rows])


def _jira(text: str, opening: re.Match[str]) -> Table:
    end = after = opening.end()
    while (line := _JIRA_ROW.match(text, after)) is not None:
        end = after = line.end()
    rows = [found.span() for found in _LINE.finditer(text, opening.start(), end) if found.group().strip()]
    return _made(text, opening.start(), end, rows)


_READERS: dict[str, Callable[[str, re.Match[str]], Table | None]] = {
    "latex": _latex,
    "adoc": _adoc,
    "wiki": _wiki,
    "jira": _jira,
    "rst": _rst,
}


def _after(text: str, pattern: re.Pattern[str], start: int, end: int) -> int:
    found = pattern.match(text, start, end)
    return found.end() if found else start


def _made(text: str, start: int, end: int, rows: Rows) -> Table:
    """The table with its first row as its header."""
    kept = [(a, b) for a, b in rows if text[a:b].strip()]
    if not kept:
        return Table(start, end, None, ())
    while end > start and text[end - 1].isspace():
        end -= 1
    return Table(start, end, kept[0], tuple(kept[1:]))
