"""Logs: an entry is a line with its time and the lines that go on from it, such as a stack trace."""

from __future__ import annotations

import re

from longattncomp_cli.core.text.structure.formats.lines import trimmed_end
from longattncomp_cli.core.text.structure.units import Structure, Unit, build

_LEVEL = (
    r"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL|SEVERE|ALERT|EMERG|VERBOSE|FINE(?:R|ST)?)"
)


_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"


_CLOCK = r"\d{1,2}:\d\d:\d\d(?:[.,:]\d{1,9})?(?:[ \t]?(?:Z|UTC|[AP]M|[+-]\d\d:?\d\d))?"


_TIME = (
    rf"(?:\d{{4}}[-/.]\d\d[-/.]\d\d[T _-]+{_CLOCK}|\d\d[-/.]\d\d[-/.]\d{{2,4}}[T ,]+{_CLOCK}"
    rf"|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?[ ]+)?{_MONTH}[ ]+\d{{1,2}}(?:,?[ ]+\d{{4}})?[ ,]+"
    rf"{_CLOCK}(?:[ ]+\d{{4}})?"
    rf"|\d{{1,2}}[ /-]{_MONTH}[ /-]\d{{2,4}}[ :T]{_CLOCK}|{_CLOCK}|\d{{8}}[T ]\d{{6}}(?:\.\d+)?Z?)"
)


_OPENING = (
    rf"(?:[\[(<]?{_TIME}[\])>]?(?=[ \t|:\]\-]|$)"
    rf"|[\[<(]?{_LEVEL}[\]>)]?:?(?=[ \t|\[(:]|$)"
    r"|\[[ ]*\d{1,9}\.\d{3,9}\]|1\d{9}(?:[.,]?\d{3,9})?(?=[ \t:|])"
    r"|[IWEF]\d{4}[ ]\d\d:\d\d:\d\d\.\d+"
    rf"|(?:time|ts|timestamp|t|level|lvl)=[\"']?[\w+:.T-]+[\"']?(?=[ \t])"
    rf"|<\d{{1,3}}>(?:\d[ ])?{_TIME}"
    rf"|\S{{1,80}}[ ]\S{{1,60}}[ ]\S{{1,60}}[ ]\[\d\d/{_MONTH}/\d{{4}}:[^\]\n]{{8,20}}\]"
    rf"|[\w./-]{{1,60}}[ ]{{0,20}}[|:]?[ ]{{1,20}}\|?[ ]?\[?{_TIME}(?=[ \t|\],])|{_LEVEL}[ ]+\[?{_TIME})"
)


ENTRY = re.compile(rf"^{_OPENING}", re.MULTILINE)
"""How an entry opens: with a time, a level, or a host and its time."""


_PREFIX = re.compile(
    rf"{_OPENING}(?:[ \t]*(?:[-|:]{{1,2}}(?=[ \t])|\[[^\]\n]{{1,40}}\]|\({_LEVEL}\)|<?{_LEVEL}>?:?(?=\s)"
    r"|(?:level|lvl|severity)=\S{1,12}|[\w.$/-]{1,60}(?:\[\d{1,9}\])?:(?=[ \t])))*"
)


_MOST_LINE_CHARS = 200
_MOST_PREFIX_CHARS = 120
_LEVEL_NEAR = re.compile(rf"^[^\n]{{0,60}}?\b{_LEVEL}\b", re.MULTILINE)


# Lines of a trace that are not indented.
_TRACE = re.compile(r"Traceback \(|Caused by: |\}|[\w.$]{1,100}(?:Error|Exception|Warning|Interrupt)\b")
_EXCEPTION = re.compile(
    r"^[ \t]*(?:Caused by: |Suppressed: )?(?:[\w$]+\.)*+[\w$]*(?:Error|Exception)\b[^\n]{0,200}"
    r"(?=\n[ \t]+at )",
    re.MULTILINE,
)
_FEWEST_ENTRIES = 3
_LEAST_SHARE = 0.5


def looks_like_log(sample: str) -> bool:
    """Whether most lines that are not indented open an entry."""
    lines = sum(
        1 for line in sample.splitlines() if line.strip() and not line[0].isspace() and not _TRACE.match(line)
    )
    entries = sum(1 for _ in ENTRY.finditer(sample))
    return entries >= _FEWEST_ENTRIES and entries >= _LEAST_SHARE * lines


def has_levels(sample: str) -> bool:
    """Whether levels (``INFO``, ``ERROR``) stand near the begin of many lines."""
    levels = sum(1 for _ in _LEVEL_NEAR.finditer(sample))
    return levels >= _LEAST_SHARE * sum(1 for _ in ENTRY.finditer(sample))


def read(text: str) -> Structure:
    """Entries that should stay whole; where one is cut its time and level head what is kept."""
    starts = [found.start() for found in ENTRY.finditer(text)]
    units = []
    for start, stop in zip(starts, [*starts[1:], len(text)], strict=False):
        end = trimmed_end(text, start, stop)
        units.append(Unit(start, end, _heading(text, start, end)))
        units += _exceptions(text, start, end)
    return build("log", units)


def _exceptions(text: str, start: int, end: int) -> list[Unit]:
    """The exceptions of an entry, each over its frames."""
    found = list(_EXCEPTION.finditer(text, start, end))
    stops = [each.start() for each in found[1:]]
    return [
        Unit(each.start(), trimmed_end(text, each.start(), stop), each.span())
        for each, stop in zip(found, [*stops, end], strict=False)
    ]


def _heading(text: str, start: int, end: int) -> tuple[int, int]:
    """The first line of an entry of several, if it is short; else how its first line opens."""
    line_end = text.find("\n", start, end)
    if 0 <= line_end <= start + _MOST_LINE_CHARS:
        return start, trimmed_end(text, start, line_end)
    prefix = _PREFIX.match(text, start, min(end, start + _MOST_PREFIX_CHARS))
    stop = prefix.end() if prefix else start + _MOST_PREFIX_CHARS
    return start, max(start + 1, trimmed_end(text, start, min(stop, end)))
