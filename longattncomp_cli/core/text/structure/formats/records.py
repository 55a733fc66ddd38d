"""Cards, calendars, bibliographies, directories, letters: each under the line that names it."""

from __future__ import annotations

import re

from longattncomp_cli.core.text.structure.formats.lines import Sections, read_sections, trimmed_end
from longattncomp_cli.core.text.structure.units import Structure, Unit, build, heading_span

_BEGIN_END = re.compile(r"^(?P<mark>BEGIN|END):(?P<kind>[A-Z0-9-]{1,40})[ \t]*$", re.MULTILINE)


_CARD_NAMES = tuple(
    re.compile(rf"^(?:{names})(?:;[^:\n]{{0,200}})?:[^\n]{{1,200}}", re.MULTILINE)
    for names in ("FN|SUMMARY", "N|UID|TZID")
)


_BIBTEX = re.compile(r"^[ \t]*(?P<level1>@\w{1,40}[ \t]*[{(][^\n]{0,200})", re.MULTILINE)


_LDIF = re.compile(r"^(?P<level1>dn::?[ \t][^\n]*)", re.MULTILINE)


_LETTER = re.compile(r"^(?P<level1>From \S{1,200}[ ][^\n]{0,40}\d\d:\d\d:\d\d[^\n]{0,40})$", re.MULTILINE)


# Where a letter has no envelope: two of its fields, or more, after an empty line.
_FIELDS = re.compile(
    r"(?:\A|\n[ \t]*\n)(?P<fields>(?:(?:From|To|Cc|Date|Sent|Subject|Reply-To|Message-ID):[ \t][^\n]*\n){2})"
)


_BLANK = re.compile(r"\n[ \t]*\n")


_SUBJECT = re.compile(r"^Subject:[^\n]*", re.MULTILINE)


_SENDER = re.compile(r"^From:[^\n]*", re.MULTILINE)


_MOST_HEADER_CHARS = 8_000
_NEAR_CHARS = 240


def read_cards(text: str) -> Structure:
    """vCards and iCalendars: what stands between BEGIN and END, under its FN or SUMMARY."""
    units: list[Unit] = []
    opened: list[tuple[str, int]] = []
    for mark in _BEGIN_END.finditer(text):
        if mark.group("mark") == "BEGIN":
            opened.append((mark.group("kind"), mark.start()))
        elif opened and opened[-1][0] == mark.group("kind"):
            start = opened.pop()[1]
            nested = text.find("\nBEGIN:", start, mark.start())
            own_end = mark.start() if nested < 0 else nested + 1
            limit = min(own_end, start + _MOST_HEADER_CHARS)
            named = next((found for name in _CARD_NAMES if (found := name.search(text, start, limit))), None)
            units.append(Unit(start, mark.end(), named.span() if named else None, leaf=nested < 0))
    return build("cards", units)


def read_bibtex(text: str) -> Structure:
    """Entries under the line with their key."""
    return build("bibtex", read_sections(text, _BIBTEX, leaf_level=1))


def read_ldif(text: str) -> Structure:
    """Entries under their distinguished name."""
    return build("ldif", read_sections(text, _LDIF, leaf_level=1))


def read_mail(text: str) -> Structure:
    """Letters, each under its sender and subject."""
    sections = Sections(text)
    starts = [found.start() for found in _LETTER.finditer(text)]
    if not starts:
        starts = [found.start("fields") for found in _FIELDS.finditer(text)] or [0]
    for start, stop in zip(starts, [*starts[1:], len(text)], strict=True):
        sections.open(1, start, _subject(text, start, stop))
    return build("mail", sections.all())


def _subject(text: str, start: int, stop: int) -> tuple[int, int] | None:
    """From the sender to the subject where they stand near each other; else the subject."""
    stop = min(stop, start + _MOST_HEADER_CHARS)
    blank = _BLANK.search(text, start + 1, stop)
    end = blank.start() if blank else stop
    subject, sender = _SUBJECT.search(text, start, end), _SENDER.search(text, start, end)
    if subject is None:
        return sender.span() if sender else None
    first = min(subject.start(), sender.start() if sender else subject.start())
    last = max(subject.end(), sender.end() if sender else 0)
    if last - first > _NEAR_CHARS:
        first, last = subject.span()
    return heading_span(text, first, trimmed_end(text, first, last))
