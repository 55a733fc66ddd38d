"""Markdown: sections under their headings, tables under their first rows, code fences, and lists."""

from __future__ import annotations

import re
from collections.abc import Iterator

from longattncomp_cli.core.text.boundaries import sentence_starts
from longattncomp_cli.core.text.structure.prose.lists import find_lists, led_paragraphs
from longattncomp_cli.core.text.structure.prose.outline import Heading, Lines, lines_of, sections
from longattncomp_cli.core.text.structure.units import Structure, Unit, build, heading_span

_LINE = re.compile(r"[^\n]*\n|[^\n]+")


_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+\S")


_FENCE = re.compile(r" {0,3}(```+|~~~+)")


_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*\r?\n?$")


# A paragraph that is one bold line heads what comes after it.
_BOLD = re.compile(r" {0,3}(\*\*|__)(?=\S)[^\n]{1,100}?\1:?[ \t]*\r?\n?$")
_BOLD_LEVEL = 7
_SUMMARY = re.compile(r" {0,3}(?:<details[^>\n]{0,80}>[ \t]*)?<summary>")
_DEFINITION = re.compile(r" {0,3}[:~][ \t]+\S")
_LONGEST_TERM = 120
_DASHES = re.compile(r"[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)*\|?[ \t]*\r?\n?$")


def read(text: str) -> Structure:
    """Sections hold tables, fences and lists; paragraphs outside them may be cut at sentences."""
    units: list[Unit] = []
    rows: list[int] = []
    headings: list[Heading] = []
    lines = lines_of(text)
    # Lines of headings, tables and fences are no text of a list.
    others: set[int] = set()
    number = 0
    for kind, start, end, level in _blocks(text):
        while number < len(lines) and lines[number][0] < end:
            others.update({number} if lines[number][0] >= start else ())
            number += 1
        if kind == "heading":
            headings.append(Heading(start, end, level))
        elif kind == "table":
            table = [start + found.start() for found in _LINE.finditer(text[start:end])]
            heading_end = table[2] if len(table) > 2 else end
            units.append(
                Unit(start, start + len(text[start:end].rstrip()), heading_span(text, start, heading_end))
            )
            rows.extend(table[2:])
        else:
            units.append(Unit(start, start + len(text[start:end].rstrip()), None))
            rows.extend(start + found.start() for found in _LINE.finditer(text[start:end]))
    units += [*sections(text, headings), *find_lists(text, lines, others), *_definitions(text, lines, others)]
    units += led_paragraphs(text, lines, others)
    return build("markdown", units, [*rows, *sentence_starts(text).tolist()])


def _definitions(text: str, lines: Lines, others: set[int]) -> Iterator[Unit]:
    """Terms over their definitions, which begin with a colon; what is indented goes on with one."""
    at = 0
    while at + 1 < len(lines):
        is_term = at not in others and text[slice(*lines[at])].strip()
        if (
            not is_term
            or not _DEFINITION.match(text, *lines[at + 1])
            or lines[at][1] - lines[at][0] > _LONGEST_TERM
        ):
            at += 1
            continue
        last = at + 1
        while last + 1 < len(lines) and (
            _DEFINITION.match(text, *lines[last + 1]) or text[lines[last + 1][0]] in " \t"
        ):
            last += 1
        start, end = lines[at][0], lines[last][1]
        yield Unit(start, start + len(text[start:end].rstrip()), heading_span(text, *lines[at]), leaf=False)
        at = last + 1


def _blocks(text: str) -> Iterator[tuple[str, int, int, int]]:
    """``heading``, ``table`` and ``fence`` blocks with their range; of a heading its level."""
    lines = [(found.start(), found.end()) for found in _LINE.finditer(text)]
    at = 0
    while at < len(lines):
        start, end = lines[at]
        line = text[start:end]
        following = text[slice(*lines[at + 1])] if at + 1 < len(lines) else ""
        heading, fence = _HEADING.match(line), _FENCE.match(line)
        if fence:
            close = at + 1
            while close < len(lines) and not text[slice(*lines[close])].strip().startswith(fence.group(1)):
                close += 1
            close = min(close, len(lines) - 1)
            yield "fence", start, lines[close][1], 0
            at = close + 1
        elif heading:
            yield "heading", start, end, len(heading.group(1))
            at += 1
        elif "|" in line and "|" in following and _DASHES.match(following):
            last = at + 2
            while last < len(lines) and "|" in text[slice(*lines[last])]:
                last += 1
            yield "table", start, lines[last - 1][1], 0
            at = last
        elif _SUMMARY.match(line) or (_BOLD.match(line) and _is_alone(text, lines, at, following)):
            yield "heading", start, end, _BOLD_LEVEL
            at += 1
        elif line.strip() and _is_underlined(text, lines, at, following):
            yield "heading", start, lines[at + 1][1], 1 if following.strip().startswith("=") else 2
            at += 2
        else:
            at += 1


def _is_alone(text: str, lines: list[tuple[int, int]], at: int, following: str) -> bool:
    """Whether empty lines are around a line."""
    before = text[slice(*lines[at - 1])].strip() if at else ""
    return not before and not following.strip()


def _is_underlined(text: str, lines: list[tuple[int, int]], at: int, following: str) -> bool:
    """A setext heading: a lone short line over a run of ``=`` or ``-``."""
    underline = _UNDERLINE.match(following)
    before = text[slice(*lines[at - 1])].strip() if at else ""
    return (
        bool(underline) and len(following.strip()) >= 3 and not before and lines[at][1] - lines[at][0] < 120
    )
