"""Copies count once: what repeats a better chunk word for word is left out.

The chunks are gone through from the best to the worst. One whose every word stands in better ones is left out
whole; one that mostly does loses the lines or sentences that do. So the order of what is left is the same at
every budget, and a larger one keeps a superset. It errs on the side of keeping: rows and records are never
copies, nor is what stands under another heading.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from longattncomp_cli.core.assembly.renderer import Renderer
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.selection.cutting import FindStart
from longattncomp_cli.core.text.arrays import IntArray
from longattncomp_cli.core.text.boundaries import sentence_starts
from longattncomp_cli.core.text.copies import CopyFinder, Run, WordRuns, is_record_like
from longattncomp_cli.core.text.spans import SourceSpan, Span
from longattncomp_cli.core.text.structure.kinds import CODE_KINDS

_FEWEST_WORDS = 16
"""A part of a chunk is left out from so many words on; a mark stands in its place."""
_WORDS_A_RUN = 32
"""A whole chunk may be put together of one run more for each so many words."""
_CUT_SHARE = 0.5
"""A chunk is cut where at least this share of its words are copies."""
_DATA_KINDS = frozenset(
    {
        "json",
        "jsonl",
        "csv",
        "tsv",
        "yaml",
        "config",
        "settings",
        "sql",
        "cards",
        "bibtex",
        "ldif",
        "entries",
        "fields",
        "xml",
    }
)
_LOG_KINDS = frozenset({"log", "dump"})
# A line that does not go on in the sentence of the one before.
_NEW_LINE = re.compile(r"(?<=\n)(?=[ \t]+\S|[^\sa-z])")


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
    sources = renderer.request.sources
    words = renderer.request.once(
        "words",
        lambda: WordRuns(
            [(source.text, *source.context_span) for source in sources],
            [source.kind in CODE_KINDS for source in sources],
        ),
    )
    finder = CopyFinder(words)
    none = Copies(order, {})
    if not finder.has_repeats and not _has_short_repeats(renderer, finder):
        return none
    walk = _Walk(renderer, finder)
    for span in renderer.required_spans:
        finder.keep(*finder.words_of(SourceSpan(span.chunk.source, span.start, span.end)))
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


def _has_short_repeats(renderer: Renderer, finder: CopyFinder) -> bool:
    """Whether two sources of fewer words than a run are alike."""
    seen: set[tuple[int, ...]] = set()
    for chunk in renderer.chunks:
        low, high = finder.words_of(_place(chunk))
        if 0 < high - low < _FEWEST_WORDS:
            words = finder.words(low, high)
            if words in seen:
                return True
            seen.add(words)
    return False


class _Walk:
    """Goes through chunks from the best to the worst, and keeps what is new."""

    def __init__(self, renderer: Renderer, finder: CopyFinder) -> None:
        self.renderer = renderer
        self.finder = finder
        self.places: list[tuple[SourceSpan, frozenset[int]]] = []
        self.parts: dict[int, tuple[Span, ...]] = {}
        self._starts = np.array([finder.words_of(_place(chunk))[0] for chunk in renderer.chunks])
        self._short: dict[tuple[str, tuple[int, ...]], int] = {}

    def is_copy(self, chunk: Chunk) -> bool:
        """Whether a chunk is to be left out whole; if not it is kept, and its copied parts are noted."""
        low, high = self.finder.words_of(_place(chunk))
        original = self._short_copy(chunk, low, high)
        if original is not None:
            self.places.append((_place(chunk), frozenset({original})))
            return True
        runs = self.finder.runs(low, high) if high > low else []
        if runs and self._covers(chunk, runs, low, high):
            self.places.append((_place(chunk), frozenset(i for run in runs for i in self._chunks_of(run))))
            return True
        if sum(run.num_words for run in runs) >= _CUT_SHARE * (high - low):
            self._cut(chunk, runs)
        self.finder.keep(low, high)
        return False

    def _short_copy(self, chunk: Chunk, low: int, high: int) -> int | None:
        """The chunk of the same few words, of a source of the same title; the first of them is noted."""
        source = self.renderer.request.sources[chunk.source]
        if not 0 < high - low < _FEWEST_WORDS or Span(chunk.start, chunk.end) != source.context_span:
            return None
        first = self._short.setdefault((source.title, self.finder.words(low, high)), chunk.index)
        return None if first == chunk.index else first

    def _covers(self, chunk: Chunk, runs: Sequence[Run], low: int, high: int) -> bool:
        """Whether the runs are the whole chunk, in few pieces, and it stands for nothing else."""
        if sum(run.num_words for run in runs) < high - low or len(runs) > 1 + (high - low) // _WORDS_A_RUN:
            return False
        if len(runs) > 1 and min(run.num_words for run in runs) < _FEWEST_WORDS:
            return False
        if any(self._chunk_of(run.place) == chunk.index for run in runs) or high - low < _FEWEST_WORDS:
            return False
        if self._is_data(chunk, Span(chunk.start, chunk.end)):
            sources = {self.renderer.chunks[self._chunk_of(run.place)].source for run in runs}
            return len(runs) == 1 and chunk.source not in sources and self._has_same_owner(chunk, runs[0])
        return all(self._has_same_owner(chunk, run) for run in runs)

    def _cut(self, chunk: Chunk, runs: Sequence[Run]) -> None:
        """Note the lines and sentences of a chunk that lie in runs."""
        text = self.renderer.request.sources[chunk.source].text
        inner = text[chunk.start : chunk.end]
        edges = np.unique(
            [0, len(inner), *sentence_starts(inner), *(match.end() for match in _NEW_LINE.finditer(inner))]
        )
        edges = edges + chunk.start
        parts = []
        for run in runs:
            first = edges[np.searchsorted(edges, self._begin(run.start, chunk))]
            last = edges[np.searchsorted(edges, self._end(run.end, chunk), side="right") - 1]
            part = Span(int(first), int(last))
            if part.num_chars <= 0 or self._is_data(chunk, part) or not self._has_same_owner(chunk, run):
                continue
            words = self.finder.words_of(SourceSpan(chunk.source, *part))
            if words[1] - words[0] >= _FEWEST_WORDS:
                parts.append(part)
                self.places.append((SourceSpan(chunk.source, *part), self._chunks_of(run)))
        if parts:
            self.parts[chunk.index] = tuple(parts)

    def _begin(self, word: int, chunk: Chunk) -> int:
        """The first character that belongs to nothing before a word: the line's where it begins the line."""
        text, at = self.renderer.request.sources[chunk.source].text, self.finder.offset(word)
        before = self.finder.offset(word - 1) if word and self._chunk_of(word - 1) == chunk.index else -1
        line = text.rfind("\n", 0, at) + 1
        return max(chunk.start, line if before < line <= at else at)

    def _end(self, word: int, chunk: Chunk) -> int:
        """The character at which the word behind a run begins, or the chunk's end."""
        at = self.finder.offset(word)
        return min(chunk.end, self._begin(word, chunk)) if at < chunk.end else chunk.end

    def _chunk_of(self, word: int) -> int:
        return int(np.searchsorted(self._starts, word, side="right")) - 1

    def _chunks_of(self, run: Run) -> frozenset[int]:
        last = run.place + run.num_words - 1
        return frozenset(range(self._chunk_of(run.place), self._chunk_of(last) + 1))

    def _has_same_owner(self, chunk: Chunk, run: Run) -> bool:
        """Whether the same headings stand above a run and what it repeats; in logs that is no matter."""
        if self.renderer.request.sources[chunk.source].kind in _LOG_KINDS:
            return True
        original = self.renderer.chunks[self._chunk_of(run.place)]
        return self._headings(chunk, run.start) == self._headings(original, run.place)

    def _headings(self, chunk: Chunk, word: int) -> list[str]:
        text = self.renderer.request.sources[chunk.source].text
        headings = self.renderer.parts.headings_at(chunk.source, self.finder.offset(word))
        return [" ".join(text[span.start : span.end].split()).casefold() for span in headings]

    def _is_data(self, chunk: Chunk, span: Span) -> bool:
        source = self.renderer.request.sources[chunk.source]
        return source.kind in _DATA_KINDS or is_record_like(source.text[span.start : span.end])


def _place(chunk: Chunk) -> SourceSpan:
    return SourceSpan(chunk.source, chunk.start, chunk.end)
