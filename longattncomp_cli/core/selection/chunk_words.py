"""The words of chunks, by which copies are found: what does not depend on which chunks are kept."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property

import numpy as np

from longattncomp_cli.core.assembly.renderer import Renderer
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.text.arrays import IntArray
from longattncomp_cli.core.text.boundaries import sentence_starts
from longattncomp_cli.core.text.copies import WordRuns, is_record_like
from longattncomp_cli.core.text.spans import SourceSpan
from longattncomp_cli.core.text.structure.kinds import CODE_KINDS

FEWEST_WORDS = 16
"""A part of a chunk is left out from so many words on; a mark stands in its place."""
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
# A line that does not go on in the sentence of the one before.
_NEW_LINE = re.compile(r"(?<=\n)(?=[ \t]+\S|[^\sa-z])")


class ChunkWords:
    """What is to be known of words and chunks, whatever is kept: found once for all queries.

    Args:
        renderer: of the chunks.
    """

    def __init__(self, renderer: Renderer) -> None:
        sources = renderer.request.sources
        self._sources, self._parts = sources, renderer.parts
        self.runs = renderer.request.once(
            "words",
            lambda: WordRuns(
                [(source.text, *source.context_span) for source in sources],
                [source.kind in CODE_KINDS for source in sources],
            ),
        )
        bounds_C2 = self.runs.words_of([place_of(chunk) for chunk in renderer.chunks])
        self.bounds: list[tuple[int, int]] = list(map(tuple, bounds_C2.tolist()))
        """Of each chunk, its first word and the first one behind it."""
        self._starts: list[int] = bounds_C2[:, 0].tolist()
        self._edges: dict[int, IntArray] = {}
        self._is_data: dict[SourceSpan, bool] = {}
        self._headings: dict[int, list[str]] = {}

    @cached_property
    def has_short_repeats(self) -> bool:
        """Whether two chunks of fewer words than a run are alike."""
        short = [pair for pair in self.bounds if 0 < pair[1] - pair[0] < FEWEST_WORDS]
        return len({self.runs.ids_N[low:high].tobytes() for low, high in short}) < len(short)

    def chunk_of(self, word: int) -> int:
        """The index of the chunk that a word begins in."""
        return bisect_right(self._starts, word) - 1

    def edges(self, chunk: Chunk) -> IntArray:
        """Where a part of a chunk may begin or end: at lines and sentences."""
        if chunk.index not in self._edges:
            inner = self._sources[chunk.source].text[chunk.start : chunk.end]
            lines = (match.end() for match in _NEW_LINE.finditer(inner))
            edges = np.unique([0, len(inner), *sentence_starts(inner), *lines])
            self._edges[chunk.index] = edges + chunk.start
        return self._edges[chunk.index]

    def is_data(self, place: SourceSpan) -> bool:
        """Whether a range holds rows or records."""
        if place not in self._is_data:
            source = self._sources[place.source]
            is_data = source.kind in _DATA_KINDS or is_record_like(source.text[place.start : place.end])
            self._is_data[place] = is_data
        return self._is_data[place]

    def headings(self, chunk: Chunk, word: int) -> list[str]:
        """The headings over a word of a chunk."""
        if word not in self._headings:
            text = self._sources[chunk.source].text
            spans = self._parts.headings_at(chunk.source, int(self.runs.starts_N[word]))
            lines = [" ".join(text[span.start : span.end].split()).casefold() for span in spans]
            self._headings[word] = lines
        return self._headings[word]


def place_of(chunk: Chunk) -> SourceSpan:
    """All of a chunk."""
    return SourceSpan(chunk.source, chunk.start, chunk.end)
