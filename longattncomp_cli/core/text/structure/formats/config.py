"""Settings: sections of INI, TOML, systemd and Git files; groups of ``KEY=value`` lines under comments."""

from __future__ import annotations

import re
from collections import Counter

from longattncomp_cli.core.text.structure.formats import blocks
from longattncomp_cli.core.text.structure.formats.lines import (
    LINE,
    WHOLE_CHARS,
    Sections,
    comments_begin,
    end_of_name,
    is_comment,
)
from longattncomp_cli.core.text.structure.levels import has_indented_blocks
from longattncomp_cli.core.text.structure.units import Structure, Unit, build, heading_span

_SETTING = re.compile(r"[ \t]*(?:export[ \t]+)?[\w.-]+[ \t]*[=:]")


# Strings of several lines may hold lines that look like headers.
_PART = re.compile(
    r'"""(?s:.*?)"""|\'\'\'(?s:.*?)\'\'\'|'
    r"^(?P<header>\[(?P<item>\[)?(?P<path>[^\n]{1,300}?)\]{1,2})[ \t]*(?:[#;][^\n]*)?$"
    rf"|^(?P<setting>{_SETTING.pattern})",
    re.MULTILINE,
)


# Above the settings of each of several files.
_FILE = re.compile(r"^#[ \t]*(/[^\s:]{1,200})[ \t]*$", re.MULTILINE)


def read(text: str) -> Structure:
    """Sections under their headers; without any, settings under their comments, or indented ones.

    A section is no record: each of its settings says something by itself, under its header.
    """
    parts = list(_PART.finditer(text))
    if not any(found.group("header") for found in parts) and has_indented_blocks(text[:20_000]):
        return blocks.read(text)
    settings = [found.start() for found in parts if found.group("setting") is not None]
    headers = [found for found in parts if found.group("setting") is None]
    return build("config", _sections(text, headers) or _groups(text), settings)


def _sections(text: str, headers: list[re.Match[str]]) -> list[Unit]:
    sections = Sections(text, whole_chars=WHOLE_CHARS)
    items: list[str] = []
    last = 0
    times = Counter(found.group("header") for found in headers)
    for found in headers:
        if found.group("header") is not None:
            path = found.group("path")
            while items and not path.startswith(items[-1] + "."):
                items.pop()
            start = comments_begin(text, found.start(), last)
            file = _FILE.search(text, start, found.start())
            if file is not None:
                sections.open(0, start, heading_span(text, *file.span()))
            heading = _heading(text, *found.span("header"), times[found.group("header")] > 1)
            sections.open(1 + len(items), found.start() if file else start, heading)
            if found.group("item"):
                items.append(path)
        last = found.end()
    return sections.all()


def _heading(text: str, start: int, end: int, is_repeated: bool) -> tuple[int, int] | None:
    """A header; one of several that are alike (``[[task]]``) with the name that stands below it."""
    return heading_span(text, start, end_of_name(text, start, end, len(text)) if is_repeated else end)


def _groups(text: str) -> list[Unit]:
    """A comment after an empty line, or before everything, heads the settings right below it.

    A setting that goes on over indented lines heads these.
    """
    sections = Sections(text, whole_chars=WHOLE_CHARS)
    after_blank, comment = True, -1
    setting: tuple[int, int] | None = None
    for line in LINE.finditer(text):
        start, end = line.span()
        if line.group().strip() and line.group()[0] in " \t":
            if setting is not None and not is_comment(text, start, end):
                sections.open(2, setting[0], heading_span(text, *setting))
                setting = None
            after_blank = False
            continue
        sections.close(2, start)
        setting = None
        if is_comment(text, start, end):
            comment = start if after_blank else comment
        elif _SETTING.match(text, start, end):
            setting = start, end
            if comment >= 0:
                sections.open(1, comment, heading_span(text, comment, start))
                comment = -1
        elif line.group().strip():
            comment = -1
        after_blank = not line.group().strip()
        if after_blank:
            comment = -1
    return sections.all()
