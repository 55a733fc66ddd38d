"""Passages that take back what stands before them: "Erratum: …", "EDIT: …", "is superseded by …".

A correction belongs to an earlier passage where it has words of it, or follows it directly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from longattncomp_cli.core.text.boundaries import sentence_starts

_CUE = re.compile(
    r"(?:^|(?<=\n)|(?<=[.!?:] ))[ \t>*_#\[(-]*(?:[\w.'-]{1,20}:[ \t]+)?[*_]*"
    r"(?:errat(?:um|a)|corrigend(?:um|a)|corrections?|corrected|edit(?:ed)?|updated?|amendment|addendum|retraction"
    r"|korrektur|berichtigung|nachtrag|correctif|rectificatif|corrección|fe de erratas|p\.?[ ]?s\.?)"
    r"(?:[ ]+(?:to|of|on|for|zu)\b[^:.\n]{0,60})?(?:[ ]*[([][^)\]\n]{1,30}[)\]])?[*_]*[.:–—-]"
    r"|[^.!?\n]{0,160}\b(?:superseded|overruled|withdrawn|no longer (?:so|true|valid|holds|applies|correct)"
    r"|out of date|i was wrong|(?:is|was|were) wrong\b|has been (?:corrected|replaced))",
    re.IGNORECASE | re.MULTILINE,
)
_WORD = re.compile(r"[^\W\d_]{4,}|\d{2,}")
_LOOKED_AT = 400
_FEWEST_SHARED = 2
_STEM = 6
_COMMON = frozenset(
    {
        *("that", "this", "with", "from", "have", "been", "were", "will", "shall", "which", "what", "when"),
        *("where", "there", "their", "they", "then", "than", "into", "also", "only", "some", "such", "more"),
        *("most", "other", "above", "below", "page", "section", "please", "note", "since", "until"),
    }
)


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction: where its sentence begins, and the words that it is about."""

    start: int
    words: frozenset[str]


def corrections(text: str, start: int, end: int) -> list[Correction]:
    """The corrections in a range of a text, in order."""
    return [_of(text, match.start(), end) for match in _CUE.finditer(text, start, end)]


def _of(text: str, at: int, end: int) -> Correction:
    while at < end and text[at].isspace():
        at += 1
    shown = text[at : min(end, at + _LOOKED_AT)]
    blank = re.search(r"\n[ \t]*\n", shown)
    return Correction(at, words_of(shown[: blank.start()] if blank else shown))


def words_of(text: str) -> frozenset[str]:
    """The words that say what a text is about, by their first letters."""
    words = (match[0].casefold() for match in _WORD.finditer(text))
    return frozenset(word[:_STEM] for word in words if word not in _COMMON)


def corrects(correction: Correction, text: str, start: int, end: int) -> bool:
    """Whether a correction is of what stands in ``[start, end)`` before it.

    One sentence of that has two of its words, or no other paragraph stands between them.
    """
    if correction.start < start:
        return False
    if correction.start <= end or not text[end : correction.start].strip():
        return True
    edges = [0, *sentence_starts(text[start:end]).tolist(), end - start]
    sentences = (text[start + a : start + b] for a, b in pairwise(edges))
    return any(len(correction.words & words_of(each)) >= _FEWEST_SHARED for each in sentences)
