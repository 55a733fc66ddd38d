"""Texts in which lines of a known form open the parts: dumps, patches, build files, manuals, subtitles."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from longattncomp_cli.core.text.structure.formats.lines import read_sections
from longattncomp_cli.core.text.structure.units import Structure, Unit, build


@dataclass(frozen=True)
class Outline:
    """How the parts of a kind open.

    Attributes:
        pattern: the lines, for :func:`~longattncomp_cli.core.text.structure.formats.lines.read_sections`.
        leaf_level: parts of this level and below should stay whole.
        with_comments: whether comments on the lines above belong to a part.
    """

    pattern: re.Pattern[str]
    leaf_level: int = 1
    with_comments: bool = False


def _lines(*alternatives: str) -> re.Pattern[str]:
    return re.compile("^(?:" + "|".join(alternatives) + ")", re.MULTILINE)


OUTLINES: dict[str, Outline] = {
    # A number, the time, the text; WebVTT may leave the number out.
    "subtitles": Outline(
        _lines(
            r"(?:[ \t]*\S{1,60}[ \t]*\n)?(?P<level1>[ \t]*(?:\d{1,3}:)?\d\d:\d\d[.,]\d{1,3}[ \t]*-->[^\n]*)",
            r"(?P<end1>(?:NOTE|STYLE|REGION)\b)",
            r"(?P<level1b>\{\d{1,9}\}\{\d{1,9}\})",
        )
    ),
    # Java, Go, Python's faulthandler, gdb and its kin, a Python traceback, the kernel.
    "dump": Outline(
        _lines(
            r"(?P<level1>\"[^\"\n]{1,200}\"[ ][^\n]*(?:prio|tid|nid|daemon|#\d)[^\n]*)",
            r"(?P<level1b>goroutine[ ]\d+[^\n]*\[[^\n]*\]:)",
            r"(?P<level1c>(?:Current[ ]thread|Thread)[ ]0x[^\n]*)",
            r"(?P<level1d>Thread[ ]\d+[^\n]*)",
            r"(?P<level1e>Traceback[ ]\(most[ ]recent[ ]call[ ]last\):)",
            r"(?P<level1f>\*?[ ]*thread[ ]\#\d+[^\n]*)",
            r"(?P<level1g>#\d+[ ]+Thread[ ][^\n]*)",
            r"(?P<level1h>-{2,}[ ]Thread[ ][^\n]*)",
            r"(?P<level1i>OS[ ]Thread[ ]Id:[ ][^\n]*)",
            r"(?P<end1>Found[ ](?:\d+[ ]deadlock|one[ ]Java)|JNI[ ]global|Heap\b|Full[ ]thread[ ]dump)",
        )
    ),
    "diff": Outline(
        _lines(
            r"(?P<level1>commit[ ][0-9a-f]{7,64}\b[^\n]*(?:\n(?:Merge|Author|AuthorDate|Date):[^\n]*){0,3})",
            r"(?P<level1b>From[ ][0-9a-f]{40}[ ][^\n]*)",
            r"(?P<level2>diff[ ][^\n]*)(?:\n(?!diff[ ]|@@)[^\n]*){0,8}?\n---[ ][^\n]*\n\+\+\+[ ][^\n]*",
            r"(?P<level2b>diff[ ]-[^\n]*)",
            r"(?P<level2c>---[ ][^\n]*\n\+\+\+[ ][^\n]*)(?=\n@@)",
            r"(?P<level2d>\*\*\*[ ][^\n]*\n---[ ][^\n]*)(?=\n\*{8})",
            r"(?P<level3>@@+[ ][^\n]*@@[^\n]*|\*{15})",
        ),
        leaf_level=3,
    ),
    "dockerfile": Outline(
        _lines(
            r"(?P<level1>(?i:FROM)[ \t][^\n]*)",
            r"(?P<level2>(?i:RUN|COPY|ENV|ARG|CMD|ENTRYPOINT|ADD|LABEL|HEALTHCHECK)[ \t][^\n]*)",
        ),
        leaf_level=2,
        with_comments=True,
    ),
    "makefile": Outline(
        _lines(
            r"(?P<level1>(?:define[ \t]|(?!\.[A-Z]+\b)[^\s#:=][^\n:=#]{0,300}::?(?![:=]))[^\n]*)",
            r"(?P<end1>endef\b|(?:export[ \t]+)?[\w.-]+[ \t]*[:+?!]{0,3}=|-?include[ \t])",
            r"(?P<end1b>ifn?(?:eq|def)\b|endif\b)",
        ),
        with_comments=True,
    ),
    # A manual as it is shown, or its source.
    "manual": Outline(
        _lines(
            r"(?P<level1>[A-Z][A-Z0-9][A-Z0-9 ,/&'()-]{0,70})[ \t]*$",
            r"(?P<level2>[ ]{2,4}[A-Z][^\n.]{1,60})$",
            r"(?P<level3>[ ]{4,12}[-+][^\s\n][^\n]{0,200})$",
            r"(?P<level1b>\.S[Hh][ ][^\n]*)",
            r"(?P<level2b>\.S[Ss][ ][^\n]*)",
            r"\.TP[^\n]*\n(?P<level3b>[^\n]*)",
            r"(?P<level3c>\.It[ ][^\n]*)",
        ),
        leaf_level=3,
    ),
    # A feature, its rules, and their scenarios, which have steps and examples.
    "gherkin": Outline(
        _lines(
            r"[ \t]*(?P<level1>Feature:[^\n]*)",
            r"[ \t]*(?P<level2>Rule:[^\n]*)",
            r"[ \t]*(?P<level3>(?:Background|Scenario(?:[ ](?:Outline|Template))?|Example):[^\n]*)",
            r"[ \t]*(?P<level4>(?:Examples|Scenarios):[^\n]*)",
        ),
        leaf_level=9,
        with_comments=True,
    ),
    # What a test run prints: its chapters, the tests that failed, the tracebacks.
    "testrun": Outline(
        _lines(
            r"(?P<level1>={3,}[ ][^\n]{1,200}[ ]={3,})",
            r"(?P<level2>_{3,}[ ][^\n]{1,200}[ ]_{3,})",
            r"(?P<level2b>(?:FAIL|ERROR):[ ][^\n]*)",
            r"(?P<level3>-{3,}[ ]Captured[ ][^\n]*)",
        ),
        leaf_level=3,
    ),
}
"""The kinds that are read by the form of their lines."""


def reader_of(kind: str) -> Callable[[str], Structure]:
    """The reader of one of these kinds."""
    outline = OUTLINES[kind]

    def read(text: str) -> Structure:
        units = read_sections(
            text, outline.pattern, leaf_level=outline.leaf_level, with_comments=outline.with_comments
        )
        return build(kind, [unit for unit in units if _heads_something(text, unit)])

    return read


def _heads_something(text: str, unit: Unit) -> bool:
    return unit.heading is None or text.find("\n", unit.heading[1], unit.end) >= 0
