"""Where words, lines, sentences and paragraphs begin: shared by chunking and by the cut that fills a budget.

All positions are character offsets of the place where the *next* unit begins, so a text cut there keeps
the white space that ends a unit with the unit it ends.
"""

from __future__ import annotations

import re

import numpy as np

from longattncomp_cli.core.text.arrays import IntArray
from longattncomp_cli.core.text.graphemes import inside_clusters

# Scripts that are written without spaces between words: Chinese, Japanese (and Korean, which has both),
# Thai, Lao, Tibetan, Burmese, Khmer.
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff"
# After white space; and around characters of those scripts.
_WORD = re.compile(rf"(?<=\s)(?=\S)|(?<=[{_UNSPACED}])(?=\S)")


_LINE = re.compile(r"(?<=\n)(?!\n)")


# Full stops that no number and no abbreviation has: of Chinese and Japanese, Devanagari, Arabic and Urdu,
# Ethiopic, Armenian, Burmese, Khmer, Tibetan.
_PLAIN_STOPS = "。！？｡।॥؟۔።፧፨։။។៕།༎"
# A full stop (or a relative) and closing marks, before white space, but for dots that stand alone within a
# line ("test_a ... ok"); a Greek question mark; a colon for the stop of Armenian, two of them or two dividers
# of words for that of Amharic; a wide dot, but of a number; a stop that has no other use, before anything; a
# space between Thai or Lao, which have no stops; an empty line.
_SENTENCE = re.compile(
    r"(?<=[.!?…])(?!(?<=[ \t]\.\.\.)[ \t]+\S)[\"'”’»)\]]{0,3}\s+(?=\S)"
    r"|(?<=[\u0370-\u03ff][;\u037e])\s+(?=\S)"
    r"|(?<=[\u0561-\u0587]:)\s+(?=[\u0531-\u0556])"
    r"|(?<=[\u1200-\u135a]::|[\u1200-\u135a]\u1361\u1361)\s*(?=[^\s:\u1361])"
    r"|(?:(?<=\D\uff0e)|(?<=\d\uff0e)(?!\d))[」』）]{0,2}\s*(?=[^\s\uff0e])"
    rf"|(?<=[{_PLAIN_STOPS}])[」』）》〉”’»]{{0,2}}\s*(?=[^\s{_PLAIN_STOPS}])"
    r"|(?<=[\u0e00-\u0eff])[^\S\n]+(?=[\u0e00-\u0eff])"
    r"|\n[ \t\r]*\n\s*"
)


# After a semicolon or colon; after a comma where a word of a new clause follows; after a dash.
_CLAUSE = re.compile(
    r"(?<=[;:；：])\s+(?=\S)|(?<=[,，])\s+(?=(?:and|or|but|nor|yet|so|which|who|whose|where|when|while|whereas|if|unless"
    r"|provided|except|save|und|oder|aber|wenn|wobei|sofern|et|ou|mais|y|o|pero)\b)|(?<=\s[–—])\s+(?=\S)"
    r"|(?<=[；])(?=\S)",
    re.IGNORECASE,
)
_PARAGRAPH = re.compile(r"\n[ \t\r]*\n\s*")
_EMPTY_LINES = re.compile(r"(?:[ \t\r]*\n)+")


# Also the number or letter of a list item, at the begin of its line or behind the end of another sentence.
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|Prof|Jr|Sr|vs|etc|e\.g|i\.e|No|Fig|Inc|Ltd|Co)|"
    rf"(?:\A|\n|[.!?{_PLAIN_STOPS}](?=[ \t]))[ \t]*(?:\d{{1,3}}|[a-z]))\.$"
)


_LOOK_BACK = 8


def word_starts(text: str) -> IntArray:
    """Offsets at which a word begins (0 excluded), ascending; never inside a grapheme cluster."""
    return np.setdiff1d(_offsets(_WORD, text), inside_clusters(text), assume_unique=True)


def line_starts(text: str) -> IntArray:
    """Offsets at which a non-empty line begins (0 excluded), ascending."""
    return _offsets(_LINE, text)


def sentence_starts(text: str) -> IntArray:
    """Offsets at which a sentence or a paragraph begins (0 excluded), ascending.

    A rule, not a parser: initials and common abbreviations do not end a sentence.
    """
    found = [
        match.end()
        for match in _SENTENCE.finditer(text)
        if not _ABBREVIATION.search(text, max(0, match.start() - _LOOK_BACK), match.start())
    ]
    return np.array(found, dtype=np.int64)


def clause_starts(text: str) -> IntArray:
    """Offsets at which a clause or a sentence begins (0 excluded), ascending."""
    return np.union1d(_offsets(_CLAUSE, text), sentence_starts(text)).astype(np.int64)


def paragraph_starts(text: str) -> IntArray:
    """Offsets at which text goes on after an empty line, ascending."""
    return _offsets(_PARAGRAPH, text)


def past_empty_lines(text: str, offset: int) -> int:
    """Where the first line begins from ``offset`` on that holds something; ``offset`` itself within a line.

    A token of nothing but white space, or the end of a unit, lies before the line break.
    """
    found = _EMPTY_LINES.match(text, offset)
    return found.end() if found else offset


def _offsets(pattern: re.Pattern[str], text: str) -> IntArray:
    return np.fromiter((match.end() for match in pattern.finditer(text)), dtype=np.int64)
