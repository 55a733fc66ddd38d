"""Headings of LaTeX, AsciiDoc and Org: a mark at the begin of a line says their level."""

from __future__ import annotations

import re

from longattncomp_cli.core.text.structure.prose.outline import Heading, Lines

_LATEX_LEVELS = (*("part", "chapter", "section", "subsection", "subsubsection", "paragraph", "subparagraph"),)
_LATEX = re.compile(rf"[ \t]*\\({'|'.join(_LATEX_LEVELS)})\*?[ \t]*[\[{{]")
_ASCIIDOC = re.compile(r"(={1,6})[ \t]+\S")
_ORG = re.compile(r"(\*+)[ \t]+\S")


def latex(text: str, lines: Lines) -> dict[int, Heading]:
    """The sectioning commands, by the numbers of their lines."""
    return _found(_LATEX, text, lines)


def asciidoc(text: str, lines: Lines) -> dict[int, Heading]:
    """Titles after ``=`` marks."""
    return _found(_ASCIIDOC, text, lines)


def org(text: str, lines: Lines) -> dict[int, Heading]:
    """Headlines after ``*`` at the begin of a line."""
    return _found(_ORG, text, lines)


def _found(pattern: re.Pattern[str], text: str, lines: Lines) -> dict[int, Heading]:
    found: dict[int, Heading] = {}
    for number, (start, end) in enumerate(lines):
        mark = pattern.match(text, start, end)
        if mark:
            name = mark.group(1)
            level = _LATEX_LEVELS.index(name) + 1 if name in _LATEX_LEVELS else len(name)
            found[number] = Heading(start, end, min(level, 8))
    return found
