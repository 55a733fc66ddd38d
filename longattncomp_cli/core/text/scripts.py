"""Scripts: which of them a text is written in, and what its words are where no vocabulary has them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import regex

_NAMES = (
    *("Latin", "Han", "Hiragana", "Katakana", "Hangul", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan"),
    *("Cyrillic", "Greek", "Arabic", "Hebrew", "Armenian", "Georgian", "Ethiopic", "Devanagari", "Bengali"),
    *("Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala"),
)
_LETTER = regex.compile(
    "|".join(rf"(?P<{name}>[\p{{Script={name}}}&&\p{{L}}]+)" for name in _NAMES)
    + r"|(?P<other>[\p{L}--\p{Common}--\p{Inherited}])",
    regex.V1,
)
# Written without spaces: their words are not told apart, so pairs of neighbours stand for them. Korean has
# spaces, but short words with particles on them.
_UNSPACED = (
    r"\p{Hangul}\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}\p{Javanese}\p{Balinese}"
    r"\p{Tai_Tham}\p{Tai_Le}\p{New_Tai_Lue}\p{Tai_Viet}\p{Yi}"
)
_FOREIGN = regex.compile(rf"(?P<run>[{_UNSPACED}]+)|[[\p{{L}}\p{{M}}]--[{_UNSPACED}]]+", regex.V1)
_RUN = regex.compile(rf"[{_UNSPACED}]+")
_LATIN = regex.compile(r"\p{Latin}")
_CLUSTER = regex.compile(r"\X")
_SAMPLES, _SAMPLE_CHARS = 16, 2_000
_LONGEST_WORD = 60
_ENDING = 2
_SHORTEST_STEM = 4
MAX_TERMS = 128


def script_shares(text: str) -> dict[str, float]:
    """The share of a text's letters that each script has, largest first; a long text is read at 16 places.

    Letters that several scripts share, such as the long mark of kana, count in none.
    """
    step = max(1, -(-len(text) // _SAMPLES))
    parts = [text[at : at + _SAMPLE_CHARS] for at in range(0, len(text), max(step, _SAMPLE_CHARS))]
    counts: Counter[str] = Counter()
    for part in parts:
        for match in _LETTER.finditer(part):
            counts[match.lastgroup or "other"] += match.end() - match.start()
    total = sum(counts.values())
    return {name: count / total for name, count in counts.most_common()}


@dataclass(frozen=True)
class Term:
    """What is looked for in a text instead of a word of a foreign script.

    Attributes:
        start, end: its characters in the query.
        text: what the text must hold.
        begins_word: whether a word must begin with it; a pair of a script without spaces may stand anywhere.
    """

    start: int
    end: int
    text: str
    begins_word: bool


def foreign_terms(query: str) -> list[Term]:
    """The words of a query that are in other scripts than the Latin one, each once; at most ``MAX_TERMS``.

    Long words are cut before their last letters, which inflection changes. Of scripts without spaces each
    pair of neighbouring characters is a term.
    """
    if query.isascii():
        return []
    return list({term.text: term for term in _terms(query)}.values())[:MAX_TERMS]


def pairs_apart(text: str) -> str:
    """The text with runs of a script without spaces as pairs of neighbouring characters, apart."""
    return _RUN.sub(_pairs, text)


def _pairs(match: Any) -> str:
    run = match.group()
    return " " + " ".join(run[at : at + 2] for at in range(max(1, len(run) - 1))) + " "


def is_letter_or_mark(character: str) -> bool:
    """Whether a character is part of a word: vowel signs of Indian scripts are marks."""
    return unicodedata.category(character)[0] in "LM"


def _terms(query: str) -> Iterator[Term]:
    for match in _FOREIGN.finditer(query):
        word = match.group()
        if match["run"]:
            edges = [match.start(), *(cluster.end() for cluster in _CLUSTER.finditer(query, *match.span()))]
            for number in range(max(1, len(edges) - 2)):
                start, end = edges[number], edges[min(number + 2, len(edges) - 1)]
                yield Term(start, end, query[start:end], begins_word=False)
        elif not _LATIN.search(word) and 1 < len(word) <= _LONGEST_WORD:
            stem = word[: max(_SHORTEST_STEM, len(word) - _ENDING)]
            yield Term(match.start(), match.end(), stem, begins_word=True)
