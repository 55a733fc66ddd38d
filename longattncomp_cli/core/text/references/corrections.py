"""Passages that take back what stands before them: "Erratum: …", "EDIT: …", "is superseded by …".

A correction belongs to an earlier passage where it has words of it, or follows it directly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from longattncomp_cli.core.text.boundaries import sentence_starts

# What opens a correction, and after it a mark; and what is said of a passage anywhere in a sentence.
_CUE = re.compile(
    r"\b(?:(?P<opens>errat(?:um|a)|corrigend(?:um|a)|corrections?|corrected|edit(?:ed)?"
    r"|updated?|deprecated|obsolete"
    r"|amendment"
    r"|addendum"
    r"|retraction|korrektur|berichtigung|nachtrag|correctif|rectificatif|corrección"
    r"|fe de erratas|p\.?[ ]?s\.?)"
    r"|(?P<starts>actually|scratch that|strike that|never ?mind|disregard)\b"
    r"|supersede[sd]?|overruled|this replaces|struck out"
    r"|(?:is|are)(?: hereby)? (?:struck|withdrawn|repealed)(?=[.;,]|$| (?:and replaced|from|out)\b)"
    r"|(?:is|are) (?:hereby )?replaced by|no longer in force"
    r"|no longer (?:so|true|valid|holds|applies|correct)|out of date(?=[.;,!)]|$)|i was wrong"
    r"|has been (?:corrected|withdrawn|replaced by))",
    re.IGNORECASE,
)
_MARK = re.compile(
    r"(?:[ ]+(?:to|of|on|for|zu)\b[^:.\n]{0,60})?(?:[ ]*[([][^)\]\n]{1,30}[)\]])?[*_]*"
    r"(?:[.:](?=[\s*_])|[ ]?[–—-][ ])"
)
_BEFORE = re.compile(r"[ \t>*_#\[(-]*")
_SPEAKER = re.compile(r"[ \t>*_-]*[\w.'-]{1,20}:[ \t]+[*_]*")
_SENTENCE_ENDS = re.compile(r"[.!?:][ ]+(?=\S)")
# "Erratum. The gate …"
_OPENING = re.compile(r"[^\w\n]*\w+[^.\n]{0,40}\.[*_)]*\s+")
_FURTHEST = 200
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
    found: dict[int, Correction] = {}
    for cue in _CUE.finditer(text, start, end):
        line = max(start, text.rfind("\n", max(start, cue.start() - _FURTHEST), cue.start()) + 1)
        line = max(line, cue.start() - _FURTHEST)
        breaks = [match.end() for match in _SENTENCE_ENDS.finditer(text, line, cue.start())]
        begin = breaks[-1] if breaks else line
        if _SPEAKER.fullmatch(text, line, cue.start()):
            begin = line
        elif (cue["opens"] or cue["starts"]) and not _BEFORE.fullmatch(text, begin, cue.start()):
            continue
        if cue["opens"] and not (cue["opens"][-1] == "." or _MARK.match(text, cue.end(), end)):
            continue
        found.setdefault(begin, _of(text, begin, end))
    return list(found.values())


def _of(text: str, at: int, end: int) -> Correction:
    while text[at : at + 1].isspace():
        at += 1
    shown = text[at : min(end, at + _LOOKED_AT)]
    blank = re.search(r"\n[ \t\r]*\n", shown)
    return Correction(at, words_of(shown[: blank.start()] if blank else shown))


def sentence_end(text: str, start: int) -> int:
    """Where the sentence of a correction ends, or its first lines; the mark that opens it is no sentence."""
    shown = text[start : start + _LOOKED_AT]
    opening = _OPENING.match(shown)
    ends = [at for at in sentence_starts(shown).tolist() if opening is None or at > opening.end()]
    return start + len(shown[: ends[0] if ends else len(shown)].rstrip())


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
