"""Headings of texts without markup: underlined, numbered, named (``Chapter 2``), versions, lines in capitals.

Plain prose has none: but for underlined ones, a style counts only where it comes back, alone between
empty lines.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from longattncomp_cli.core.text.boundaries import sentence_starts
from longattncomp_cli.core.text.structure.prose.outline import Heading, Lines

_LONGEST = 100
_MOST_LEVELS = 8
_ADORNMENT = re.compile(r"([=\-~^\"'`#*+.:_<>])\1{2,}$")
_DATE = r"(?:\d{4}-\d\d-\d\d|\d{1,2}[. ]\w+[. ]\d{4}|\w+ \d{1,2},? \d{4}|unreleased|\d{4})"
_VERSION = re.compile(
    r"(?:v|version|release)?[ \t]*\d+\.\d+(?:\.\w+)*(?:[-+]\w+)*"
    rf"(?:[ \t]*[-–—:,]?[ \t]*\(?(?:released?[ \t]*)?{_DATE}\)?)?:?$",
    re.IGNORECASE,
)
_DATED = re.compile(r"\d{4}|unreleased|^v|^release", re.IGNORECASE)
_NAMED = re.compile(
    r"(?:(part)|(chapter|title|book)|(section|article|appendix|annex|schedule|clause|lesson|act|scene)|§)"
    r"[ \t]*(?:\d+(?:\.\d+)*|[ivxlc]+|[a-z])\b(?=[ \t]*(?:$|[.:–—-]|\w))",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(\d{1,3}(?:\.\d{1,3}){0,5})(\.?)[ \t]+(?=\S)")
_CAPITALS = re.compile(r"(?=(?:.*[A-Z]){4})[A-Z0-9][A-Z0-9 ,.&/'’:–-]*$")
# A line in capitals that comes more often stands at the head of pages.
_MOST_TIMES = 2


def underlined(text: str, lines: Lines) -> Iterator[tuple[int, int, str]]:
    """First line, last line, and style of titles over (and under) a run of one mark, as in RST."""
    stripped = [text[start:end].strip() for start, end in lines]
    done = -1
    for number in range(1, len(lines)):
        title, mark = stripped[number - 1], _ADORNMENT.match(stripped[number])
        if not mark or not title or number - 1 <= done or _ADORNMENT.match(title):
            continue
        width = len(stripped[number])
        above = stripped[number - 2] if number >= 2 else ""
        over = above == stripped[number] and number - 2 > done
        long_enough = width >= min(len(title), _LONGEST) - 2
        if not (over or not above) or not long_enough or len(title) > _LONGEST or not title[0].isprintable():
            continue
        yield number - 2 if over else number - 1, number, mark.group(1) * (2 if over else 1)
        done = number


def plain(text: str, lines: Lines) -> Iterator[tuple[int, int, int, str]]:
    """First line, last line, end, and style of lines that look like headings of a text without markup."""
    for first, last, style in underlined(text, lines):
        yield first, last, lines[last][1], style
    for number, (start, end) in enumerate(lines):
        line = text[start:end].strip()
        if not line or not _is_alone(text, lines, number):
            continue
        style = _style(line)
        if style:
            yield number, number, end, style
    yield from _clauses(text, lines)


def _style(line: str) -> str:
    """The kind of heading that a line looks like; nothing where it looks like none."""
    if len(line) > _LONGEST:
        return ""
    if _VERSION.match(line) and _DATED.search(line):
        return "version"
    named = _NAMED.match(line)
    if named and not line.endswith((".", ",", ";", "!", "?")):
        return f"named {named.lastindex}"
    if _CAPITALS.match(line) and len(line) <= _LONGEST * 0.7:
        return "capitals"
    return ""


def _clauses(text: str, lines: Lines) -> Iterator[tuple[int, int, int, str]]:
    """Paragraphs that begin with ``4.2``, up to the end of their first sentence, and titles with a number."""
    for number, (start, end) in enumerate(lines):
        found = _NUMBER.match(text, start, end)
        if not found or (number and text[slice(*lines[number - 1])].strip()):
            continue
        depth = found.group(1).count(".") + 1
        line = text[found.end() : end].rstrip()
        is_title = len(line) <= _LONGEST and line[:1].isupper() and line[-1:] not in ".,;:!?"
        if depth == 1 and not (is_title and _is_alone(text, lines, number)):
            continue
        first = sentence_starts(text[found.end() : end])
        stop = found.end() + int(first[0]) if len(first) else end
        yield number, number, stop, f"number {depth}"


def _is_alone(text: str, lines: Lines, number: int) -> bool:
    """Whether an empty line is before a line, and after it one or what is indented below it."""
    before = text[slice(*lines[number - 1])].strip() if number else ""
    after = text[slice(*lines[number + 1])] if number + 1 < len(lines) else ""
    start = text[slice(*lines[number])][:1]
    return not before and not start.isspace() and (not after.strip() or after[0] in " \t")


def plain_headings(text: str, lines: Lines, listed: set[int]) -> tuple[list[Heading], set[int]]:
    """The headings of a text without markup, and the numbers of their lines.

    Args:
        text: the whole text.
        lines: of it.
        listed: lines that are items of a list, and no titles with a number.

    Returns:
        Levels follow the order in which styles come first, as in reStructuredText.
    """
    found = sorted(each for each in plain(text, lines) if each[0] not in listed)
    titles = Counter(text[slice(*lines[first])].strip() for first, *_ in found)
    found = [
        each
        for each in found
        if each[3] != "capitals" or titles[text[slice(*lines[each[0]])].strip()] <= _MOST_TIMES
    ]
    counts = Counter(style for *_, style in found)
    levels: dict[str, int] = {}
    headings: list[Heading] = []
    numbers: set[int] = set()
    for first, last, end, style in found:
        if first in numbers or (len(style) > 2 and counts[style] < 2):
            continue
        level = levels.setdefault(style, min(len(levels) + 1, _MOST_LEVELS))
        headings.append(Heading(lines[first][0], end, level))
        numbers.update(range(first, last + 1))
    return headings, numbers
