"""JSON: the elements of arrays and members of objects, down to those that are small."""

from __future__ import annotations

import re
from dataclasses import dataclass

from longattncomp_cli.core.text.structure.units import Structure, Unit, build, heading_span

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{},]', re.DOTALL)


_MOST_DEPTH = 64


_SMALL_CHARS = 1_500
"""An element of up to this many characters is a record; a larger one holds records."""


@dataclass
class _Open:
    """A bracket that is not closed yet: where its element and the one inside it began."""

    element: int
    bracket: int
    next_element: int
    parts: list[Unit]


def read(text: str) -> Structure:
    """Read the elements; a text that is not JSON to its end gives what was closed until there."""
    stack: list[_Open] = []
    depth = 0
    done: list[Unit] = []
    for token in _TOKEN.finditer(text):
        mark, at = token.group(), token.start()
        if mark[0] == '"':
            continue
        if mark in "[{":
            depth += 1
            if depth <= _MOST_DEPTH:
                element = stack[-1].next_element if stack else at
                stack.append(_Open(element, at, at + 1, []))
        elif mark == ",":
            if stack and depth <= _MOST_DEPTH:
                _close_element(text, stack[-1], at + 1)
        else:
            if stack and depth <= _MOST_DEPTH:
                closed = stack.pop()
                _close_element(text, closed, at)
                (stack[-1].parts if stack else done).extend(_container(text, closed, at + 1))
            depth = max(0, depth - 1)
    for left in stack:
        done.extend(left.parts)
    return build("json", done)


def _close_element(text: str, within: _Open, end: int) -> None:
    """The element before a comma or closing bracket ends; it is a leaf unless a container took its place."""
    start = within.next_element + _blank(text, within.next_element, end)
    has_own = bool(within.parts) and within.parts[-1].start >= start
    inner = any(part.start >= start for part in within.parts[-1:])
    if start < end and not has_own and not inner:
        within.parts.append(Unit(start, end))
    within.next_element = end


def _container(text: str, closed: _Open, end: int) -> list[Unit]:
    start = closed.element + _blank(text, closed.element, end)
    if end - start <= _SMALL_CHARS or not closed.parts:
        return [Unit(start, end, row=text[start] == "{")]
    return [Unit(start, end, heading_span(text, start, closed.bracket + 1), leaf=False), *closed.parts]


def _blank(text: str, start: int, end: int) -> int:
    part = text[start : min(end, start + 10_000)]
    return len(part) - len(part.lstrip())
