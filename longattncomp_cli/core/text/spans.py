"""Character ranges, half-open, and their arithmetic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open character range ``[start, end)`` of one source's text."""

    start: int
    end: int

    def __len__(self) -> int:
        """Return the number of characters."""
        return self.end - self.start


class SourceSpan(NamedTuple):
    """A half-open character range ``[start, end)`` of one of several sources."""

    source: int
    start: int
    end: int


SpanPair = tuple[int, int]
"""``(start, end)``, half-open, of one text."""


def merge_spans(spans: Iterable[SpanPair]) -> list[SpanPair]:
    """Sort spans and merge those that overlap or touch; empty ones fall out."""
    merged: list[SpanPair] = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def overlap(first: list[SpanPair], second: list[SpanPair]) -> int:
    """Characters in both of two sorted lists of disjoint spans."""
    i = j = common = 0
    while i < len(first) and j < len(second):
        common += max(0, min(first[i][1], second[j][1]) - max(first[i][0], second[j][0]))
        if first[i][1] <= second[j][1]:
            i += 1
        else:
            j += 1
    return common
