"""SQL: a statement is headed by its first line; bodies of functions are parts of theirs."""

from __future__ import annotations

import re

from longattncomp_cli.core.text.structure.formats.lines import trimmed_end
from longattncomp_cli.core.text.structure.units import Structure, Unit, build, heading_span

_TOKEN = re.compile(
    r"(?P<skip>--[^\n]*|/\*(?s:.*?)(?:\*/|\Z)|'(?:[^'\\]|\\(?s:.)|'')*+'|\"[^\"\n]*\"|`[^`\n]*`)"
    r"|(?P<quote>\$\w{0,40}\$)"
    r"|(?P<begin>\b(?:BEGIN|CASE)\b)|(?P<end>\bEND\b(?!\s+(?:IF|LOOP|WHILE|REPEAT|FOR)\b))"
    r"|(?P<stop>;|^[ \t]*(?:GO|/)[ \t]*$|^DELIMITER[^\n]*$)",
    re.IGNORECASE | re.MULTILINE,
)


_WITH_BODY = re.compile(
    r"\s*(?:CREATE|ALTER)\b[^;]{0,60}?\b(?:PROCEDURE|FUNCTION|TRIGGER|PACKAGE|EVENT)\b|\s*(?:DECLARE|BEGIN)\s*$",
    re.IGNORECASE | re.MULTILINE,
)


_LEADING = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*(?s:.*?)(?:\*/|\Z))*+")


_VALUES = re.compile(r"INSERT\s+INTO\b[^;']{0,260}?\bVALUES\b", re.IGNORECASE)


_MOST_HEADING_CHARS = 160
_WHOLE_CHARS = 3_000
_NEXT_LINE = re.compile(r"\n(?=[^\n])")


def read(text: str) -> Structure:
    """Statements with the comments above them; long ones may be cut at lines."""
    units: list[Unit] = []
    steps: list[int] = []

    def add(start: int, end: int) -> None:
        leading = _LEADING.match(text, start, end)
        own = leading.end() if leading else start
        stop = trimmed_end(text, own, end)
        if stop <= own:
            return
        begin = start + len(text[start:own]) - len(text[start:own].lstrip())
        units.append(Unit(begin, stop, _heading(text, own, stop), leaf=stop - begin <= _WHOLE_CHARS))
        steps.extend(found.end() for found in _NEXT_LINE.finditer(text, own, stop))

    start, depth = 0, 0
    has_body: bool | None = None
    quote = ""
    for token in _TOKEN.finditer(text):
        if token.group("skip") is not None or (quote and token.group() != quote):
            continue
        if token.group("quote") is not None:
            quote = "" if quote else token.group()
            continue
        if token.group("stop") is None:
            if has_body is None:
                leading = _LEADING.match(text, start, token.end())
                has_body = (
                    _WITH_BODY.match(text, leading.end() if leading else start, token.end()) is not None
                )
            if has_body:
                depth = depth + 1 if token.group("begin") else max(0, depth - 1)
        elif not depth or token.group("stop") != ";":
            is_part = token.group("stop") == ";"
            add(start, token.end() if is_part else token.start())
            start, depth, has_body = token.end(), 0, None
    add(start, len(text))
    return build("sql", units, steps)


def _heading(text: str, start: int, end: int) -> tuple[int, int] | None:
    values = _VALUES.match(text, start, end)
    if values:
        return heading_span(text, start, values.end())
    line_end = text.find("\n", start, end)
    stop = end if line_end < 0 else line_end
    return heading_span(text, start, min(stop, start + _MOST_HEADING_CHARS))
