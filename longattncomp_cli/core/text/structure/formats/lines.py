"""Lines, the comments above them, and sections that lines open."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from longattncomp_cli.core.text.structure.units import Unit, heading_span

LINE = re.compile(r"[^\n]*\n|[^\n]+")


WHOLE_CHARS = 1_500
"""A record or section of up to this many characters should stay whole, and is marked where it is cut."""


_COMMENT = re.compile(r"[ \t]*(?:#|//|/\*|\*|--|;|@|\[[A-Z]\w*[\](,])")


def plain_lines(text: str) -> str:
    """The same text, character for character, with ``\\n`` as its only line end and no byte order mark."""
    if text.startswith("\ufeff"):
        text = "\n" + text[1:]
    return text.replace("\r\n", " \n").replace("\r", "\n") if "\r" in text else text


def trimmed_end(text: str, start: int, end: int) -> int:
    """Where ``text[start:end]`` ends without the white space after it."""
    while end > start and text[end - 1].isspace():
        end -= 1
    return end


def is_comment(text: str, start: int, end: int) -> bool:
    """Whether a line is a comment, a decorator or an attribute in any common language."""
    return _COMMENT.match(text, start, end) is not None


def comments_begin(text: str, start: int, least: int) -> int:
    """Where the comments begin that stand on the lines right above the line that begins at ``start``.

    Args:
        text: the whole text.
        start: where a line begins.
        least: the comments begin here at the earliest.
    """
    while start > least:
        above = max(least, text.rfind("\n", least, start - 1) + 1)
        begins_line = not above or text[above - 1] == "\n"
        if not begins_line or not is_comment(text, above, start):
            break
        start = above
    return start


_NAMES = (
    re.compile(
        r"[ \t]*[\"']?:?(?:server_?)?(?:name|title|summary|label)[\"']?[ \t]*(?::|=|\||[ \t])[ \t]*[^\s{(\[]",
        re.I,
    ),
    re.compile(
        r"[ \t]*[\"']?:?(?:id|key|code|subject|host|slug|alias)[\"']?[ \t]*[:=|][ \t]*[^\s{(\[]", re.I
    ),
)
_NEAR_CHARS = 160
_LINES_TO_NAME = 4


def end_of_name(text: str, start: int, end: int, stop: int) -> int:
    """Where a heading ends that is to hold the line that names what it heads.

    Args:
        text: the whole text.
        start, end: the heading without that line.
        stop: where what it heads ends.

    Returns:
        The end of the line of a ``name``, else of an ``id``, among the first lines; else ``end``.
    """
    begin = text.find("\n", end, stop) + 1
    lines: list[tuple[int, int]] = []
    while begin and len(lines) < _LINES_TO_NAME and begin < stop:
        after = text.find("\n", begin, stop)
        lines.append((begin, after if after >= 0 else stop))
        begin = after + 1
    for pattern in _NAMES:
        for first, last in lines:
            if last - start <= _NEAR_CHARS and pattern.match(text, first, last):
                return trimmed_end(text, first, last)
    return end


@dataclass
class Sections:
    """Sections that are opened by their first lines and last until one of their level or above opens.

    Attributes:
        text: the whole text.
        leaf_level: sections of this level and below it should stay whole, whatever their size.
        whole_chars: as sections up to this size should.
        units: the sections that have ended.
    """

    text: str
    leaf_level: int = 99
    whole_chars: int = 0
    units: list[Unit] = field(default_factory=list)
    _open: list[tuple[int, int, tuple[int, int] | None]] = field(default_factory=list)

    def close(self, level: int, end: int) -> None:
        """End the open sections of ``level`` and below at ``end``."""
        while self._open and self._open[-1][0] >= level:
            depth, start, heading = self._open.pop()
            stop = trimmed_end(self.text, start, end)
            self.units.append(
                Unit(start, stop, heading, leaf=depth >= self.leaf_level or stop - start <= self.whole_chars)
            )

    def open(self, level: int, start: int, heading: tuple[int, int] | None) -> None:
        """Begin a section, and end those that it follows."""
        self.close(level, start)
        self._open.append((level, start, heading))

    def all(self) -> list[Unit]:
        """All sections; those that are open end with the text."""
        self.close(0, len(self.text))
        return self.units


def read_sections(
    text: str,
    pattern: re.Pattern[str],
    *,
    leaf_level: int = 99,
    with_comments: bool = False,
    heading_of: Callable[[re.Match[str]], tuple[int, int] | None] | None = None,
) -> list[Unit]:
    """Sections that lines open.

    Args:
        text: the whole text.
        pattern: finds the lines; the name of the group that matches says what they do: ``level1`` opens a
            section, ``level2`` one inside that; ``end1`` ends the section of that level. What another
            group matches is skipped; a letter tells groups of the same level apart.
            The group's text is the heading, the match begins the section.
        leaf_level: sections of this level and below should stay whole.
        with_comments: whether comments on the lines above belong to a section.
        heading_of: a better heading for a match.
    """
    sections = Sections(text, leaf_level)
    last = 0
    for found in pattern.finditer(text):
        name = found.lastgroup or ""
        if name.startswith("end"):
            sections.close(int(name[3]), found.start())
        elif name.startswith("level"):
            start = comments_begin(text, found.start(), last) if with_comments else found.start()
            own = found.span(name)
            heading = heading_of(found) if heading_of else heading_span(text, *own)
            sections.open(int(name[5]), start, heading)
        last = found.end()
    return sections.all()
