"""JSON: a member is headed by its key, an element of an array by the member that names it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from longattncomp_cli.core.text.structure.units import Structure, Unit, build, heading_span

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{},]', re.DOTALL)


_MOST_DEPTH = 64
_SMALL_CHARS = 1_500
"""An element of up to this many characters is a record; a larger one holds records."""


_HOLDER_CHARS = 400
"""One of more than so many that holds records with names is none itself."""


_LEAST_PART_CHARS = 60
"""Parts of a record that are shorter need no heading of their own."""


# A member that says which element this is, and one that may where none does so.
_NAME = re.compile(
    r'\s*"(?:name|id|title|key|label|slug|code|sku|uuid|\w+_?(?:name|id))"\s*:\s*(?:"|-?\d)', re.IGNORECASE
)
_SCALAR = re.compile(r'\s*"(?:[^"\\\n]|\\.){1,80}"\s*:\s*(?:"|-?\d)')


_MOST_NAME_CHARS = 120
_COLUMNS = re.compile(
    r'\s*"(?:columns?|column_?names|fields|headers?|names|schema)"\s*:\s*\[\s*"[^\[\]{}]*\]', re.IGNORECASE
)
_MOST_COLUMNS_CHARS = 1_000


@dataclass
class _Open:
    """A bracket that is not closed yet: where its element and the one inside it began.

    Attributes:
        element: where the element begins of which it is the bracket, its key included.
        bracket: where the bracket is.
        next_element: where the element begins that comes next inside it.
        parts: the units inside.
        name: the member that names it; the first scalar one until then.
        is_named: whether ``name`` is more than the first.
        columns: the member that names the columns of the arrays in another: ``"columns": ["name", "port"]``.
    """

    element: int
    bracket: int
    next_element: int
    parts: list[Unit] = field(default_factory=list)
    name: tuple[int, int] | None = None
    is_named: bool = False
    columns: tuple[int, int] | None = None


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
                stack.append(_Open(element, at, at + 1))
        elif mark == ",":
            if stack and depth <= _MOST_DEPTH:
                _close_element(text, stack[-1], at + 1)
        else:
            if stack and depth <= _MOST_DEPTH:
                closed = stack.pop()
                _close_element(text, closed, at)
                outer = stack[-1] if stack else None
                (outer.parts if outer else done).extend(_container(text, closed, at + 1, outer))
            depth = max(0, depth - 1)
    for left in stack:
        done.extend(left.parts)
    return build("json", done)


def _close_element(text: str, within: _Open, end: int) -> None:
    """The element before a comma or closing bracket ends; it is a leaf unless a container took its place."""
    start = within.next_element + _blank(text, within.next_element, end)
    if start < end and not (within.parts and within.parts[-1].start >= start):
        within.parts.append(Unit(start, end))
        _name(text, within, start, end)
    within.next_element = end


def _name(text: str, within: _Open, start: int, end: int) -> None:
    """Whether a member names the object that it is in."""
    if within.is_named or text[within.bracket] != "{" or end - start > _MOST_NAME_CHARS:
        return
    within.is_named = _NAME.match(text, start, end) is not None
    if within.is_named or (within.name is None and _SCALAR.match(text, start, end)):
        within.name = (start, end)


def _container(text: str, closed: _Open, end: int, outer: _Open | None) -> list[Unit]:
    start = closed.element + _blank(text, closed.element, end)
    is_small = end - start <= _SMALL_CHARS
    is_keyed = start < closed.bracket
    name = closed.name if not is_keyed else None
    if start == 0 and not closed.is_named:
        name = None
    heading = heading_span(text, start, closed.bracket + 1) if is_keyed else None
    if name is not None:
        first = start if name[1] - start <= _MOST_NAME_CHARS else name[0]
        heading = heading_span(text, first, name[1])
    holds_arrays = bool(closed.parts) and text[closed.parts[0].start] == "["
    if is_keyed and outer is not None and outer.columns is None and _COLUMNS.match(text, start, end):
        outer.columns = (start, end)
    elif is_keyed and outer is not None and outer.columns is not None and holds_arrays:
        first, last = outer.columns
        near = closed.bracket + 1 - first <= _MOST_COLUMNS_CHARS
        heading = (first, closed.bracket + 1 if near else last)
    # What holds a table, or several records, is no record.
    is_small = is_small and closed.columns is None and not (is_keyed and holds_arrays)
    is_small = is_small and not (end - start > _HOLDER_CHARS and _num_records(closed.parts) > 1)
    parts = [part for part in closed.parts if not is_small or _is_headed(part)]
    is_inner_array = outer is not None and text[outer.bracket] == "[" and text[start] == "["
    row = is_small and (text[start] == "{" or is_inner_array)
    return [Unit(start, end, heading, leaf=is_small or not closed.parts, row=row), *parts]


def _num_records(parts: list[Unit]) -> int:
    """How many parts are records with a name."""
    return sum(part.row and part.heading is not None for part in parts)


def _is_headed(part: Unit) -> bool:
    """Whether a part of a record should show its key where it is cut."""
    return part.heading is not None and part.end - part.start >= _LEAST_PART_CHARS


def _blank(text: str, start: int, end: int) -> int:
    part = text[start : min(end, start + 10_000)]
    return len(part) - len(part.lstrip())
