"""What a prompt's layout is, and how a prompt is split by one.

A layout is recognised by how the prompt opens and by literal markers near its two ends, never by a
pattern that could run over the whole text. In a marker, ``|`` is where the cut falls and a line feed
also matches a carriage return with a line feed.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from functools import lru_cache

HEAD_CHARS = 8_000
TAIL_CHARS = 32_000
"""How far from the two ends of a prompt markers are looked for."""
LONGEST_QUERY_CHARS = 4_000
"""A longer query than this and than its context means that the layout is another."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How one family of prompts is laid out."""

    name: str
    """What follows ``auto:`` in the output."""
    openings: tuple[str, ...]
    """The prompt starts with one of these."""
    context_from: tuple[str, ...] = ()
    """Where the context starts; with none found, after the opening's line."""
    context_to: tuple[str, ...] = ()
    """Where the context ends, the last one found; required unless empty, which is the prompt's end."""
    query_from: tuple[str, ...] = ()
    """Where the query starts: the first marker found; required unless empty."""
    query_to: tuple[str, ...] = ()
    """Where the query ends, the first one found."""
    query_in_prefix: bool = False
    """The query stands before the context."""
    kept_lines: int = 0
    """How many of the last lines before ``context_to`` are the query (code to be completed)."""


@dataclass(frozen=True)
class Split:
    """Offsets in the prompt: the context, then the query, which lies outside it."""

    start: int
    end: int
    query_start: int
    query_end: int


def match_layout(layout: Layout, text: str) -> Split | None:
    """Split ``text`` by ``layout``, or return ``None`` where it is laid out otherwise."""
    first = len(text) - len(text.lstrip())
    if not text.startswith(layout.openings, first):
        return None
    start = _find_first(layout.context_from, text, first, first + HEAD_CHARS)
    if start is None:
        start = text.find("\n", first) + 1 or len(text)
    end = _find_last(layout.context_to, text, max(start, len(text) - TAIL_CHARS))
    if end is None and layout.context_to:
        return None
    end = len(text) if end is None else end
    if layout.kept_lines:
        query_end, end = end, _back_lines(text, end, start, layout.kept_lines)
        return Split(start, end, end, query_end)
    low, high = (first, start) if layout.query_in_prefix else (end, len(text))
    query_start = _find_first(layout.query_from, text, low, high)
    if query_start is None:
        if layout.query_from:
            return None
        query_start = low
    found_end = _find_first(layout.query_to, text, query_start, high)
    query_end = high if found_end is None else found_end
    if query_end - query_start > max(LONGEST_QUERY_CHARS, end - start):
        return None
    return Split(start, end, query_start, query_end)


@lru_cache(maxsize=512)
def _compiled(marker: str) -> re.Pattern[str]:
    before, _, after = marker.partition("|")
    return re.compile("()".join(re.escape(part).replace("\\\n", r"\r?\n") for part in (before, after)))


def _find_first(markers: tuple[str, ...], text: str, low: int, high: int) -> int | None:
    for marker in markers:
        found = _compiled(marker).search(text, low, high)
        if found:
            return found.start(1)
    return None


def _find_last(markers: tuple[str, ...], text: str, low: int) -> int | None:
    for marker in markers:
        found = last_match(_compiled(marker), text, low, len(text))
        if found:
            return found.start(1)
    return None


def last_match(pattern: re.Pattern[str], text: str, low: int, high: int) -> re.Match[str] | None:
    """Return the pattern's last match in ``text[low:high]``."""
    matches = deque(pattern.finditer(text, low, high), maxlen=1)
    return matches[0] if matches else None


def _back_lines(text: str, end: int, start: int, num_lines: int) -> int:
    """Return where the last ``num_lines`` filled lines before ``end`` begin, 2000 characters back at most."""
    floor = max(start, end - 2_000)
    cut = end
    while num_lines and cut > floor:
        line_start = text.rfind("\n", floor, cut - 1) + 1 or floor
        num_lines -= bool(text[line_start:cut].strip())
        cut = line_start
    return cut
