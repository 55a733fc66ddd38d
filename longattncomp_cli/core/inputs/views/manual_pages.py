"""Manual pages: the text of troff's ``man`` and ``mdoc`` macros, sections as Markdown headings."""

from __future__ import annotations

import re

from longattncomp_cli.core.inputs.views.view import View, ViewBuilder

_MANUAL = re.compile(r"(?m)^[.'][ \t]*(?:TH|Dd|SH|Sh)\b")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_MACRO = re.compile(r"[.'][ \t]*(?P<name>\\?[\"A-Za-z][A-Za-z0-9]*|\\\")?[ \t]*")
_SECTIONS = {"SH": "## ", "SS": "### ", "Sh": "## ", "Ss": "### "}
_PARAGRAPHS = frozenset(
    {"PP", "P", "LP", "IP", "TP", "HP", "Pp", "It", "sp", "RS", "RE", "br", "nf", "fi", "EX", "EE"}
)
# Settings, definitions and comments: no words of the page.
_SILENT = frozenset(
    {'\\"', "ds", "nr", "so", "if", "ie", "el", "ad", "hy", "nh", "ft", "ta", "in", "ti", "de", "Os"}
)
# A font, a size, a dash, a named character, a zero-width one, a comment.
_ESCAPE = re.compile(
    r"\\(?:f(?:\[\w*\]|\(..|.)|s(?:[+-]?\d+|\(..)|m\[\w*\]|\*(?:\(..|\[[^\]]*\]|.)|\((?P<two>..)|\[(?P<long>[^\]\n]*)\]"
    r"|\".*|(?P<one>.))"
)
_NAMED = {
    "aq": "'",
    "dq": '"',
    "lq": "“",
    "rq": "”",
    "em": "—",
    "en": "–",
    "bu": "•",
    "hy": "-",
    "mi": "-",
    "ha": "^",
    "ti": "~",
    "rs": "\\",
}
_SINGLE = {"-": "-", "e": "\\", "\\": "\\", " ": " ", "~": " ", "0": " ", "'": "'", "`": "`", ".": "."}


def is_manual(opening: str) -> bool:
    """Whether a text is written with these macros."""
    return _MANUAL.search(opening) is not None


def read(text: str) -> View | None:
    """The words of the page."""
    builder = ViewBuilder(text)
    for found in _LINE.finditer(text):
        start, end = found.span()
        macro = _MACRO.match(text, start, end)
        if macro is None:
            _write(builder, start, end)
            continue
        name = macro["name"] or ""
        if name in _SILENT or not name:
            continue
        if name in _SECTIONS or name in _PARAGRAPHS:
            while not builder.ends_with("\n\n"):
                builder.write("\n")
        builder.write(_SECTIONS.get(name, "# " if name == "TH" else ""))
        if text[macro.end() : end].strip():
            _write(builder, macro.end(), end, arguments=True)
    return builder.view("the text of a manual page", ".md")


def _write(builder: ViewBuilder, start: int, end: int, *, arguments: bool = False) -> None:
    """A line without its escapes; of a macro's arguments without the quotes around them."""
    at = start
    pattern = (
        _ESCAPE
        if not arguments
        else re.compile(_ESCAPE.pattern + r'|(?P<quote>(?<![^ \t])"|"(?=[ \t\r\n]|\Z))')
    )
    for found in pattern.finditer(builder.file_text, start, end):
        builder.copy(at, found.start())
        two, long, one = found["two"], found["long"], found["one"]
        named = _NAMED.get(two or long or "", "") if two or long else _SINGLE.get(one or "", "")
        builder.replace(named, *found.span())
        at = found.end()
    builder.copy(at, end)
