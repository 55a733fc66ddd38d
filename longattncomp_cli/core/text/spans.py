"""Character ranges, half-open, and their arithmetic."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """A half-open character range ``[start, end)`` of one text."""

    start: int
    end: int

    @property
    def num_chars(self) -> int:
        """Characters in the range."""
        return self.end - self.start


class SourceSpan(NamedTuple):
    """A half-open character range ``[start, end)`` of one of several sources."""

    source: int
    start: int
    end: int


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Sort spans and merge those that overlap or touch; empty ones fall out."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if merged and start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, end))
        else:
            merged.append(Span(start, end))
    return merged


def overlap(first: list[Span], second: list[Span]) -> int:
    """Characters in both of two sorted lists of disjoint spans."""
    i = j = common = 0
    while i < len(first) and j < len(second):
        common += max(0, min(first[i][1], second[j][1]) - max(first[i][0], second[j][0]))
        if first[i][1] <= second[j][1]:
            i += 1
        else:
            j += 1
    return common
