"""Which format a text without a telling name is written in: few false alarms matter more than finds.

Every test wants most lines of the sample to follow the format, so that prose, Markdown and chats that only
quote some of it stay what they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from longattncomp_cli.core.text.structure.chats import looks_like_chat
from longattncomp_cli.core.text.structure.formats.entries import entry_format
from longattncomp_cli.core.text.structure.formats.logs import ENTRY, has_levels, looks_like_log
from longattncomp_cli.core.text.structure.formats.outlines import OUTLINES


@dataclass(frozen=True)
class Sample:
    """A part of a text, from its beginning.

    Attributes:
        text: with ``\\n`` as its only line end.
    """

    text: str

    @cached_property
    def lines(self) -> list[str]:
        """Those that hold something."""
        return [line for line in self.text.splitlines() if line.strip()]

    @cached_property
    def settled(self) -> list[str]:
        """Lines that are no comments."""
        return [line for line in self.lines if not line.lstrip().startswith(("#", ";", "//"))]

    @cached_property
    def first(self) -> str:
        """The first line that is no comment."""
        return self.settled[0] if self.settled else ""

    def share(self, pattern: re.Pattern[str]) -> float:
        """The share of lines, comments left out, that begin as ``pattern`` says."""
        return sum(1 for line in self.settled if pattern.match(line)) / max(1, len(self.settled))

    def count(self, pattern: re.Pattern[str]) -> int:
        """How often ``pattern`` is found."""
        return sum(1 for _ in pattern.finditer(self.text))


_HEADER_FIELD = re.compile(
    r"(?:From|To|Cc|Date|Sent|Subject|Message-ID|Received|Return-Path|Reply-To|MIME-Version|Delivered-To|In-Reply-To"
    r"|X-[\w-]+|Content-[\w-]+):[ \t]",
)
_ENVELOPE = re.compile(r"From \S{1,200} .*\d\d:\d\d:\d\d")
_CUE = re.compile(r"^[ \t]*(?:\d{1,3}:)?\d\d:\d\d[.,]\d{1,3}[ \t]*-->", re.MULTILINE)
_FRAME = re.compile(
    r'\s+at [\w.$<>/]+\(|\s+File "|#\d+ |\s+- (?:locked|waiting|parking)|\t\S+:\d+|[\w./*()-]+\(.*\)$|\s+0x'
    r"|[\da-fA-F]{6,16} [\da-fA-F]{5,16} "
)
_BIBTEX = re.compile(r"^[ \t]*@\w+[{(][^\s,=]*,?[ \t]*$", re.MULTILINE)
_BIBTEX_FIELD = re.compile(r"\s*(?:[\w-]+\s*=\s*[{\"\w]|@\w+[{(]|[})]\s*$)")
_LDIF_LINE = re.compile(r"[A-Za-z][\w;.-]*::? |[ ]\S|-$")
_HEADER = re.compile(r"^\[[^\]\n]{1,200}\]{1,2}[ \t]*(?:[#;].*)?$", re.MULTILINE)
_SETTING = re.compile(
    r"\s*(?:export\s+)?[\w.\"'-]{1,80}(?:[ ][\w.-]{1,40}){0,2}\s*(?:=|:(?:\s|[^\s/:]|$))"
    r"|\[[^\]]+\]{1,2}\s*$|\s+\S|\]"
)
_ASSIGNMENT = re.compile(r"(?:export\s+)?[A-Za-z_][\w.]*=\S*")
# ``key = value``, in a text that holds nothing else but the lines that go on from one.
_WIDE_ASSIGNMENT = re.compile(r"[A-Za-z_][\w.-]*[ \t]*=(?:[ \t]*$|[ \t]+[^\s=])")
_CALL = re.compile(r"\w\([^()\n]*\)|[;{]$", re.MULTILINE)
_FEWEST_WIDE = 6
_YAML_LINE = re.compile(r"\s*(?:- )*(?:[\"']?[\w./$@{}*-]{1,80}[\"']?:(?:\s|$)|- ?\S|---|\.\.\.)")
_YAML_NEST = re.compile(
    r"^(?P<indent>[ ]*)(?:- )?[\"']?[\w./$@{}-]+[\"']?:[ \t]*\n(?P=indent)(?:[ ]+[\w\"'/$-]|-[ ])",
    re.MULTILINE,
)
_YAML_TOP = re.compile(r"(?:---\s*$|%YAML|[\"']?[\w.$/-]+[\"']?:(?:\s|$)|- \S)")
_DOCKER_LINE = re.compile(
    r"(?:FROM|RUN|COPY|ENV|ARG|CMD|ENTRYPOINT|ADD|LABEL|EXPOSE|VOLUME|USER|WORKDIR|HEALTHCHECK|SHELL|ONBUILD)\s|\s+\S"
)
_TARGET = re.compile(r"^[\w./%$(){}@ -]+:[^=\n]*\n\t\S", re.MULTILINE)
_CODE_END = re.compile(r".*[;{}]\s*$")
_MAKE_LINE = re.compile(
    r"\t|[\w./%$(){}@ -]+:|[\w.-]+\s*[:+?!]?=|-?include\s|ifn?(?:eq|def)|else|endif|\s+\S"
)
_STATEMENT = re.compile(
    r"^(?:CREATE\s+(?:OR\s+REPLACE\s+)?(?:TEMP(?:ORARY)?\s+|UNIQUE\s+|MATERIALIZED\s+)?"
    r"(?:TABLE|VIEW|INDEX|FUNCTION|PROCEDURE|TRIGGER|SCHEMA|DATABASE|SEQUENCE|TYPE|EXTENSION)"
    r"|INSERT\s+INTO|ALTER\s+TABLE|DROP\s+TABLE|DELETE\s+FROM|SELECT\s|UPDATE\s+\S+\s+SET|GRANT\s)",
    re.MULTILINE | re.IGNORECASE,
)
_SQL_FIRST = re.compile(
    r"(?:CREATE|INSERT|ALTER|DROP|SELECT|UPDATE|DELETE|BEGIN|SET|USE|GRANT|WITH|--|/\*|PRAGMA)\b",
    re.IGNORECASE,
)
_SQL_END = re.compile(r";[ \t]*(?:--.*)?$", re.MULTILINE)
_SETTINGS_BLOCK = re.compile(
    r"^(?:(?:server|location|http|upstream|events|map|stream)\b[^{};\n]*|(?:resource|data|module|variable|output|provider"
    r"|terraform|locals|service|message)(?:[ ]+[\w.\"-]+){0,2}[ ]*)\{[ \t]*$",
    re.MULTILINE,
)
_C = re.compile(r"^#(?:include|pragma|define)\b", re.MULTILINE)
_SETTINGS_LINE = re.compile(r"\s*(?:[^{}]*[{};]\s*(?:(?:#|//).*)?$|[\w.\"-]+\s*=\s|\S+,$|[\]})])")
_MANUAL_TITLE = re.compile(r"[\w.+:-]+\(\d\w*\)|NAME\s*$|\.(?:TH|Dd|\\\")")
_MANUAL_SECTION = re.compile(
    r"^(?:NAME|SYNOPSIS|DESCRIPTION|OPTIONS|SEE ALSO|\.S[Hh] .*)[ \t]*$", re.MULTILINE
)
_INDENTED = re.compile(r"[ ]{3}|\t")
_APACHE = re.compile(r"^[ \t]*</(?:VirtualHost|Directory|Location|IfModule|Files|Proxy)\w*>", re.MULTILINE)
_COMMIT = re.compile(r"^commit [0-9a-f]{7,64}\b", re.MULTILINE)
_HUNK = re.compile(r"^@@+ -\d+(?:,\d+)? \+\d+|^\*{15}$|^\d+(?:,\d+)?[acd]\d+(?:,\d+)?$", re.MULTILINE)
_DIFF_FIRST = re.compile(r"diff |Index: |--- \S|\*\*\* \S|From [0-9a-f]{40} |commit [0-9a-f]{7,64}\b")
_FEATURE = re.compile(r"^[ \t]*Feature:", re.MULTILINE)
_SCENARIO = re.compile(r"^[ \t]*(?:Scenario(?: Outline| Template)?|Background):", re.MULTILINE)
_SESSION = re.compile(
    r"^={3,} (?:test session starts|FAILURES|ERRORS|short test summary info) ={3,}$", re.MULTILINE
)


def _is_subtitles(sample: Sample) -> bool:
    cues = sample.count(_CUE)
    return sample.text.lstrip().startswith("WEBVTT") or (cues >= 3 and 12 * cues >= len(sample.lines))


def _is_diff(sample: Sample) -> bool:
    if not sample.lines or not _DIFF_FIRST.match(sample.lines[0]):
        return False
    return sample.count(_HUNK) >= 1 or sample.count(_COMMIT) >= 2


def _is_mail(sample: Sample) -> bool:
    if sample.lines and _ENVELOPE.match(sample.lines[0]):
        return True
    fields = set()
    for line in sample.lines[:30]:
        found = _HEADER_FIELD.match(line)
        if found:
            fields.add(found.group())
        elif not line[0].isspace():
            break
    return len(fields) >= 3 and any(field.startswith("From:") for field in fields)


def _is_dump(sample: Sample) -> bool:
    heads = sample.count(OUTLINES["dump"].pattern)
    if 2 * sum(1 for _ in ENTRY.finditer(sample.text)) > heads:  # entries of a log, with their traces
        return False
    frames = sum(1 for line in sample.lines if _FRAME.match(line))
    return heads >= 2 and frames >= 0.4 * len(sample.lines)


def _is_config(sample: Sample) -> bool:
    headers = sample.count(_HEADER)
    settings = sample.share(_SETTING)
    starts = _HEADER.match(sample.first) or _SETTING.match(sample.first)
    if headers and starts and len(sample.settled) >= 3 * headers / 2:
        return settings >= 0.9 and any("=" in line or ":" in line for line in sample.settled)
    own = [line for line in sample.settled if not line[0].isspace()]
    wide = sum(1 for line in own if _WIDE_ASSIGNMENT.match(line))
    if wide >= _FEWEST_WIDE and wide == len(own) and not sample.count(_CALL):
        return True
    keys = {line.partition("=")[0] for line in sample.settled}
    return len(sample.settled) >= 4 and len(keys) > 1 and sample.share(_ASSIGNMENT) >= 0.9


def _is_yaml(sample: Sample) -> bool:
    nested = sample.count(_YAML_NEST)
    is_document = sample.first.startswith(("---", "apiVersion:"))
    if not _YAML_TOP.match(sample.first) or nested < (1 if is_document else 2):
        return False
    return sample.share(_YAML_LINE) >= (0.6 if is_document else 0.85)


def _is_sql(sample: Sample) -> bool:
    statements = sample.count(_STATEMENT)
    first = next((line for line in sample.lines if not line.startswith(("--", "/*", "#"))), "")
    ends = sample.count(_SQL_END)
    return (
        bool(_SQL_FIRST.match(first))
        and ends >= 2
        and statements >= 2
        and 12 * statements >= len(sample.lines)
    )


def _is_makefile(sample: Sample) -> bool:
    is_made = sample.count(_TARGET) >= 2 and sample.share(_MAKE_LINE) >= 0.9
    return is_made and sample.share(_CODE_END) < 0.1


def _is_manual(sample: Sample) -> bool:
    is_titled = bool(_MANUAL_TITLE.match(sample.first)) and sample.count(_MANUAL_SECTION) >= 2
    return is_titled and (sample.text.lstrip().startswith(".") or sample.share(_INDENTED) >= 0.5)


def _is_log(sample: Sample) -> bool:
    """Most lines open with a time or a level; where they name speakers as well, it is a chat."""
    return looks_like_log(sample.text) and (has_levels(sample.text) or not looks_like_chat(sample.text))


_TESTS: tuple[tuple[str, Callable[[Sample], bool]], ...] = (
    ("subtitles", _is_subtitles),
    ("cards", lambda sample: re.match(r"BEGIN:V(?:CARD|CALENDAR)\b", sample.first) is not None),
    ("diff", _is_diff),
    ("mail", _is_mail),
    ("dump", _is_dump),
    ("gherkin", lambda sample: sample.count(_FEATURE) == 1 and sample.count(_SCENARIO) >= 1),
    ("testrun", lambda sample: sample.count(_SESSION) >= 1),
    ("bibtex", lambda sample: sample.count(_BIBTEX) >= 2 and sample.share(_BIBTEX_FIELD) >= 0.6),
    ("ldif", lambda sample: sample.text.count("\ndn: ") >= 1 and sample.share(_LDIF_LINE) >= 0.95),
    ("entries", lambda sample: entry_format(sample.text) is not None),
    ("dockerfile", lambda s: s.first.startswith(("FROM ", "ARG ")) and s.share(_DOCKER_LINE) >= 0.9),
    ("log", _is_log),
    ("makefile", _is_makefile),
    ("manual", _is_manual),
    ("sql", _is_sql),
    (
        "settings",
        lambda s: s.count(_SETTINGS_BLOCK) >= 1 and s.share(_SETTINGS_LINE) >= 0.9 and not s.count(_C),
    ),
    ("config", _is_config),
    ("yaml", _is_yaml),
    ("xml", lambda s: s.text.lstrip().startswith("<?xml") or s.count(_APACHE) >= 2),
)


def format_of(sample: str) -> str | None:
    """The format that most lines of a sample follow, or ``None``."""
    read = Sample(sample)
    return next((kind for kind, test in _TESTS if test(read)), None)
