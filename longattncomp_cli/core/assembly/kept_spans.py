"""Kept spans and their arithmetic: split a range by chunk, merge what overlaps, close gaps of white space."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.text.spans import Span


@dataclass(frozen=True, slots=True)
class KeptSpan:
    """A kept range with the chunk it comes from; shorter than its chunk where the budget cut it.

    Attributes:
        chunk: the one it lies in.
        start, end: its characters.
        reason: ``""`` where its score kept it, ``keep`` where a rule of the user did, ``head`` where it is
            the heading line of what is kept.
        unmarked: no mark follows where it ends inside of something: the budget has no room for one.
    """

    chunk: Chunk
    start: int
    end: int
    reason: str = ""
    unmarked: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether a part of the chunk was left out."""
        return self.end < self.chunk.end or self.start > self.chunk.start


# What kept a span, the strongest first: where two spans merge the stronger reason stays.
_REASONS = ("", "keep", "head")


class ChunkMap:
    """Finds the chunks that a range of a source lies in.

    Args:
        chunks: all of a request, in source order; those of a source partition its context.
    """

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        """Keep the chunks."""
        self._chunks = chunks

    @cached_property
    def _begins(self) -> list[tuple[int, int]]:
        return [(chunk.source, chunk.start) for chunk in self._chunks]

    def split_by_chunk(self, source: int, start: int, end: int, reason: str = "") -> list[KeptSpan]:
        """The parts of ``[start, end)`` of a source, one for each chunk it touches."""
        parts = []
        first = max(0, bisect_right(self._begins, (source, start)) - 1)
        for number in range(first, bisect_left(self._begins, (source, end), first)):
            chunk = self._chunks[number]
            low, high = max(start, chunk.start), min(end, chunk.end)
            if chunk.source == source and low < high:
                parts.append(KeptSpan(chunk, low, high, reason))
        return parts


def chunk_map(request: Request, chunks: Sequence[Chunk]) -> ChunkMap:
    """That of all chunks of a request."""
    return request.once("chunk map", lambda: ChunkMap(chunks), of=chunks)


def without_parts(span: KeptSpan, parts: Sequence[Span]) -> list[KeptSpan]:
    """What is left of a span without these parts of its chunk, which are in order."""
    left = []
    at = span.start
    for start, end in parts:
        if at < min(start, span.end):
            left.append(replace(span, start=at, end=min(start, span.end)))
        at = max(at, end)
    if at < span.end:
        left.append(replace(span, start=at))
    return left


def merge_kept_spans(spans: Iterable[KeptSpan], sources: Sequence[Source]) -> tuple[KeptSpan, ...]:
    """Put spans in source order, and inside a chunk merge those that overlap.

    Where white space alone lies between two spans it is kept with them, so no mark of an omission stands
    where nothing was omitted.
    """
    by_chunk: dict[int, list[KeptSpan]] = defaultdict(list)
    for span in spans:
        by_chunk[span.chunk.index].append(span)
    arranged: list[KeptSpan] = []
    for index in sorted(by_chunk):
        for span in _merged(by_chunk[index], sources):
            if arranged:
                arranged[-1], span = _absorb_white_space(arranged[-1], span, sources)
            arranged.append(span)
    return tuple(arranged)


def _merged(spans: list[KeptSpan], sources: Sequence[Source]) -> list[KeptSpan]:
    """Spans of one chunk."""
    if len(spans) == 1:
        return spans
    text = sources[spans[0].chunk.source].text
    merged: list[KeptSpan] = []
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        before = merged[-1] if merged else None
        if before is not None and (span.start <= before.end or text[before.end : span.start].isspace()):
            reason = min(before.reason, span.reason, key=_REASONS.index)
            merged[-1] = replace(before, end=max(before.end, span.end), reason=reason)
        else:
            merged.append(span)
    return merged


def _absorb_white_space(
    before: KeptSpan, span: KeptSpan, sources: Sequence[Source]
) -> tuple[KeptSpan, KeptSpan]:
    """Two spans in order; what is only white space between them is given to them."""
    if before.chunk.index + 1 != span.chunk.index or before.chunk.source != span.chunk.source:
        return before, span
    if before.end == before.chunk.end and span.start == span.chunk.start:
        return before, span
    if not sources[span.chunk.source].text[before.end : span.start].isspace():
        return before, span
    return replace(before, end=before.chunk.end), replace(span, start=span.chunk.start)
