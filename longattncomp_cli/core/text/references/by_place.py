"""What a query asks for by its place: "the third step", "row 4", "the last ingredient", "the current limit".

Series are lists, rows of a table and the entries of a log. One is meant where the word behind the number is a
common name of its items, or stands over it; where several are, none is for sure.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.core.text.structure.asked_lines import asked_words, matched
from longattncomp_cli.core.text.structure.prose.item_marks import MARKER, indent_and_mark
from longattncomp_cli.core.text.structure.units import Structure

_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth"),
    *("seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"),
)
_ASKED = re.compile(
    rf"(?i)\b(?P<place>{'|'.join(_ORDINALS)}|\d{{1,4}}(?:st|nd|rd|th)|last but one|penultimate|last|final)[ ]"
    r"(?P<nouns>[^\W\d_]+(?:[ -][^\W\d_]+)?)"
)
_NUMBERED = re.compile(
    r"(?i)\b(?P<noun>step|item|point|row|rule|line|entry|stage|option|record)[ ]"
    r"(?:no\.?[ ]|number[ ]|#)?(?P<number>\d{1,4})\b"
)
_ENDS = re.compile(r"(?i)\b(?P<place>last|first)[ ]*[?.!]*\Z")
_OF_LISTS = frozenset(("step", "item", "point", "entry", "bullet", "option", "rule"))
_OF_ROWS = frozenset(("row", "line", "entry", "record", "item"))
_TIME = re.compile(
    r"(?i)\b(?:(?P<last>last|latest|newest|most recent(?:ly)?|current(?:ly)?|now|final(?:ly)?)"
    r"|first|oldest|earliest|initial(?:ly)?|original(?:ly)?)\b"
)
_OF_ENTRIES = frozenset(("log", "line", "entry", "record", "message", "event", "file", "value", "time"))
_TIMED_KINDS = frozenset(("log", "lines", "jsonl"))
_FEWEST_ITEMS = 3
_LEAD_CHARS = 200


@dataclass
class _Series:
    """Items in order: what stands over them, where each begins, and their numbers where they have some."""

    lead: str
    starts: list[int]
    labels: list[str]
    nouns: frozenset[str]


def asks_for_place(query: str) -> bool:
    """Whether a query may ask for something by its place."""
    return any(pattern.search(query) for pattern in (_ASKED, _NUMBERED, _ENDS, _TIME))


def item_asked(text: str, region: Span, structure: Structure | None, query: str) -> int | None:
    """Where the item begins that a query asks for by its place; ``None`` where it asks for none for sure.

    Args:
        text: the whole text.
        region: the part of it that counts.
        structure: of the text.
        query: the question.
    """
    if structure is not None and structure.kind in _TIMED_KINDS:
        return _entry_by_time(text, region, structure, query)
    asked = _ASKED.search(query) or _NUMBERED.search(query) or _ENDS.search(query)
    if asked is None:
        return None
    place = asked.groupdict().get("number") or asked["place"].lower()
    nouns = (asked.groupdict().get("nouns") or asked.groupdict().get("noun") or "").lower().split()
    rest = asked_words(query.replace(asked[0], " "))
    nouns = [_singular(noun) for noun in nouns] or rest[:1]
    found = list(_series(text, region, structure))
    means = [each for each in found if matched(nouns, each.lead)] or [
        each for each in found if each.nouns.intersection(nouns)
    ]
    ranks = [len(matched(rest, each.lead)) for each in means]
    best = [each for each, rank in zip(means, ranks, strict=True) if rank == max(ranks)]
    if len(best) > 1:
        best = [each for each in best if all(each.labels)]
    return _at(best[0], place) if len(best) == 1 else None


def _at(series: _Series, place: str) -> int | None:
    """Where the item at a place begins: by its own number where items have such, else by its order."""
    if place in ("last", "final"):
        return series.starts[-1]
    if place in ("last but one", "penultimate"):
        return series.starts[-2]
    number = _ORDINALS.index(place) + 1 if place in _ORDINALS else int(re.sub(r"\D", "", place))
    if str(number) in series.labels:
        return series.starts[series.labels.index(str(number))]
    return series.starts[number - 1] if 0 < number <= len(series.starts) and not any(series.labels) else None


def _series(text: str, region: Span, structure: Structure | None) -> Iterator[_Series]:
    """The lists and tables of a part of a text."""
    for starts, labels in _lists(text, region):
        yield _Series(_lead(text, structure, starts[0]), starts, labels, _OF_LISTS)
    for starts in _tables(region, structure):
        yield _Series(_lead(text, structure, starts[0]), starts, [""] * len(starts), _OF_ROWS)


def _lists(text: str, region: Span) -> Iterator[tuple[list[int], list[str]]]:
    """Items that stand beside each other, with their numbers; what is further indented goes on in an item."""
    open_lists: list[tuple[int, list[int], list[str]]] = []
    at = region.start
    for line in text[region.start : region.end].splitlines(keepends=True):
        start, at = at, at + len(line)
        if not line.strip():
            continue
        mark = MARKER.match(line)
        indent = indent_and_mark(mark)[0] if mark else len(line) - len(line.lstrip())
        while open_lists and (open_lists[-1][0] > indent or (open_lists[-1][0] == indent and mark is None)):
            closed = open_lists.pop()
            if len(closed[1]) >= _FEWEST_ITEMS:
                yield closed[1:]
        if mark is not None and mark.group(2):
            if not open_lists or open_lists[-1][0] < indent:
                open_lists.append((indent, [], []))
            open_lists[-1][1].append(start)
            open_lists[-1][2].append(re.sub(r"\D", "", mark.group(2)))
    for _, starts, labels in open_lists:
        if len(starts) >= _FEWEST_ITEMS:
            yield starts, labels


def _tables(region: Span, structure: Structure | None) -> Iterator[list[int]]:
    """Where the rows of each table begin."""
    if structure is None:
        return
    tables = defaultdict[tuple[int, int] | None, list[int]](list)
    for start, _ in structure.rows_from(*region):
        around = structure.around(start)
        tables[(around[-1].start, around[-1].end) if around else None].append(start)
    yield from (starts for starts in tables.values() if len(starts) >= _FEWEST_ITEMS)


def _lead(text: str, structure: Structure | None, start: int) -> str:
    """The heading lines over a series, and the line right before it."""
    over = structure.headings_at(start) if structure is not None else []
    end = len(text[max(0, start - _LEAD_CHARS) : start].rstrip()) + max(0, start - _LEAD_CHARS)
    begin = max(text.rfind("\n", 0, end) + 1, end - _LEAD_CHARS)
    return "\n".join([*(text[a:b] for a, b in over), text[begin:end]])


def _entry_by_time(text: str, region: Span, structure: Structure, query: str) -> int | None:
    """The last or first entry of those that have most of a query's words: all, or two at least."""
    asked = _TIME.search(query)
    if asked is None:
        return None
    words = [word for word in asked_words(_TIME.sub(" ", query)) if _singular(word) not in _OF_ENTRIES]
    stems = [word[: max(3, len(word) - 2)] for word in words]
    starts = [unit for unit in structure.units if region.start <= unit.start and unit.end <= region.end]
    counts = [sum(stem in text[unit.start : unit.end].casefold() for stem in stems) for unit in starts]
    most = max(counts, default=0)
    if not counts or most < min(2, len(stems)):
        return None
    chosen = [unit.start for unit, count in zip(starts, counts, strict=True) if count == most]
    return chosen[-1] if asked["last"] else chosen[0]


def _singular(word: str) -> str:
    return "entry" if word == "entries" else word.removesuffix("s")
