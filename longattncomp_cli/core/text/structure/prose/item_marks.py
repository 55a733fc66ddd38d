"""Marks of list items: bullets, numbers, letters, and which of them are nested in which.

In contracts ``(i)`` stands under ``(c)`` without being indented: the kind of a mark says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# A bullet, or a number or small letter with its mark; of LaTeX \item without a label.
MARKER = re.compile(
    r"([ \t]*)((?:[-+•‣◦▪]|\*{1,5}|\d{1,3}[.)]|\(\d{1,3}\)|[a-z][.)]|\([a-z]{1,4}\)|#\.|\.{1,5})[ \t]+(?=\S)|"
    r"\\item\b(?![ \t]*\[))"
)
_ROMAN = re.compile(r"[ivxlc]+")
# Of each kind of ordinal the first, with which a list in a list begins.
_FIRST_MARKS = frozenset({"1", "a", "i"})
_BULLET = "bullet"
_NESTED = 0.01
_TAB = 4


@dataclass
class Item:
    """An item that is not closed yet.

    Attributes:
        start, end: its characters so far.
        indent: how far it is indented; a little more where only its mark says that it is nested.
        style: the kind of its mark.
        mark: the mark itself, without what stands around it.
        first_nested: where the first item nested in it begins; -1 without.
    """

    start: int
    indent: float
    end: int
    style: str
    mark: str
    first_nested: int = -1


def indent_and_mark(marker: re.Match[str]) -> tuple[int, str]:
    """How far an item is indented, and its mark."""
    written = marker.group(2).strip()
    # AsciiDoc and Org nest by the number of marks.
    depth = len(written) - 1 if set(written) <= {"*"} or set(written) <= {"."} else 0
    return width_of(marker.group(1)) + depth, written


def place_of(items: list[Item], indent: int, mark: str) -> float | None:
    """Where an item stands among those that are as far indented: beside one of its kind, or in the last.

    ``None`` where it is of another kind than all of them and begins no list in them.
    """
    alike = [item for item in items if int(item.indent) == indent]
    style = style_of(items, mark)
    if not alike:
        return indent
    for item in reversed(alike):
        if item.style == style:
            return item.indent
    last = alike[-1]
    nests = style == _BULLET or mark.strip("().") in _FIRST_MARKS
    return last.indent + _NESTED if nests and last.style != _BULLET else indent if style == _BULLET else None


def style_of(items: list[Item], mark: str) -> str:
    """The kind of a mark: a bullet, or numbers, letters or Roman numbers with what stands around them."""
    inner = mark.strip("().")
    if not inner.isalnum():
        return _BULLET
    around = mark.replace(inner, "1" if inner.isdigit() else "a", 1)
    if inner.isdigit() or not _ROMAN.fullmatch(inner):
        return around
    roman = around.replace("a", "i")
    before = next((item for item in reversed(items) if item.style in (around, roman)), None)
    if before is None or inner == "i":
        is_next = before is not None and before.mark == "h"
        return roman if inner == "i" and not is_next else around
    return before.style


def width_of(white: str) -> int:
    """How wide white space is, in spaces."""
    return sum(_TAB if char == "\t" else 1 for char in white)
