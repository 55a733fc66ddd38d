"""From headings and their levels to sections, and what all readers of prose share: lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from longattncomp_cli.core.text.structure.units import Unit, heading_span

_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading of a section.

    Attributes:
        start, end: its characters.
        level: 1 is the highest; a section ends at the next heading of its level or a higher one.
    """

    start: int
    end: int
    level: int


Lines = list[tuple[int, int]]
"""Begin and end of each line; a line holds its line break."""


def lines_of(text: str) -> Lines:
    """The lines of a text, without a byte order mark before the first."""
    begin = 1 if text.startswith("\ufeff") else 0
    return [(found.start(), found.end()) for found in _LINE.finditer(text, begin)]


def sections(text: str, headings: Iterable[Heading]) -> list[Unit]:
    """The sections under ``headings``, which come in the order of the text."""
    units: list[Unit] = []
    opened: list[Heading] = []

    def close(level: int, end: int) -> None:
        while opened and opened[-1].level >= level:
            heading = opened.pop()
            stop = _without_space(text, heading.start, end)
            units.append(
                Unit(heading.start, stop, heading_span(text, heading.start, heading.end), leaf=False)
            )

    for heading in headings:
        close(heading.level, heading.start)
        opened.append(heading)
    close(0, len(text))
    return units


def _without_space(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1].isspace():
        end -= 1
    return end
