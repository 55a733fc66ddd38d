"""What a passage points to by number or name, and where that begins: "section 9.2", "Table 3", "Appendix B".

A target is a line that begins with the number, as ``9.2 Such an event …``, ``## 9.2``, ``Section 9.2`` or
``Table 3: …``; where several lines do (a table of contents, a second document) none is meant for sure, but
the last is the text itself.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

_NUMBERED = (
    "section", "clause", "article", "paragraph", "chapter", "rule", "subsection", "sub-clause", "para", "sec",
    "sect", "art", "cl",
    "abschnitt", "ziffer", "artikel", "kapitel", "sección", "artículo", "cláusula",
)  # fmt: skip
_CALLED = (
    "appendix", "annex", "schedule", "exhibit", "table", "figure", "fig", "part", "step", "note", "example",
    "anhang", "anlage", "tabelle", "abbildung", "annexe", "tableau", "anexo", "tabla",
)  # fmt: skip
_LABEL = r"(?:\d+(?:\.\d+)*(?:\([a-z]\))?|[A-Z](?:[.-]?\d+(?:\.\d+)*)?|[IVXLC]{1,6})"
_POINTER = re.compile(
    rf"(?i:(?<!\w)({'|'.join((*_NUMBERED, *_CALLED))})s?\.?|(§§?))[ \xa0]+({_LABEL})(?![\w%])"
    rf"(?:(?:,| and| or| und|,? or)[ \xa0]+({_LABEL})(?!\w)(?!\.\d))?"
)
# A number without a noun points only after such a word, or before "above" and "below".
_BARE = re.compile(
    r"(?i:\b(?:see|cf\.?|under|per|vide|siehe|vgl\.?|unter|voir))[ \xa0]+(\d+(?:\.\d+)+)(?![\w%])"
    r"|\b(\d+(?:\.\d+)+)[ \xa0]+(?:above|below|supra|infra|oben|unten)\b"
)
_LINE = re.compile(
    rf"(?m)^[ \t]*(?:#{{1,6}}[ \t]+|[*_]{{1,3}}|\|[ \t]*)?"
    rf"(?:(?i:({'|'.join((*_NUMBERED, *_CALLED))})\.?[ \t]+|(§[ \t]*)))?({_LABEL})(?=[ \t\r.:)*_|]|$)"
)


# Of a thread dump: who waits for a lock points to who holds it.
_LOCK = re.compile(r"- (locked|waiting (?:to (?:re-?)?lock|on)|parking to wait for)[ ]+<(0x[0-9a-fA-F]+)>")


def pointers(text: str) -> Iterator[str]:
    """The targets that a text names, in order, as keys of :func:`targets`; each as often as it is named."""
    for match in _POINTER.finditer(text):
        for label in filter(None, (match[3], match[4])):
            yield _key(match[1] or "section", label)
    for match in _BARE.finditer(text):
        yield _key("section", match[1] or match[2])
    for match in _LOCK.finditer(text):
        if match[1] != "locked":
            yield f"lock {match[2]}"


def targets(text: str, start: int, end: int) -> dict[str, list[int]]:
    """Where the lines begin that others may point to, by what they are called; ascending."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for match in _LINE.finditer(text, start, end):
        if match[1] or match[2] or any(char.isdigit() for char in match[3]):
            found[_key(match[1] or "section", match[3])].append(match.start())
    for match in _LOCK.finditer(text, start, end):
        if match[1] == "locked":
            found[f"lock {match[2]}"].append(text.rfind("\n", start, match.start()) + 1)
    return dict(found)


def _key(noun: str, label: str) -> str:
    """Numbered parts of a text have many names: the clause 4.3 may be called section 4.3."""
    noun = noun.casefold().rstrip(".")
    label = re.sub(r"\([a-z]\)$", "", label)
    return f"{'section' if noun in _NUMBERED else noun.replace('figure', 'fig')} {label}"
