"""Code without a grammar: blocks of lines by their indentation, brackets and first words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from longattncomp_cli.core.text.structure.units import Structure, Unit, build, heading_span

_LINE = re.compile(r"[^\n]*\n|[^\n]+")


_CLOSER = re.compile(r"\s*(?:[\])}]|end\b|fi\b|done\b|esac\b|else\b|elif\b|\{)")


_HOLDER = re.compile(
    r"\s*(?:(?:export|public|private|protected|internal|abstract|sealed|final|static|open|data|partial|default)\s+)*"
    r"(?:class|struct|impl|interface|trait|module|namespace|enum|object|extension|protocol|mod|defmodule|contains"
    r"|package|library|contract|program|unit|describe|context)\b",
    re.IGNORECASE,
)
# A line at the margin that goes on with the block above it.
_GOES_ON = re.compile(r"\s*(?:begin|(?:var|const|where|local|is|as|then|do)\s*$)", re.IGNORECASE)


_COMMENT = re.compile(r"\s*(?:#|//|/\*|\*|--|;|@)")


_MOST_DEPTH = 4


_Lines = list[tuple[int, int]]


def read_indented(text: str) -> Structure:
    """A line and what is indented below it make a block; blocks inside a class are units of their own."""
    lines = [(found.start(), found.end()) for found in _LINE.finditer(text)]
    units: list[Unit] = []
    steps: list[int] = []
    _collect(text, lines, units, steps, 0)
    return build("code", units, steps)


def _collect(text: str, lines: _Lines, units: list[Unit], steps: list[int], depth: int) -> None:
    for first, own, last in _blocks(text, lines):
        start, end = lines[first][0], lines[last][1]
        if last == own:
            continue
        end = start + len(text[start:end].rstrip())
        heading = heading_span(text, *lines[own])
        holds = depth < _MOST_DEPTH and _HOLDER.match(text, *lines[own]) is not None
        units.append(Unit(start, end, heading, leaf=not holds))
        if holds:
            _collect(text, lines[own + 1 : last + 1], units, steps, depth + 1)
        else:
            steps.extend(begin for begin, stop in lines[own + 1 : last + 1] if text[begin:stop].strip())


def _blocks(text: str, lines: _Lines) -> Iterator[tuple[int, int, int]]:
    """The first line (with its comments), the line that opens it, and the last line of each block."""
    depths = [_indentation(text, *line) for line in lines]
    filled = [depth for depth in depths if depth is not None]
    if not filled:
        return
    # What only closes something outside, such as the brackets of a class's parameters, is no block.
    opening = [
        depth
        for depth, line in zip(depths, lines, strict=True)
        if depth is not None and not _CLOSER.match(text, *line)
    ]
    base = min(opening or filled)
    at = 0
    comment: int | None = None
    while at < len(lines):
        if depths[at] is None:
            comment = None
            at += 1
            continue
        if depths[at] == base and _COMMENT.match(text, *lines[at]):
            comment = at if comment is None else comment
            at += 1
            continue
        last = at
        for below in range(at + 1, len(lines)):
            depth = depths[below]
            if depth is not None and depth <= base and not _goes_on(text, lines[below]):
                break
            last = below if depth is not None else last
        yield at if comment is None else comment, at, last
        comment = None
        at = last + 1


def _goes_on(text: str, line: tuple[int, int]) -> bool:
    return _CLOSER.match(text, *line) is not None or _GOES_ON.match(text, *line) is not None


def _indentation(text: str, start: int, end: int) -> int | None:
    """The width of the white space that opens a line; ``None`` where there is nothing else."""
    line = text[start:end]
    stripped = line.lstrip(" \t")
    return None if not stripped.strip() else len(line) - len(stripped)
