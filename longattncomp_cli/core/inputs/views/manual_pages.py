"""Manual pages: the text of troff's ``man`` and ``mdoc`` macros, sections as Markdown headings."""

from __future__ import annotations

import re
from itertools import islice

from longattncomp_cli.core.inputs.views.view import View, ViewBuilder

_MANUAL = re.compile(r"(?m)^[.'][ \t]*(?:TH|Dd|SH|Sh)\b")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_MACRO = re.compile(r"[.'][ \t]*(?P<name>\\?[\"A-Za-z][A-Za-z0-9]*|\\\")?[ \t]*")
_SECTIONS = {"SH": "## ", "SS": "### ", "Sh": "## ", "Ss": "### "}
_PARAGRAPHS = frozenset(
    {"PP", "P", "LP", "IP", "TP", "HP", "Pp", "It", "sp", "RS", "RE", "br", "nf", "fi", "EX", "EE"}
)
_BREAKS = frozenset({"br", "RS", "RE", "nf", "fi", "EX", "EE"})
# Their arguments are widths; of IP only the second one is.
_WORDLESS = _PARAGRAPHS - {"IP", "It"}
_UNFILLED = frozenset({"nf", "EX"})
# What begins an example, or ends one: lines as they are, which Markdown fences.
_FENCING = _UNFILLED | {"fi", "EE", *_SECTIONS}
# In two fonts by turns, and no space between.
_JOINING = frozenset({"BR", "BI", "IB", "IR", "RB", "RI"})
_ARGUMENT = re.compile(r'"(?P<quoted>[^"\n]*)"?|(?P<plain>[^ \t"\n][^ \t\n]*)')
# Settings, definitions and comments: no words of the page.
_SILENT = frozenset(
    {'\\"', "ds", "nr", "so", "if", "ie", "el", "ad", "hy", "nh", "ft", "ta", "in", "ti", "de", "Os"}
)
# A font, a size, a dash, a named character, a zero-width one, a comment. Names are short: what is never
# closed is looked through once.
_ESCAPE = re.compile(
    r"\\(?:f(?:\[\w*\]|\(..|.)|s(?:[+-]?\d+|\(..)|m\[\w*\]|\*(?:\(..|\[[^\]\n]{0,80}\]|.)|\((?P<two>..)|\[(?P<long>[^\]\n]{0,80})\]"
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
    """The words of the page: lines are filled as troff fills them, but for examples."""
    builder = ViewBuilder(text)
    is_filled, line_end = True, 0
    for found in _LINE.finditer(text):
        start, end = found.start(), found.start() + len(found.group().rstrip("\r\n"))
        macro = _MACRO.match(text, start, end)
        name = (macro["name"] or "") if macro else ""
        if name in _SILENT or (macro is not None and not name):
            continue
        is_own = name in _SECTIONS or name in _PARAGRAPHS or name == "TH" or start == end
        if is_own or not is_filled:
            builder.write("" if builder.ends_with("\n") else "\n")
        elif line_end and not builder.ends_with("\n"):
            builder.replace(" ", line_end, line_end + 1)
        if name in _FENCING and is_filled == (name in _UNFILLED):
            builder.write("```\n")
            is_filled = not is_filled
        while (is_own and name not in _BREAKS) and not builder.ends_with("\n\n"):
            builder.write("\n")
        builder.write(_SECTIONS.get(name, "# " if name == "TH" else ""))
        before = builder.length
        if macro is None:
            _write(builder, start, end)
        else:
            arguments = () if name in _WORDLESS else _ARGUMENT.finditer(text, macro.end(), end)
            for argument in islice(arguments, 1 if name == "IP" else None):
                builder.write(" " if builder.length > before and name not in _JOINING else "")
                _write(builder, *argument.span("quoted" if argument["quoted"] is not None else "plain"))
        line_end = 0 if name in _SECTIONS or name == "TH" else found.end() - 1
        if name in _SECTIONS or name == "TH":
            builder.write("\n")
    return builder.view("the text of a manual page", ".md")


def _write(builder: ViewBuilder, start: int, end: int) -> None:
    """A part of a line without its escapes."""
    at = start
    for found in _ESCAPE.finditer(builder.file_text, start, end):
        builder.copy(at, found.start())
        two, long, one = found["two"], found["long"], found["one"]
        named = _NAMED.get(two or long or "", "") if two or long else _SINGLE.get(one or "", "")
        builder.replace(named, *found.span())
        at = found.end()
    builder.copy(at, end)
