"""Entries of exchange formats: an entry opens with a line of known form, and one of its lines names it.

Games (PGN), references (RIS, EndNote), pedigrees (GEDCOM), translations (PO), bookings (QIF), tunes (ABC),
messages (EDIFACT, HL7), catalogue cards (MARC), and what ``psql`` and ``mysql`` print as one column a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from longattncomp_cli.core.text.structure.formats.lines import Sections, trimmed_end
from longattncomp_cli.core.text.structure.units import Structure, build

_FEWEST_ENTRIES = 2
_NEAR_CHARS = 260
_MOST_SEARCHED_CHARS = 4_000


@dataclass(frozen=True)
class Entry:
    """How the entries of a format open, and which of their lines names them."""

    opens: re.Pattern[str]
    names: re.Pattern[str] | None


def _entry(opens: str, names: str | None) -> Entry:
    return Entry(re.compile(opens, re.MULTILINE), re.compile(names, re.MULTILINE) if names else None)


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
ENTRIES: dict[str, Entry] = {
    "pgn": _entry(r'^\[Event "', r'^\[Black "[^\n]*'),
    "ris": _entry(r"^TY  - ", r"^(?:TI|T1)  - [^\n]*"),
    "endnote": _entry(r"^%0 \w", r"^%T [^\n]*"),
    "gedcom": _entry(r"^0 @[^@\n]{1,40}@ [A-Z]", r"^1 (?:NAME|TITL) [^\n]*"),
    "po": _entry(r"^(?:#[^\n]*\n){0,40}(?:msgctxt [^\n]*\n)?msgid ", r"^msgid [^\n]*"),
    "qif": _entry(r"(?:\A![^\n]*\n|^\^[ \t]*\n)(?=[A-Z])", r"^P[^\n]*"),
    "abc": _entry(r"^X:[ \t]*\d", r"^T:[^\n]*"),
    "edifact": _entry(r"^UNH\+", r"^NAD\+[^\n]*"),
    "hl7": _entry(r"^MSH\|", r"^PID\|[^\n]*"),
    "marc": _entry(r"^=LDR ", r"^=(?:245|100)  [^\n]*"),
    "fasta": _entry(r"^>\S[^\n]*\n(?=[A-Za-z*-]{10,}$)", None),
    "rpm": _entry(rf"^\* (?:{'|'.join(_DAYS)}) [A-Z][a-z]{{2}} +\d{{1,2}} \d{{4}} ", None),
    "swift": _entry(r"^:61:", None),
    "rows": _entry(
        r"^(?:\*{5,} \d+\. row \*{5,}|-\[ RECORD \d+ \][-+]*)[ \t]*\n",
        r"(?<=[*+\-] \n)[^\n]*|(?<=[*+\-]\n)[^\n]*",
    ),
}
"""The formats by name; a text is of the one whose lines open most entries."""


def entry_format(sample: str) -> str | None:
    """The format that a text opens entries of."""
    counts = {name: sum(1 for _ in entry.opens.finditer(sample)) for name, entry in ENTRIES.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] >= _FEWEST_ENTRIES else None


def read(text: str) -> Structure:
    """Entries that should stay whole, each under its opening line and the one that names it, if near."""
    name = entry_format(text)
    if name is None:
        return Structure("entries", ())
    entry = ENTRIES[name]
    sections = Sections(text, leaf_level=1)
    starts = [
        found.start() + (found.group()[0] in "^!" and len(found.group()))
        for found in entry.opens.finditer(text)
    ]
    for start, stop in zip(starts, [*starts[1:], len(text)], strict=True):
        sections.open(1, start, _heading(text, start, stop, entry))
    return build("entries", sections.all())


def _heading(text: str, start: int, stop: int, entry: Entry) -> tuple[int, int]:
    """From the first line to the name where they are near each other, else the name, else the first line."""
    line_end = text.find("\n", start, stop)
    first = start, trimmed_end(text, start, min(start + _NEAR_CHARS, stop if line_end < 0 else line_end))
    limit = min(stop, start + _MOST_SEARCHED_CHARS)
    named = entry.names.search(text, start, limit) if entry.names else None
    if named is None:
        return first
    end = trimmed_end(text, named.start(), min(named.end(), named.start() + _NEAR_CHARS))
    return (start if end - start <= _NEAR_CHARS else named.start(), max(end, named.start() + 1))
