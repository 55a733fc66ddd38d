"""Words of a query that ask for a place in time or text, and texts that say it in their headings.

A changelog, a diary or minutes have one heading an entry, with a version or a date. Numbered sections are no
versions: entries are dated, or named as versions, or run from high to low.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Order = Literal["newest", "oldest"]

_PARTS = (
    r"(?:version|release|entry|message|update|change|error|line|section|paragraph|meeting|item|e?-?mail|record|"
    r"event|commit|time|turn|reply|word|step|row|note|minutes|visit|post|comment|status|reading|sample|edition|"
    r"draft|"
    r"revision|build|value|state)s?"
)
_NEWEST = re.compile(
    rf"(?i)\b(?:most recent(?:ly)?|latest|newest|in the end|at the end(?! of)"
    rf"|finally(?= (?:end|decid|agree|settl))|(?:very )?last(?=(?: \w+)? {_PARTS}\b)"
    rf"|current(?= (?:version|release))|(?<=\w )last(?=[ ]*[?.!]*\Z)|final(?= {_PARTS}\b)"
    r"|neueste[nrs]?|jüngste[nrs]?|zuletzt|letzte[nrs]?(?= (?:version|eintrag|nachricht|sitzung))"
    r"|derni(?:er|ère)|última?o?)\b"
)
_OLDEST = re.compile(rf"(?i)\b(?:earliest|oldest|(?:very )?first(?=(?: \w+)? {_PARTS}\b))\b")
_ORDINAL = re.compile(
    r"(?i)\b(?:second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|\d+(?:nd|rd|th)|last but one"
    r"|penultimate)"
    rf"(?=(?: \w+)? {_PARTS}\b)"
)
_VERSION = r"\d{1,9}(?:\.\d{1,9})+(?:[-.]?(?:rc|a|b|alpha|beta|dev|post)\.?\d{0,9})?"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_OTHER_MONTHS = {"mär": 3, "mai": 5, "okt": 10, "dez": 12, "fév": 2, "avr": 4, "aoû": 8, "déc": 12}
_MONTH = rf"(?:{'|'.join((*_MONTHS, *_OTHER_MONTHS))})[^\W\d_]*\.?"
_DATE = (
    rf"(?:\d{{4}}[-/.]\d\d[-/.]\d\d|\d{{1,2}}\.[ ]?\d{{1,2}}\.[ ]?\d{{4}}"
    rf"|\d{{1,2}}(?:st|nd|rd|th|\.)?[ -]{_MONTH},?[ -]\d{{4}}"
    rf"|{_MONTH}[ ]\d{{1,2}}(?:st|nd|rd|th)?,?[ ]\d{{4}})"
)
_ENTRY = re.compile(
    rf"(?m)^(?:#{{1,6}}[ \t]+|\*\*|\*[ ])?\[?(?:[A-Za-z][\w-]{{0,30}},?[ \t]+){{0,3}}?[\[(]?"
    rf"((?:version|release)[ \t]+|v)?"
    rf"(?:({_DATE})|({_VERSION}))(?![\w.])([^\n]{{0,60}})$",
    re.IGNORECASE,
)
_FEWEST_ENTRIES = 3
_MOST_OTHER_WORDS = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a changelog or diary.

    Attributes:
        start: where its heading line begins.
        date: ``YYYY-MM-DD``, or ``""``.
        version: its numbers; empty without one.
        is_named: whether the heading says that the number is a version.
    """

    start: int
    date: str
    version: tuple[int, ...]
    is_named: bool


def order_asked(query: str) -> tuple[Order, str] | None:
    """Which end of an order a query asks for, and by which words; ``None`` where it asks for none."""
    if match := _NEWEST.search(query):
        return "newest", match[0]
    if match := _OLDEST.search(query):
        return "oldest", match[0]
    return None


def place_asked(query: str) -> str:
    """The words by which a query asks for something by its place among others (``third step``), or ``""``."""
    match = _ORDINAL.search(query)
    return match[0] if match else ""


def entries(text: str, start: int, end: int) -> list[Entry]:
    """The entries of a range of a text; none where its headings do not order it."""
    found = []
    for match in _ENTRY.finditer(text, start, end):
        named, date, version, rest = match.groups()
        dates = re.findall(_DATE, rest, re.IGNORECASE)
        if len(re.findall(r"[^\W\d]+", rest)) <= _MOST_OTHER_WORDS:
            numbers = tuple(int(number) for number in re.findall(r"\d+", version or ""))
            found.append(
                Entry(match.start(), _iso(date or (dates[0] if dates else "")), numbers, bool(named))
            )
    num_sure = sum(bool(entry.date) or entry.is_named for entry in found)
    falling = sum(first.version > second.version for first, second in pairwise(found))
    is_ordered = 2 * num_sure > len(found) or 10 * falling >= 9 * (len(found) - 1)
    return found if len(found) >= _FEWEST_ENTRIES and is_ordered else []


def _iso(date: str) -> str:
    """A date as ``YYYY-MM-DD``, so that text order is that of time."""
    numbers = re.findall(r"\d+", date)
    word = re.search(r"[^\W\d_]{3,}", date)
    if word is not None:
        month = word[0][:3].casefold()
        number = _MONTHS.index(month) + 1 if month in _MONTHS else _OTHER_MONTHS.get(month, 0)
        return f"{numbers[1]}-{number:02}-{int(numbers[0]):02}"
    if len(numbers) == 3:
        year, month, day = numbers if len(numbers[0]) == 4 else numbers[::-1]
        return f"{year}-{int(month):02}-{int(day):02}"
    return date


def end_of_order(found: list[Entry], order: Order) -> Entry:
    """The newest or oldest: by date where all have one, else by version."""
    if all(entry.date for entry in found):
        dates = [(entry.date, entry.version) for entry in found]
        wanted = max(dates) if order == "newest" else min(dates)
        return found[dates.index(wanted)]
    versions = [entry for entry in found if entry.version] or found
    pick = max if order == "newest" else min
    return pick(versions, key=lambda entry: entry.version)
