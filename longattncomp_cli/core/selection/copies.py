"""Copies count once: what repeats a better chunk word for word is left out.

The chunks are gone through from the best to the worst. One whose every word stands in better ones is left out
whole; one that mostly does loses the lines or sentences that do. So the order of what is left is the same at
every budget, and a larger one keeps a superset. It errs on the side of keeping: rows and records are never
copies, nor is what stands under another heading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from longattncomp_cli.core.assembly.renderer import Renderer
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.selection.chunk_words import FEWEST_WORDS, ChunkWords, place_of
from longattncomp_cli.core.selection.cutting import FindStart
from longattncomp_cli.core.text.arrays import IntArray
from longattncomp_cli.core.text.copies import CopyFinder, Run
from longattncomp_cli.core.text.spans import SourceSpan, Span

_WORDS_A_RUN = 32
"""A whole chunk may be put together of one run more for each so many words."""
_CUT_SHARE = 0.5
"""A chunk is cut where at least this share of its words are copies."""
_LOG_KINDS = frozenset({"log", "dump"})


@dataclass(frozen=True)
class Copies:
    """What repeats better chunks.

    Attributes:
        order: the chunks that are not copies, best first.
        parts: of chunks that are copies in part, these parts.
        places: each copy, with the chunks that it repeats.
    """

    order: IntArray
    parts: dict[int, tuple[Span, ...]]
    places: tuple[tuple[SourceSpan, frozenset[int]], ...] = ()

    def left_out(self, kept: frozenset[int]) -> tuple[SourceSpan, ...]:
        """The copies of what is in the ``kept`` chunks, in source order."""
        return tuple(sorted(place for place, originals in self.places if originals <= kept))


def find_copies(order: IntArray, renderer: Renderer) -> Copies:
    """Find the copies among all chunks.

    Args:
        order: all chunks, best first; of two copies the better is kept.
        renderer: of these chunks; what the user wants kept is kept before all.
    """
    words = renderer.request.once("copies", lambda: ChunkWords(renderer), of=renderer.parts)
    finder = CopyFinder(words.runs)
    none = Copies(order, {})
    if not finder.has_repeats and not words.has_short_repeats:
        return none
    walk = _Walk(renderer, finder, words)
    required = [SourceSpan(span.chunk.source, span.start, span.end) for span in renderer.required_spans]
    for low, high in words.runs.words_of(required).tolist():
        finder.keep(low, high)
    kept = [index for index in order.tolist() if not walk.is_copy(renderer.chunks[index])]
    if not walk.places:
        return none
    return Copies(np.array(kept, dtype=np.int64), walk.parts, tuple(walk.places))


def without_copies(renderer: Renderer, copies: Copies) -> Renderer:
    """A renderer that leaves the copied parts of chunks out."""
    return replace(renderer, left_out=copies.parts) if copies.parts else renderer


def beside_copies(focus: FindStart, copies: Copies) -> FindStart:
    """A focus that lies in no part that is left out: behind it, or at the first rest before it."""

    def start(chunk: Chunk) -> int:
        at = focus(chunk)
        parts = copies.parts.get(chunk.index, ())
        for part in parts:
            if part.start <= at < part.end:
                at = part.end
        return at if at < chunk.end else next(p.end if p.start <= chunk.start else chunk.start for p in parts)

    return start


class _Walk:
    """Goes through chunks from the best to the worst, and keeps what is new."""

    def __init__(self, renderer: Renderer, finder: CopyFinder, words: ChunkWords) -> None:
        self.renderer = renderer
        self.finder = finder
        self.words = words
        self.places: list[tuple[SourceSpan, frozenset[int]]] = []
        self.parts: dict[int, tuple[Span, ...]] = {}
        self._short: dict[tuple[str, tuple[int, ...]], int] = {}

    def is_copy(self, chunk: Chunk) -> bool:
        """Whether a chunk is to be left out whole; if not it is kept, and its copied parts are noted."""
        low, high = self.words.bounds[chunk.index]
        original = self._short_copy(chunk, low, high)
        if original is not None:
            self.places.append((place_of(chunk), frozenset({original})))
            return True
        runs = self.finder.runs(low, high) if high > low else []
        if runs and self._covers(chunk, runs, low, high):
            self.places.append((place_of(chunk), frozenset(i for run in runs for i in self._chunks_of(run))))
            return True
        if sum(run.num_words for run in runs) >= _CUT_SHARE * (high - low):
            self._cut(chunk, runs)
        self.finder.keep(low, high)
        return False

    def _short_copy(self, chunk: Chunk, low: int, high: int) -> int | None:
        """The chunk of the same few words, of a source of the same title; the first of them is noted."""
        source = self.renderer.request.sources[chunk.source]
        if not 0 < high - low < FEWEST_WORDS or Span(chunk.start, chunk.end) != source.context_span:
            return None
        first = self._short.setdefault((source.title, self.finder.words(low, high)), chunk.index)
        return None if first == chunk.index else first

    def _covers(self, chunk: Chunk, runs: Sequence[Run], low: int, high: int) -> bool:
        """Whether the runs are the whole chunk, in few pieces, and it stands for nothing else."""
        if sum(run.num_words for run in runs) < high - low or len(runs) > 1 + (high - low) // _WORDS_A_RUN:
            return False
        if len(runs) > 1 and min(run.num_words for run in runs) < FEWEST_WORDS:
            return False
        if any(self.words.chunk_of(run.place) == chunk.index for run in runs) or high - low < FEWEST_WORDS:
            return False
        if self.words.is_data(place_of(chunk)):
            sources = {self.renderer.chunks[self.words.chunk_of(run.place)].source for run in runs}
            return len(runs) == 1 and chunk.source not in sources and self._has_same_owner(chunk, runs[0])
        return all(self._has_same_owner(chunk, run) for run in runs)

    def _cut(self, chunk: Chunk, runs: Sequence[Run]) -> None:
        """Note the lines and sentences of a chunk that lie in runs."""
        edges = self.words.edges(chunk)
        parts = []
        for run in runs:
            first = edges[np.searchsorted(edges, self._begin(run.start, chunk))]
            last = edges[np.searchsorted(edges, self._end(run.end, chunk), side="right") - 1]
            part = Span(int(first), int(last))
            place = SourceSpan(chunk.source, *part)
            if part.num_chars <= 0 or self.words.is_data(place) or not self._has_same_owner(chunk, run):
                continue
            ((begin, stop),) = self.words.runs.words_of([place]).tolist()
            if stop - begin >= FEWEST_WORDS:
                parts.append(part)
                self.places.append((place, self._chunks_of(run)))
        if parts:
            self.parts[chunk.index] = tuple(parts)

    def _begin(self, word: int, chunk: Chunk) -> int:
        """The first character that belongs to nothing before a word: the line's where it begins the line."""
        text, at = self.renderer.request.sources[chunk.source].text, self.finder.offset(word)
        before = self.finder.offset(word - 1) if word and self.words.chunk_of(word - 1) == chunk.index else -1
        line = text.rfind("\n", 0, at) + 1
        return max(chunk.start, line if before < line <= at else at)

    def _end(self, word: int, chunk: Chunk) -> int:
        """The character at which the word behind a run begins, or the chunk's end."""
        at = self.finder.offset(word)
        return min(chunk.end, self._begin(word, chunk)) if at < chunk.end else chunk.end

    def _chunks_of(self, run: Run) -> frozenset[int]:
        last = run.place + run.num_words - 1
        return frozenset(range(self.words.chunk_of(run.place), self.words.chunk_of(last) + 1))

    def _has_same_owner(self, chunk: Chunk, run: Run) -> bool:
        """Whether the same headings stand above a run and what it repeats; in logs that is no matter."""
        if self.renderer.request.sources[chunk.source].kind in _LOG_KINDS:
            return True
        original = self.renderer.chunks[self.words.chunk_of(run.place)]
        return self.words.headings(chunk, run.start) == self.words.headings(original, run.place)
