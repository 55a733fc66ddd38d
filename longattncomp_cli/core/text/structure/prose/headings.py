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
_TITLE = "title"
_TITLE_LINE = re.compile(r"[^\W_][^\n|\t=<>{}\[\]]{2,}")
_LONGEST_TITLE = 60
_FEWEST_TITLES = 3
_TITLE_SHARE = 0.7
_BULLET = re.compile(r"(?:[-*•]|\d{1,3}[.)])[ \t]")
_ADORNMENT = re.compile(r"([=\-~^\"'`#*+.:_<>])\1{2,}$")
_DATE = r"(?:\d{4}-\d\d-\d\d|\d{1,2}[. ]\w+[. ]\d{4}|\w+ \d{1,2},? \d{4}|unreleased|\d{4})"
_VERSION = re.compile(
    r"(?:v|version|release)?[ \t]*\d+\.\d+(?:\.\w+)*(?:[-+]\w+)*"
    rf"(?:[ \t]*[-–—:,]?[ \t]*\(?(?:released?[ \t]*)?{_DATE}\)?)?:?$",
    re.IGNORECASE,
)
_DATED = re.compile(r"\d{4}|unreleased|^v|^release", re.IGNORECASE)
_NAMED = re.compile(
    r"(?:(part|act)|(chapter|title|book)|(section|article|appendix|annex|schedule|clause|lesson|scene)|§)"
    r"[ \t]*(?:\d+(?:\.\d+)*|[ivxlc]+|[a-z])\b(?=[ \t]*(?:$|[.:–—-]|\w))",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(\d{1,3}(?:\.\d{1,3}){0,5})(\.?)[ \t]+(?=\S)")
# ``== Title ==`` (MediaWiki), ``--- Title ---``, ``h2. Title`` (Textile).
_MARKED = re.compile(
    r"(={1,6}|-{2,}|\*{2,}|~{2,}|#{2,}|_{2,}|\+{2,})[ \t]+([^\s=*~#_+-].{0,98}?)[ \t]+\1"
    r"|(h[1-6])\.[ \t]+\S.{0,98}"
)
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
        if line and (marked := _MARKED.fullmatch(line)):
            yield number, number, end, f"marked {marked.group(1) or marked.group(3)}"
            continue
        style = _style(line) if line else ""
        if not line or not (_is_alone(text, lines, number) or _heads_list(text, lines, number, style)):
            continue
        if not style and line.endswith(":") and _heads_no_list(text, lines, number):
            style = _style(line[:-1]) and _TITLE
        if style:
            yield number, number, end, style
    yield from _clauses(text, lines)


def _heads_list(text: str, lines: Lines, number: int, style: str) -> bool:
    """Whether a line that names a version stands apart right over a list of what is in it."""
    before = text[slice(*lines[number - 1])].strip() if number else ""
    after = text[slice(*lines[number + 1])].strip() if number + 1 < len(lines) else ""
    return style == "version" and not before and _BULLET.match(after) is not None


def _heads_no_list(text: str, lines: Lines, number: int) -> bool:
    """Whether what follows a line is no list: that has its own way with the line that introduces it."""
    below = next((text[a:b].strip() for a, b in lines[number + 1 : number + 4] if text[a:b].strip()), "")
    return bool(below) and not _BULLET.match(below)


def _style(line: str) -> str:
    """The kind of heading that a line looks like; nothing where it looks like none."""
    if len(line) > _LONGEST:
        return ""
    if _VERSION.match(line) and _DATED.search(line):
        return "version"
    named = _NAMED.match(line)
    if named and (not line.endswith((".", ",", ";", "!", "?")) or _is_stage_title(line, named.end())):
        return f"named {named.lastindex}"
    if _TITLE_LINE.fullmatch(line) and line[-1] not in ".,;:!?…\"'”’)" and len(line) <= _LONGEST_TITLE:
        return "capitals" if _CAPITALS.match(line) else _TITLE
    if _CAPITALS.match(line) and len(line) <= _LONGEST * 0.7:
        return "capitals"
    return ""


def _is_stage_title(line: str, end_of_number: int) -> bool:
    """``Scene 2. The tower.``: a short line whose number has a full stop as well."""
    return line[end_of_number : end_of_number + 2] in (". ", ": ") and len(line) <= _LONGEST_TITLE


def _clauses(text: str, lines: Lines) -> Iterator[tuple[int, int, int, str]]:
    """Paragraphs that begin with ``4.2``, up to the end of their first sentence, and titles with a number.

    A line with the number that is next, ``4.3``, begins a paragraph as well.
    """
    nexts: set[str] = set()
    for number, (start, end) in enumerate(lines):
        found = _NUMBER.match(text, start, end)
        if not found:
            continue
        above, _, own = found.group(1).rpartition(".")
        is_new = not number or not text[slice(*lines[number - 1])].strip()
        if not is_new and found.group(1) not in nexts:
            continue
        depth = found.group(1).count(".") + 1
        if depth > 1:
            nexts.add(f"{above}.{int(own) + 1}")
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


def _are_titles(text: str, lines: Lines, numbers: list[int]) -> bool:
    """Whether short lines that end no sentence head what follows: most stand over whole sentences."""
    heads = 0
    for number in numbers:
        below = next(
            (each for each in range(number + 1, len(lines)) if text[slice(*lines[each])].strip()), None
        )
        if below is not None:
            body = text[slice(*lines[below])].strip()
            heads += body[-1] in '.!?…:;"”' or len(body) > _LONGEST_TITLE or bool(_BULLET.match(body))
    return len(numbers) >= _FEWEST_TITLES and heads >= _TITLE_SHARE * len(numbers)


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
    if not _are_titles(text, lines, [first for first, _, _, style in found if style == _TITLE]):
        found = [each for each in found if each[3] != _TITLE]
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
        if style == _TITLE:
            level = _MOST_LEVELS
        headings.append(Heading(lines[first][0], end, level))
        numbers.update(range(first, last + 1))
    return headings, numbers
