"""Where words, lines, sentences and paragraphs begin: shared by chunking and by the cut that fills a budget.

All positions are character offsets of the place where the *next* unit begins, so a text cut there keeps
the white space that ends a unit with the unit it ends.
"""

from __future__ import annotations

import re

import numpy as np
import regex

from longattncomp_cli.core.text.arrays import IntArray
from longattncomp_cli.core.text.graphemes import inside_clusters

# Scripts that are written without spaces between words: Thai, Lao and Tibetan, Burmese, Khmer, Tai, kana and
# Han, Yi, Javanese, half-width kana, rare Han.
_UNSPACED = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff"
    "\ua000-\ua4cf\ua980-\ua9ff\uaa00-\uaadf\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
# After white space; and around characters of those scripts.
_WORD = re.compile(rf"(?<=[\s{_UNSPACED}])(?=\S)")


_LINE = re.compile(r"(?<=\n)(?!\n)")


# A full stop (or a relative) and closing marks, before white space, but for dots that stand alone within a
# line ("test_a ... ok").
_SENTENCE = re.compile(r"[.!?…](?!(?<=[ \t]\.\.\.)[ \t]+\S)[\"'“”‘’«»‹›)\]]{0,3}\s+(?=\S)")
# Marks with no other use, before anything: those that Unicode lets end a sentence, but for commas, and of
# Tibetan, Sinhala, Hebrew and Georgian. Latin marks between characters of scripts without spaces.
_STOP = r"[[\p{SB=STerm}།༎༏༐༑෴׃჻]--[!?၊᭞]]"
_FAR_SENTENCE = regex.compile(
    rf"{_STOP}[!?]*+[\p{{Pe}}\p{{Pf}}]{{0,2}}+\s*+(?=[^\s!?])(?!{_STOP})"
    rf"|(?<=[{_UNSPACED}])[!?]+[\p{{Pe}}\p{{Pf}}]{{0,2}}+(?=[{_UNSPACED}\p{{Ps}}\p{{Pi}}])",
    regex.V1,
)
# By script, where it is there: a Greek question mark; a colon for the stop of Armenian, two of them or two
# dividers of words for that of Amharic; a space between Thai or Lao, which have no stops; a wide dot, but of
# a number.
_OF_SCRIPTS = [
    (re.compile(script), re.compile(sentence))
    for script, sentence in (
        (
            r"[\u0370-\u03ff]",
            r"[;\u037e](?:(?<=[\u0370-\u03ff\u1f00-\u1fff].)|(?<=[\u0370-\u03ff][\u0300-\u0345].)"
            r"|(?<=[\u0370-\u03ff][\u0300-\u0345]{2}.))[\"'”’»)]{0,2}\s+(?=\S)",
        ),
        (r"[\u0561-\u0587]", r":(?<=[\u0561-\u0587]:)\s+(?=[\u0531-\u0556])"),
        (r"[\u1200-\u135a]", r"(?::(?<=[\u1200-\u135a]:):|\u1361\u1361)\s*(?=[^\s:\u1361])"),
        (r"[\u0e00-\u0eff]", r"(?<=[\u0e00-\u0eff])[^\S\n]+(?=[\u0e00-\u0eff])"),
        (r"\uff0e", r"\uff0e(?:(?<=\D.)|(?!\d))[」』）]{0,2}\s*(?=[^\s\uff0e])"),
    )
]


# After a semicolon or colon; after a comma where a word of a new clause follows; after a dash.
_CLAUSE = re.compile(
    r"(?<=[;:；：])\s+(?=\S)|(?<=[,，])\s+(?=(?:and|or|but|nor|yet|so|which|who|whose|where|when|while|whereas|if|unless"
    r"|provided|except|save|und|oder|aber|wenn|wobei|sofern|et|ou|mais|y|o|pero)\b)|(?<=\s[–—])\s+(?=\S)"
    r"|(?<=[；])(?=\S)",
    re.IGNORECASE,
)
_PARAGRAPH = re.compile(r"\n[ \t\r]*\n\s*")
_EMPTY_LINES = re.compile(r"(?:[ \t\r]*\n)+")


# Before a full stop that ends no sentence: an initial, a title, what a reference begins with; also the number
# or letter of a list item, at the begin of its line or behind the end of another sentence.
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z\u00c0-\u00d6\u00d8-\u00de\u0391-\u03a9\u0410-\u042f\u0531-\u0556]"
    r"|Mr|Mrs|Ms|Dr|St|Prof|Jr|Sr|vs|etc|e\.g|i\.e|No|Nr|Fig|Abb|Inc|Ltd|Co|Sra|Dra|Sig|Mme"
    r"|(?i:им|ул|ст|гл|рис|табл|акад|проф))|(?<!\w)(?:डॉ|डा|प्रो|पं)|"
    r"(?:\A|\n|[.!?。！？।॥؟۔።፧፨։။](?=[ \t]))[ \t]*(?:\d{1,3}|[a-z]))\.$"
)
# And one after which a sentence goes on: a short word or a number before a small letter, before a month
# ("am 3. Mai"), before another letter alone ("z. B.").
_SHORT = re.compile(r"(?<!\w)(?:[^\W\d_]{1,4}|\d{1,4})\.$")
_GOES_ON = re.compile(
    r"[^\W\d_]\.\s|Januar|Jänner|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember|Jahrh"
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
    found = {match.end() for match in _PARAGRAPH.finditer(text)}
    found.update(
        match.end() for match in _SENTENCE.finditer(text) if not _is_abbreviated(text, *match.span())
    )
    if not text.isascii():
        found.update(match.end() for match in _FAR_SENTENCE.finditer(text))
        for script, sentence in _OF_SCRIPTS:
            if script.search(text):
                found.update(match.end() for match in sentence.finditer(text))
    return np.array(sorted(found), dtype=np.int64)


def _is_abbreviated(text: str, stop: int, following: int) -> bool:
    """Whether a dot at ``stop`` belongs to the word before it, with which the sentence goes on."""
    if text[stop] != ".":
        return False
    before = max(0, stop - _LOOK_BACK)
    if _ABBREVIATION.search(text, before, stop + 1):
        return True
    is_short = _SHORT.search(text, before, stop + 1)
    return is_short is not None and (text[following].islower() or _GOES_ON.match(text, following) is not None)


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
