"""Chunks, tokens, and the context as the backbone reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
