"""Lists: items with what is nested in them, under the line or sentence that introduces them.

"Never do any of the following:" turns the items below it round, and "Fixed:" says what they are: an item is
kept with the items around it that hold it, and with the line before the list that ends in a colon.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from longattncomp_cli.core.text.boundaries import sentence_starts
from longattncomp_cli.core.text.structure.prose.item_marks import (
    MARKER,
    Item,
    indent_and_mark,
    place_of,
    style_of,
    width_of,
)
from longattncomp_cli.core.text.structure.prose.outline import Lines
from longattncomp_cli.core.text.structure.units import Unit, heading_span

_INDENTATION = re.compile(r"[ \t]*")
_INTRODUCES = re.compile(r"[:：](?:[*_`]{1,3})?$")
# Begins an environment of items: no text of its own.
_BEGINS_LIST = re.compile(r"\s*\\begin\{\w+\}")
_LEADS = re.compile(r"(?:[:：]|[ ][–—])[*_`]{0,3}$")
_ASKS = re.compile(r"[?？][*_`]{0,3}$")
_MOST_DEPTH = 8
# The longest sentence that introduces a list, and how far back it is looked for.
_LONGEST_LEAD = 300
_LOOK_BACK = 2_000
# How far an item goes on over lines that are not indented under it.
_LONGEST_UNINDENTED = 600


@dataclass
class _List:
    """A list that is not closed yet: its items are closed ones; ``lead`` introduces it."""

    lead: tuple[int, int] | None
    start: int
    units: list[Unit] = field(default_factory=list)
    num_items: int = 0


def find_lists(text: str, lines: Lines, others: Collection[int], *, fewest_items: int = 1) -> Iterator[Unit]:
    """The lists of a text and their items.

    Args:
        text: the whole text.
        lines: of it.
        others: numbers of the lines that are no text of a list: headings, tables, code.
        fewest_items: of a list that nothing introduces; one that a colon introduces may have one.

    Yields:
        A unit for each list, which joins its items; its heading is the line or sentence that introduces it.
        A unit for each item; its heading is its first sentence where there is more, or what stands before
        the items nested in it.
    """
    found: _List | None = None
    items: list[Item] = []
    blank = True
    before: tuple[int, int] | None = None
    paragraph = 0
    for number, (start, end) in enumerate(lines):
        line = text[start:end].rstrip()
        if not line:
            blank = True
            continue
        marker = None if number in others else MARKER.match(text, start, end)
        indent = width_of(_INDENTATION.match(line).group())  # type: ignore[union-attr]
        may_be_lazy = not blank and number not in others
        if marker is not None and may_be_lazy and place_of(items, *indent_and_mark(marker)) is None:
            marker = None  # the number of a sentence that goes on from the line above
        if found is not None and not _belongs(items, indent, start, line, marker, may_be_lazy):
            yield from _closed(text, found, items, fewest_items)
            found, items, paragraph = None, [], start
        if blank and found is None:
            paragraph = start
        blank = False
        if marker is None:
            if found is not None:
                _pop(text, found, items, indent, end_of=start + len(line))
            elif number in others:
                before = None
            elif not _BEGINS_LIST.match(line):
                before = (paragraph, start + len(line))
            continue
        if found is None:
            found = _List(_introduction(text, *before) if before else None, start)
            before = None
        _open(text, found, items, marker, start + len(line))
    if found is not None:
        yield from _closed(text, found, items, fewest_items)


def led_paragraphs(text: str, lines: Lines, others: Collection[int]) -> Iterator[Unit]:
    """Lines that end in a colon or a dash, with the lines of their paragraph below: it is said of each.

    Only the first line of a paragraph leads, and those that are no further indented. A question that is the
    first line leads to what answers it.
    """
    first = -1
    for number, (start, end) in enumerate([*lines, (len(text), len(text))]):
        line = text[start:end].rstrip()
        is_text = bool(line.strip()) and number not in others
        leads = is_text and len(line) <= _LONGEST_LEAD and _LEADS.search(line) is not None
        is_new = number == 0 or number - 1 in others or not text[slice(*lines[number - 1])].strip()
        asks = is_text and is_new and len(line) <= _LONGEST_LEAD and _ASKS.search(line) is not None
        leads = asks or (
            leads and (is_new or (first >= 0 and _indent(text, lines[first]) >= _indent(text, (start, end))))
        )
        if first >= 0 and (leads or not is_text):
            if number - first > 1:
                opening, stop = lines[first], lines[number - 1][1]
                stop = opening[0] + len(text[opening[0] : stop].rstrip())
                yield Unit(opening[0], stop, heading_span(text, *opening), leaf=False)
            first = -1
        first = number if leads else first


def _indent(text: str, line: tuple[int, int]) -> int:
    found = _INDENTATION.match(text, *line)
    return width_of(found.group()) if found else 0


def _belongs(
    items: list[Item], indent: int, start: int, line: str, marker: re.Match[str] | None, may_be_lazy: bool
) -> bool:
    """Whether a line is of the list whose ``items`` are open.

    One that is not indented may go on with the item before it, as in Markdown, but not without end. An
    ordinal of another kind that begins no list in the list is of the list around it.
    """
    base = items[0].indent
    if marker is not None and indent == base and place_of(items, *indent_and_mark(marker)) is None:
        return False
    if marker is not None or indent > base:
        return indent >= base - 1
    return may_be_lazy and start - items[-1].start < _LONGEST_UNINDENTED and not _INTRODUCES.search(line)


def _open(text: str, found: _List, items: list[Item], marker: re.Match[str], end: int) -> None:
    """Open an item, once those that it does not lie in are closed."""
    own, mark = indent_and_mark(marker)
    indent = place_of(items, own, mark) or own
    while items and (items[-1].indent >= indent or len(items) >= _MOST_DEPTH):
        found.units.append(_unit(text, items.pop()))
    if items:
        items[-1].first_nested = items[-1].first_nested if items[-1].first_nested >= 0 else marker.start()
    items.append(Item(marker.start(), indent, end, style_of(items, mark), mark.strip("().")))
    found.num_items += 1
    for item in items:
        item.end = end


def _pop(text: str, found: _List, items: list[Item], indent: int, *, end_of: int) -> None:
    """A line of text that ends at ``end_of`` goes on with the innermost item that it is indented under."""
    while len(items) > 1 and items[-1].indent >= indent and items[-1].indent == int(items[-1].indent):
        found.units.append(_unit(text, items.pop()))
    for item in items:
        item.end = end_of


def _closed(text: str, found: _List, items: list[Item], fewest_items: int) -> Iterator[Unit]:
    if found.lead is None and found.num_items < fewest_items:
        return
    whole = Unit(found.start, items[0].end, leaf=False, joined=True)
    if found.lead is not None:
        whole = replace(whole, start=found.lead[0], heading=found.lead)
    for unit in [*found.units, *(_unit(text, item) for item in items)]:
        if (unit.start, unit.end) == (whole.start, whole.end):
            # The only item.
            whole = replace(unit, joined=True)
        else:
            yield unit
    yield whole


def _unit(text: str, item: Item) -> Unit:
    """The unit of a closed item."""
    if item.first_nested >= 0:
        return Unit(item.start, item.end, heading_span(text, item.start, item.first_nested), leaf=False)
    own = text[item.start : min(item.end, item.start + _LOOK_BACK)]
    title, _, below = own.partition("\n")
    if _is_title(title.rstrip(), below):
        return Unit(item.start, item.end, heading_span(text, item.start, item.start + len(title)), leaf=False)
    breaks = [int(at) for at in sentence_starts(own)[:1]]
    if not breaks and len(own) <= _LONGEST_LEAD:
        return Unit(item.start, item.end)
    return Unit(item.start, item.end, heading_span(text, item.start, item.start + (breaks or [len(own)])[0]))


def _is_title(line: str, below: str) -> bool:
    """Whether the first line of an item heads the lines below: short beside them, and no sentence goes on."""
    widest = max(map(len, below.split("\n")))
    return line[-1:].isalnum() and 2 * len(line) < widest and below.lstrip()[:1].isupper()


def _introduction(text: str, paragraph: int, end: int) -> tuple[int, int] | None:
    """The last sentence of the paragraph that ends at ``end``, where it ends in a colon."""
    if not _INTRODUCES.search(text, max(paragraph, end - 8), end):
        return None
    begin = max(paragraph, end - _LOOK_BACK)
    starts = sentence_starts(text[begin:end])
    start = begin + int(starts[-1]) if len(starts) else paragraph
    if end - start > _LONGEST_LEAD:
        start = max(start, text.rfind("\n", start, end) + 1)
    return heading_span(text, start, end)
