"""Strings in a JSON text as what they stand for: escapes become characters, colours of a terminal nothing."""

from __future__ import annotations

import re

from longattncomp_cli.core.inputs.views.view import ViewBuilder

# Colours of a terminal; a character written as a pair; an escape.
_ESCAPE = re.compile(
    r"\\u001b\[[0-9;]*[A-Za-z]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\u[0-9a-fA-F]{4}|\\.",
    re.DOTALL,
)
_MOST_EXACT = 100_000
"""A string with more escapes maps to the file in parts rather than by the character."""
_PART = re.compile(rf"(?:{_ESCAPE.pattern}|[^\\]){{1,4096}}+", re.DOTALL)
_PLAIN_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "", "f": "\f"}
_SURROGATES = range(0xD800, 0xE000)

Strings = list[tuple[int, int]]
"""Where strings stand in a text, without their quotes."""


def write_strings(builder: ViewBuilder, strings: Strings) -> None:
    """Add the characters that JSON strings stand for; each stands where it does in the file.

    Args:
        builder: of the view.
        strings: each from behind its opening quote to its closing one.
    """
    text = builder.file_text
    for start, end in strings:
        if text.count("\\", start, end) > _MOST_EXACT:
            for part in _PART.finditer(text, start, end):
                plain = _ESCAPE.sub(lambda found: _unescaped(found.group()), part.group())
                builder.replace(plain, *part.span())
            continue
        at = start
        for escape in _ESCAPE.finditer(text, start, end):
            builder.copy(at, escape.start())
            builder.replace(_unescaped(escape.group()), *escape.span())
            at = escape.end()
        builder.copy(at, end)


def _unescaped(escape: str) -> str:
    if escape.startswith("\\u001b["):
        return ""
    if escape[1] != "u":
        return _PLAIN_ESCAPES.get(escape[1], escape[1])
    codes = [int(code, 16) for code in re.findall(r"\\u(.{4})", escape)]
    if len(codes) == 2:
        return chr(0x10000 + ((codes[0] & 0x3FF) << 10) + (codes[1] & 0x3FF))
    return "\ufffd" if codes[0] in _SURROGATES else chr(codes[0])
