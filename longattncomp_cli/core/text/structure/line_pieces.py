"""Lines as they are kept of what is read by line: with those that go on from them, long ones by clause."""

from __future__ import annotations

from itertools import pairwise

from longattncomp_cli.core.text.boundaries import clause_starts, line_starts
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.core.text.structure.kinds import FOLDED_KINDS, LINE_KINDS

LONG_LINE_CHARS = 400
"""A line of up to this many is not cut."""


def line_pieces(text: str, kind: str | None, start: int, end: int) -> list[Span]:
    """The lines in ``[start, end)`` of a text that hold something; of very long ones the clauses."""
    starts = [start + int(at) for at in line_starts(text[start:end])]
    edges = [start, *(at for at in starts if not goes_on(text, kind, at)), end]
    found: list[Span] = []
    for first, last in pairwise(edges):
        inner = clause_starts(text[first:last]) if is_long_line(text, first, last) else ()
        for low, high in pairwise([first, *(first + int(at) for at in inner), last]):
            if text[low:high].strip():
                found.append(Span(low, high))
    return found


def is_long_line(text: str, start: int, end: int) -> bool:
    """Whether a line, or the line that a part is of, is too long to be kept whole."""
    begin = text.rfind("\n", max(0, start - LONG_LINE_CHARS), start) + 1 or max(0, start - LONG_LINE_CHARS)
    if text[end - 1 : end] == "\n":
        return end - begin > LONG_LINE_CHARS
    stop = text.find("\n", end, end + LONG_LINE_CHARS)
    return (stop if stop >= 0 else min(len(text), end + LONG_LINE_CHARS)) - begin > LONG_LINE_CHARS


def goes_on(text: str, kind: str | None, offset: int) -> bool:
    """Whether the line that begins at ``offset`` is the rest of the one before it."""
    if kind in FOLDED_KINDS:
        return text[offset : offset + 1] in (" ", "\t") and offset > 0
    before = text[max(0, offset - 3) : offset].rstrip("\r\n")
    return kind in LINE_KINDS and before.endswith("\\")
