"""Rows and records that a query names: where its numbers, capitalised and quoted words stand in cells.

Words in lower case count where one is all of a row's first cell.

Outside tables such words are left to the layer, which knows them well: entities of prose are spoken of in
many ways. A row says its name once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.text.structure.units import Structure
from longattncomp_cli.core.text.words import Spelling, is_word_character, lower_words, query_keys

_FIRST_CELL, _CELL, _PART = 1.0, 0.5, 0.1
"""What a place counts: the name of its row, another whole cell, a part of a cell."""
_BORDER = ",;|\t\n<>(){}[]:│┃"
_BLANK = " \"'`"
_BEFORE_FIRST_CELL = re.compile(
    r'\{\s*"[^"\n]{0,200}"\s*:\s*"?|(?:<[^<>]{0,200}>\s*)+'
    r"|INSERT\b[^()]{0,200}(?:\([^()]{0,4000}\)[^()]{0,20})?\('?|[\s|│┃(\"']*"
)
"""What stands before the first value of a record, of a row of HTML, of a statement, of any other row."""


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where a key begins in a source's text, and how much that counts, in (0, 1]."""

    source: int
    offset: int
    weight: float


def row_keys(request: Request, known: Sequence[str]) -> Iterator[tuple[str, str, list[KeyPlace]]]:
    """What of the query stands in rows: as the query writes it, as the rows do, and the places.

    Args:
        request: with the query and the texts.
        known: names that are looked for anyway.
    """
    query = Spelling.of(request.query).text
    wanted = [spellings for spellings in query_keys(query) if spellings[0] not in known]
    tables = [
        (number, source, source.structure)
        for number, source in enumerate(request.sources)
        if source.structure is not None and len(source.structure.rows[0])
    ]
    for spellings in wanted if tables else ():
        for spelling in spellings:
            places = [place for table in tables for place in _in(*table, spelling)]
            if places:
                written = spelling if spelling in query else spellings[0]
                yield written, spelling, places
                break
    for word in lower_words(query) if tables else ():
        places = [place for table in tables for place in _in(*table, word) if place.weight == _FIRST_CELL]
        if places and word not in known:
            yield word, word, places


def _in(number: int, source: Source, structure: Structure, key: str) -> Iterator[KeyPlace]:
    """The places of a key in the rows of a source: as written, or where that is nowhere, in any case."""
    spelling = source.spelling
    span = spelling.span(*source.context_span)
    places = _places(spelling.text, re.compile(re.escape(key)), *span)
    if not places and " " in key:
        places = _places(spelling.text, re.compile(re.escape(key), re.IGNORECASE), *span)
    for start, end in ((spelling.original(a), spelling.original(b)) for a, b in places):
        row = structure.row_at(start)
        if row is not None:
            yield KeyPlace(number, start, _weight(source.text, start, end, row))


def _places(text: str, key: re.Pattern[str], start: int, end: int) -> list[tuple[int, int]]:
    """Where a key stands, no letter, digit or underscore being joined to it."""
    return [
        found.span()
        for found in key.finditer(text, start, end)
        if not (_is_word(text, found.start() - 1) and is_word_character(text[found.start()]))
        and not (_is_word(text, found.end()) and is_word_character(text[found.end() - 1]))
    ]


def _is_word(text: str, at: int) -> bool:
    return 0 <= at < len(text) and is_word_character(text[at])


def _weight(text: str, start: int, end: int, row: tuple[int, int]) -> float:
    """How much a place counts: whether it is all of a cell, and of the first."""
    first = _BEFORE_FIRST_CELL.match(text, row[0], row[1])
    begin, stop = start, end
    while begin > row[0] and text[begin - 1] in _BLANK:
        begin -= 1
    while stop < row[1] and text[stop] in _BLANK:
        stop += 1
    opens = begin == row[0] or text[begin - 1] in _BORDER or start - begin > 1
    closes = stop == row[1] or text[stop] in _BORDER or stop - end > 1
    if not (opens and closes):
        return _PART
    return _FIRST_CELL if first is not None and first.end() >= start else _CELL
