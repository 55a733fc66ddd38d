"""YAML: a key heads what is indented below it; an item of a list, and a document, is headed by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from longattncomp_cli.core.text.structure.formats.lines import LINE, WHOLE_CHARS, trimmed_end
from longattncomp_cli.core.text.structure.units import Structure, Unit, build, heading_span

_KEY = re.compile(
    r"""(?P<key>"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s#\-\[\]{}"'&*!|>%@`,][^\n]*?|-[^\s\-][^\n]*?):"""
    r"""(?:[ \t]+(?P<value>[^\n]*\S))?[ \t]*$""",
    re.MULTILINE,
)


_DASH = re.compile(r"-(?:\s|$)")


_DOCUMENT = re.compile(r"(?:---|\.\.\.)(?:\s|$)")


_NAMES = frozenset({"name", "id", "title", "key", "slug", "operationid", "alias", "label"})


# What follows a key on its line and still leaves its value to the lines below.
_OPENS_BLOCK = re.compile(r"(?:[&!][^\s]*[ \t]*)*(?:#.*)?$")


_TEXT_BLOCK = re.compile(r"(?:[&!]\S*[ \t]+)*[|>][-+\d]{0,2}[ \t]*(?:#.*)?$")


_MOST_DEPTH = 16
_MOST_DASHES = 4
_MOST_LINE_CHARS = 2_000
_NEAR_CHARS = 100
"""A name this near to where its item begins is shown with what stands between."""


_KIND = re.compile(r"^kind:[^\n]*", re.MULTILINE)


_WRAPPED_SHARE = 0.8
"""A key of which another fills this share says little that that does not: it heads what is above it."""


_SHORT_CHARS = 300


@dataclass
class _Block:
    """A document, key or item that is open: its level and range, its heading, the largest key inside it."""

    level: int
    start: int
    heading: tuple[int, int] | None
    key: str = ""
    is_item: bool = False
    named: bool = False
    largest: tuple[int, int] = (0, 0)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.units: list[Unit] = []
        self.open = [_Block(-1, 0, None, is_item=True)]
        self.filled_to = 0
        self.text_level: int | None = None

    def read(self) -> list[Unit]:
        comment: int | None = None
        for line in LINE.finditer(self.text):
            begin, end = line.span()
            content = line.group().lstrip(" \t")
            start = end - len(content)
            stripped = content.rstrip()
            if not stripped:
                comment = None
                continue
            level = 2 * (start - begin)
            if self.text_level is not None and level > self.text_level:
                self.filled_to = begin + len(line.group().rstrip())
                continue
            self.text_level = None
            if stripped.startswith("#"):
                comment = begin if comment is None else comment
                continue
            if level == 0 and _DOCUMENT.match(stripped):
                self._close(-1)
                self.open.append(_Block(-1, end, None, is_item=True))
                comment = None
                continue
            self._line(begin if comment is None else comment, begin, start, end)
            self.filled_to = begin + len(line.group().rstrip())
            comment = None
        self._close(-1)
        return self.units

    def _line(self, unit_start: int, begin: int, at: int, end: int) -> None:
        """A line that is no comment: the items that it opens, and its key."""
        dashes = 0
        opened: _Block | None = None
        while dashes < _MOST_DASHES and _DASH.match(self.text, at, end):
            level = 2 * (at - begin) + 1
            self._close(level)
            opened = self._push(_Block(level, unit_start if not dashes else at, None, is_item=True))
            dashes += 1
            at += 1
            while at < end and self.text[at] in " \t":
                at += 1
        level = 2 * (at - begin)
        if not dashes:
            self._close(level)
        key = _KEY.match(self.text, at, end)
        if key is None:
            if opened is not None:
                opened.heading = heading_span(self.text, begin, end)
            return
        value = key.group("value") or ""
        if _TEXT_BLOCK.match(value):
            self.text_level = level if not dashes else level - 1
        elif not _OPENS_BLOCK.match(value):
            self._name(key, begin, end, opened)
            return
        heading = heading_span(self.text, begin, end)
        self._push(_Block(level, unit_start if not dashes else at, heading, key.group("key")))

    def _name(self, key: re.Match[str], begin: int, end: int, opened: _Block | None) -> None:
        """A key with its value: it may name the item or document that it stands in."""
        is_name = key.group("key").strip("\"'").lower() in _NAMES
        if opened is not None:
            opened.heading, opened.named = heading_span(self.text, begin, end), is_name
            return
        around = self.open[-2:]
        if not is_name or not around:
            return
        owner = around[0] if around[-1].key == "metadata" else around[-1]
        if not owner.is_item or owner.named:
            return
        since = owner.heading or self._kind_line(owner)
        near = since is not None and end - since[0] <= _NEAR_CHARS
        owner.heading = heading_span(self.text, since[0] if since and near else begin, end)
        owner.named = True

    def _kind_line(self, document: _Block) -> tuple[int, int] | None:
        """The ``kind: …`` of a document, where that begins near its start."""
        if document.level != -1:
            return None
        found = _KIND.search(self.text, document.start, document.start + _NEAR_CHARS)
        return found.span() if found else None

    def _push(self, block: _Block) -> _Block:
        self.open.append(block)
        return block

    def _close(self, level: int) -> None:
        """End what is of ``level`` or below; what is nested too deep to be told apart leaves no unit."""
        while self.open and self.open[-1].level >= level:
            block = self.open.pop()
            end = trimmed_end(self.text, block.start, self.filled_to)
            if not block.is_item and self.open and end - block.start > _size(self.open[-1].largest):
                self.open[-1].largest = (block.start, end)
            is_one_line = self.text.find("\n", block.start, min(end, block.start + _MOST_LINE_CHARS)) < 0
            if len(self.open) >= _MOST_DEPTH or is_one_line:
                continue
            stop = end
            is_wrapper = _size(block.largest) >= _WRAPPED_SHARE * (end - block.start) > _SHORT_CHARS
            if is_wrapper and not block.is_item:
                stop = trimmed_end(self.text, block.start, block.largest[0])
            is_record = block.named or not _size(block.largest)
            whole = is_record and end - block.start <= WHOLE_CHARS
            self.units.append(Unit(block.start, stop, block.heading, leaf=whole))


def _size(span: tuple[int, int]) -> int:
    return span[1] - span[0]


def read(text: str) -> Structure:
    """Read the documents, keys and items of a text."""
    return build("yaml", _Reader(text).read())
