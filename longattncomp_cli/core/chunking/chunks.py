"""Chunks, tokens, and the context as the backbone reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from longattncomp_cli.core.text.arrays import IntArray

SnapLevel = Literal["none", "word", "line", "sentence", "structure", "auto"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A contiguous run of backbone tokens of one source: the unit of selection.

    Attributes:
        index: its place in the context, from 0.
        source: the index of its source.
        start, end: its characters, ``source.text[start:end]``.
        num_backbone_tokens: how many backbone tokens it holds (0 where there is only white space).
        continues: whether it begins inside a paragraph, which the chunk before it began.
    """

    index: int
    source: int
    start: int
    end: int
    num_backbone_tokens: int
    continues: bool = False


@dataclass(frozen=True)
class Tokens:
    """A tokenised text.

    Attributes:
        ids: (N,) token ids, without special tokens.
        starts: (N,) the character at which each token begins, ascending; white space that a token begins
            with is not counted to it, unless it is all there is.
    """

    ids: IntArray
    starts: IntArray


@dataclass(frozen=True)
class ChunkedSource:
    """A source's tokens and the chunks they were cut into.

    Attributes:
        tokens: of the source's context, ``starts`` relative to the source's text.
        chunks: in order; chunk ``i`` holds tokens ``bounds[i]:bounds[i + 1]``.
        bounds: (number of chunks + 1,) token indices.
    """

    tokens: Tokens
    chunks: tuple[Chunk, ...]
    bounds: tuple[int, ...]


@dataclass(frozen=True)
class ContextTokens:
    """The context as the backbone reads it.

    Attributes:
        sources: each source's tokens and chunks.
        titles: each source's title tokens, read before its first chunk and counted to it.
    """

    sources: tuple[ChunkedSource, ...]
    titles: tuple[list[int], ...]

    @property
    def num_tokens(self) -> int:
        """Tokens of all sources; titles do not count."""
        return sum(len(source.tokens.ids) for source in self.sources)

    @cached_property
    def chunks(self) -> tuple[Chunk, ...]:
        """Of all sources, in order."""
        return tuple(chunk for source in self.sources for chunk in source.chunks)

    @cached_property
    def num_holding(self) -> IntArray:
        """(highest id + 1,) how many chunks hold each token id; titles count to their first chunk."""
        counts = np.zeros(0, dtype=np.int64)
        for source, title in zip(self.sources, self.titles, strict=True):
            for ids in _distinct_in_chunks(source, title):
                found = np.bincount(ids, minlength=len(counts))
                found[: len(counts)] += counts
                counts = found
        return counts


_SLAB_TOKENS = 1 << 19
"""Counted at once: bounds the memory that sorting takes."""


def _distinct_in_chunks(source: ChunkedSource, title: Sequence[int]) -> Iterator[IntArray]:
    """The distinct ids of each chunk, one chunk after the other, in arrays of many chunks."""
    bounds = np.asarray(source.bounds)
    first = 0
    while first < len(source.chunks):
        last = max(first + 1, int(np.searchsorted(bounds, bounds[first] + _SLAB_TOKENS, side="right")) - 1)
        last = min(last, len(source.chunks))
        ids = source.tokens.ids[bounds[first] : bounds[last]].astype(np.int64)
        owner = np.repeat(np.arange(last - first), np.diff(bounds[first : last + 1]))
        if not first:
            ids = np.concatenate([np.asarray(title, dtype=np.int64), ids])
            owner = np.concatenate([np.zeros(len(title), dtype=np.int64), owner])
        # One number for each pair of chunk and id.
        width = int(ids.max(initial=0)) + 1
        yield np.unique(owner * width + ids) % width
        first = last
