"""Methods that look at places only: the ends, chance, everything, and the evidence itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from longattncomp_cli.benchmark.methods.base import ChunkMethod, MethodBase, MethodScores
from longattncomp_cli.benchmark.setup.workbench import ChunkedItem, Workbench
from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.select import SelectionRule
from longattncomp_cli.core.text.arrays import FloatArray
from longattncomp_cli.core.text.spans import Span, merge_spans


class Head(ChunkMethod):
    """The beginning of the context."""

    name = "head"
    note = "the first chunks"

    def chunk_scores(self, item: Item, chunked: ChunkedItem) -> FloatArray:
        """(C,) falling."""
        return -np.arange(len(chunked.chunks), dtype=np.float64)


class Tail(ChunkMethod):
    """The end of the context."""

    name = "tail"
    note = "the last chunks"

    def chunk_scores(self, item: Item, chunked: ChunkedItem) -> FloatArray:
        """(C,) rising."""
        return np.arange(len(chunked.chunks), dtype=np.float64)


class HeadTail(ChunkMethod):
    """Both ends, as truncation in the middle keeps them."""

    name = "head-tail"
    note = "chunks from both ends"

    def chunk_scores(self, item: Item, chunked: ChunkedItem) -> FloatArray:
        """(C,) falling towards the middle."""
        place = np.arange(len(chunked.chunks), dtype=np.float64)
        return -np.minimum(place, len(chunked.chunks) - 1 - place)


class Random(ChunkMethod):
    """Chunks drawn evenly: what no method may fall below."""

    name = "random"
    note = "chunks drawn evenly, by the seed"
    refines_cut = False

    def __init__(self, bench: Workbench) -> None:
        """Take the seed."""
        self._bench = bench

    def chunk_scores(self, item: Item, chunked: ChunkedItem) -> FloatArray:
        """(C,) numbers drawn for this item."""
        return self._bench.rng("random", item.id).random(len(chunked.chunks))


class Full(ChunkMethod):
    """The whole context: nothing compressed."""

    name = "full"
    note = "the whole context, no budget"
    is_budgeted = False

    def chunk_scores(self, item: Item, chunked: ChunkedItem) -> FloatArray:
        """(C,) all alike."""
        return np.zeros(len(chunked.chunks))


class Oracle(MethodBase):
    """The evidence and nothing else: the ceiling of any selection within the budget."""

    name = "oracle"
    note = "the evidence alone"
    refines_cut = False

    def score(self, item: Item, chunked: ChunkedItem) -> MethodScores:
        """Cut the context at the evidence's borders; of the parts, only evidence is taken."""
        parts: list[Chunk] = []
        share: list[float] = []
        for number in range(len(item.request.sources)):
            places = merge_spans(Span(start, end) for source, start, end in item.evidence if source == number)
            for start, end, is_evidence in _parts(item, number, places):
                parts.append(Chunk(len(parts), number, start, end, 0))
                share.append(float(is_evidence))
        scores = np.array(share) / max(1.0, sum(share))
        return MethodScores(
            ChunkScores(tuple(parts), scores, None),
            rule=SelectionRule(mode="threshold", top_p=1, epsilon=1e-9),
        )


def _parts(item: Item, number: int, places: list[Span]) -> Iterator[tuple[int, int, bool]]:
    """Yield the parts of a source, in order, and whether each is evidence."""
    region = item.request.sources[number].context_span
    inside = [(max(s, region.start), min(e, region.end)) for s, e in places]
    inside = [(start, end) for start, end in inside if start < end]
    borders = sorted({region.start, region.end, *(edge for pair in inside for edge in pair)})
    begins = {start for start, _ in inside}
    for start, end in pairwise(borders):
        yield start, end, start in begins
