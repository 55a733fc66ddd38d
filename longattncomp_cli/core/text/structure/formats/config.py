"""Settings: sections of INI, TOML, systemd and Git files; groups of ``KEY=value`` lines under comments."""

from __future__ import annotations

import re

from longattncomp_cli.core.text.structure.formats.lines import (
    LINE,
    WHOLE_CHARS,
    Sections,
    comments_begin,
    is_comment,
)
from longattncomp_cli.core.text.structure.units import Structure, Unit, build, heading_span

_SETTING = re.compile(r"[ \t]*(?:export[ \t]+)?[\w.-]+[ \t]*[=:]")


# Strings of several lines may hold lines that look like headers.
_PART = re.compile(
    r'"""(?s:.*?)"""|\'\'\'(?s:.*?)\'\'\'|'
    r"^(?P<header>\[(?P<item>\[)?(?P<path>[^\n]{1,300}?)\]{1,2})[ \t]*(?:[#;][^\n]*)?$"
    rf"|^(?P<setting>{_SETTING.pattern})",
    re.MULTILINE,
)


_NAME = re.compile(r"[ \t]*(?:name|id|title|label|key)[ \t]*[=:][ \t]*\S[^\n]*", re.IGNORECASE)


_NEAR_CHARS = 100


def read(text: str) -> Structure:
    """Sections under their headers; without any, groups of settings under their comments.

    A section is no record: each of its settings says something by itself, under its header.
    """
    sections = Sections(text, whole_chars=WHOLE_CHARS)
    items: list[str] = []
    settings: list[int] = []
    last = 0
    for found in _PART.finditer(text):
        if found.group("setting") is not None:
            settings.append(found.start())
            continue
        if found.group("header") is not None:
            path = found.group("path")
            while items and not path.startswith(items[-1] + "."):
                items.pop()
            start = comments_begin(text, found.start(), last)
            sections.open(len(items), start, _heading(text, *found.span("header"), bool(found.group("item"))))
            if found.group("item"):
                items.append(path)
        last = found.end()
    units = sections.all()
    return build("config", units or _groups(text), settings)


def _heading(text: str, start: int, end: int, is_item: bool) -> tuple[int, int] | None:
    """A header; one of several of the same path (``[[task]]``) with the name that stands below it."""
    if is_item:
        line_end = text.find("\n", end) + 1 or len(text)
        name = _NAME.match(text, line_end)
        if name and name.end() - start <= _NEAR_CHARS:
            end = name.end()
    return heading_span(text, start, end)


def _groups(text: str) -> list[Unit]:
    """A comment after an empty line, or before everything, heads the settings right below it."""
    sections = Sections(text, whole_chars=WHOLE_CHARS)
    after_blank, comment = True, -1
    for line in LINE.finditer(text):
        start, end = line.span()
        if is_comment(text, start, end):
            comment = start if after_blank else comment
        elif comment >= 0 and _SETTING.match(text, start, end):
            sections.open(1, comment, heading_span(text, comment, start))
            comment = -1
        elif line.group().strip():
            comment = -1
        after_blank = not line.group().strip()
        if after_blank:
            comment = -1
    return sections.all()
