"""Terms over what is said of them: definition lists of reStructuredText and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from longattncomp_cli.core.text.structure.prose.item_marks import MARKER
from longattncomp_cli.core.text.structure.prose.outline import Lines
from longattncomp_cli.core.text.structure.units import Unit, heading_span

_LONGEST_TERM = 120
_LABELLED = re.compile(r"[ \t]*\\item[ \t]*\[[^\n]*")
_ENDS_LABELLED = re.compile(r"[ \t]*\\(?:item\b|end\{|(?:sub)*section)")


def indented_terms(text: str, lines: Lines, others: Collection[int]) -> Iterator[Unit]:
    """Lines that are no items, with what is indented right below them."""
    open_terms: list[tuple[int, int]] = []
    last = -1
    for number, (start, end) in enumerate([*lines, (len(text), len(text))]):
        line = text[start:end]
        if not line.strip() and number < len(lines):
            continue
        indent = len(line) - len(line.lstrip(" \t"))
        while open_terms and open_terms[-1][0] >= indent:
            _, term = open_terms.pop()
            begin, stop = lines[term][0], lines[last][1]
            yield Unit(begin, _without_space(text, begin, stop), heading_span(text, *lines[term]), leaf=False)
        below = text[slice(*lines[number + 1])] if number + 1 < len(lines) else ""
        is_deeper = bool(below.strip()) and len(below) - len(below.lstrip(" \t")) > indent
        is_term = is_deeper and end - start <= _LONGEST_TERM and MARKER.match(text, start, end) is None
        if is_term and number not in others:
            open_terms.append((indent, number))
        last = number


def labelled_items(text: str, lines: Lines) -> Iterator[Unit]:
    """LaTeX's ``\\item[label]`` with the lines up to the next item, or the end of the list."""
    begin = -1
    for number, (start, end) in enumerate([*lines, (len(text), len(text))]):
        if begin >= 0 and (number == len(lines) or _ENDS_LABELLED.match(text, start, end)):
            own = lines[begin]
            yield Unit(own[0], _without_space(text, own[0], start), heading_span(text, *own), leaf=False)
            begin = -1
        if _LABELLED.match(text, start, end):
            begin = number


def _without_space(text: str, start: int, end: int) -> int:
    return start + len(text[start:end].rstrip())
