"""Which line a question asks for, in what is read line by line: by the words of the line and of its owners.

``runs-on: ubuntu`` under ``build:`` answers to *runner* and *build*: what a line stands under counts as its
own words do, and a key more than what is only mentioned in a value. Lines that head others are no answers:
they come with what stands under them. Of very long lines a clause stands for the line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from longattncomp_cli.core.text.languages import FUNCTION_WORDS
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.core.text.structure.line_pieces import line_pieces
from longattncomp_cli.core.text.structure.units import Structure

_IN_VALUE = 0.6
_SHORTEST_STEM, _ENDING = 3, 2
_SHORT_LETTERS = 3
_LETTER_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_KEY = re.compile(r"[\s\-*\"'<\[(@.]*(?:[\w./-]+(?:[ ][\w-]+){0,3}(?=[\"']?\s*[:=])|[\w./-]+)")
_COMMON_WORDS = FUNCTION_WORDS | frozenset(
    ("us", "use", "used", "uses", "get", "gets", "one", "set", "long", "often")
)


def asked_words(query: str) -> list[str]:
    """The words of a query that say what is asked for; of those alike but for their endings the first."""
    found: list[str] = []
    for word in _words(query):
        is_new = not any(word == other or _is_alike(word, other) for other in found)
        if (len(word) > 1 or word.isdigit()) and word not in _COMMON_WORDS and is_new:
            found.append(word)
    return found


def matched(asked: list[str], text: str) -> set[str]:
    """Which of the words stand in a text: alike but for their endings, the longer ones in others too."""
    own, plain = set(_words(text)), text.casefold()
    return {
        word
        for word in asked
        if word in own
        or (len(word) > _SHORT_LETTERS and word in plain)
        or any(_is_alike(word, other) for other in own)
    }


@dataclass(frozen=True, slots=True)
class Asked:
    """The lines that answer best to a query's words: those that do so equally well, in order.

    Attributes:
        lines: none where no line and no owner of one has such a word.
        by_own_words: whether the lines have some themselves, besides what they stand under.
        rank: how well they answer, to be compared: for how many words, one in a value counting less; then
            what :func:`_line_rank` says.
    """

    lines: list[Span]
    by_own_words: bool
    rank: tuple[float, int, bool, int]


def asked_lines(text: str, kind: str | None, structure: Structure | None, region: Span, query: str) -> Asked:
    """Find the lines of a part of a text that a query asks for."""
    asked = asked_words(query)
    best, most = list[Span](), (0.0, 0, False, 0)
    for piece in line_pieces(text, kind, *region):
        found = _line_rank(text, structure, piece, asked)
        if found is None or not found[0] or found < most:
            continue
        if found > most:
            best, most = [], found
        best.append(piece)
    return Asked(best, most[2], most)


def _line_rank(
    text: str, structure: Structure | None, piece: Span, asked: list[str]
) -> tuple[float, int, bool, int] | None:
    """What a line counts, for how many words of its key, whether for words that no owner has; its depth.

    The depth, below 0, counts where it has any words: the line nearest to the owner is meant, not one of
    what that owns. ``None`` of a line that heads others or holds no word.
    """
    line = text[piece.start : piece.end]
    if not any(letter.isalnum() for letter in line) or (structure and heads_more(text, structure, piece)):
        return None
    over = structure.headings_at(piece.start) if structure is not None else []
    named = {word for start, end in over for word in matched(asked, text[start:end])}
    key = _KEY.match(line)
    in_key = matched(asked, key[0]) if key else set()
    in_value = matched(asked, line) - named - in_key
    score = len(named | in_key) + _IN_VALUE * len(in_value)
    has_own = bool(in_key - named or in_value)
    return score, len(in_key), has_own, -len(over) if in_key or in_value else 0


def heads_more(text: str, structure: Structure, piece: Span) -> bool:
    """Whether a line belongs to the heading of more lines."""
    line = text[piece.start : piece.end]
    end = piece.start + len(line.rstrip())
    begin = end - len(line.strip())
    return any(
        unit.heading is not None and unit.heading[0] <= begin and end <= unit.heading[1] and end < unit.end
        for unit in structure.around(begin + 1)
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(_LETTER_CASE.sub(" ", text).casefold())


def _is_alike(word: str, other: str) -> bool:
    """Whether two words differ in their endings only: ``runner`` and ``runs``."""
    if not word.isalpha() or abs(len(word) - len(other)) > _SHORTEST_STEM:
        return False
    length = max(_SHORTEST_STEM, min(len(word), len(other)) - _ENDING)
    return len(other) >= length <= len(word) and word[:length] == other[:length]
