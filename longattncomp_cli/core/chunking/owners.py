"""What chunks stand under: the heading lines, keys, signatures and names over each, with their tokens.

A line of a section says what it says of the section's subject, and rarely names it.

Shapes: C chunks, G headings, P pairs of a chunk and a heading over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from longattncomp_cli.core.chunking.chunks import Chunk, ContextTokens
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.text.arrays import FloatArray, IntArray
from longattncomp_cli.core.text.spans import SourceSpan
from longattncomp_cli.core.text.structure.kinds import CODE_KINDS

_MOST_CHARS = 1 << 40
OWNER_SHARE = 0.5
"""What a word of a heading counts in each chunk under it, beside the chunk's own words."""
CODE_OWNER_SHARE = 0.1
"""The same in code: a question that says what a function does rather shares words with the wrong class."""


@dataclass(frozen=True, eq=False)
class Owners:
    """The headings of a context.

    Attributes:
        headings: (G,) each once, in the order of the first chunk under it.
        share_G: what a word of each counts in the chunks under it.
        chunk_P, heading_P: a chunk, and a heading over it that stands outside of it; by chunk.
    """

    headings: tuple[SourceSpan, ...]
    share_G: FloatArray
    chunk_P: IntArray
    heading_P: IntArray

    def tokens(self, context: ContextTokens) -> tuple[IntArray, IntArray]:
        """Tokens of headings, numbered over all sources, ascending, and the heading of each.

        A token may belong to several headings; one outside of the part that is read to none.
        """
        first_of = first_tokens(context)
        runs = [np.empty(0, dtype=np.int64)]
        owner = [np.empty(0, dtype=np.int64)]
        for number, heading in enumerate(self.headings):
            starts = context.sources[heading.source].tokens.starts
            begin, stop = np.searchsorted(starts, (heading.start, heading.end))
            runs.append(first_of[heading.source] + np.arange(begin, stop))
            owner.append(np.full(stop - begin, number))
        token_T, heading_T = np.concatenate(runs), np.concatenate(owner)
        order = np.argsort(token_T, kind="stable")
        return token_T[order], heading_T[order]

    def counts(self, places: Sequence[tuple[int, int]], num_chunks: int) -> FloatArray:
        """(C,) what places, each a source and a character, count that stand in headings over each chunk."""
        counts_C = np.zeros(num_chunks)
        if places and self.headings:
            spans_G3 = np.array(self.headings)
            at = _numbered(np.array(places))
            begin_G, end_G = (np.searchsorted(at, _numbered(spans_G3[:, (0, end)])) for end in (1, 2))
            counts_G = end_G - begin_G
            np.add.at(counts_C, self.chunk_P, (self.share_G * counts_G)[self.heading_P])
        return counts_C


def _numbered(places_G2: IntArray) -> IntArray:
    """One number a source and character, in their order."""
    return np.asarray(places_G2[:, 0] * _MOST_CHARS + places_G2[:, 1])


def first_tokens(context: ContextTokens) -> IntArray:
    """The number of each source's first token, counted over all sources, and the end."""
    return np.cumsum([0, *(len(source.tokens.ids) for source in context.sources)])


def owners_of(chunks: Sequence[Chunk], sources: Sequence[Source]) -> Owners:
    """Find the heading lines over each chunk.

    Args:
        chunks: of all sources, in order.
        sources: theirs.
    """
    numbers: dict[SourceSpan, int] = {}
    pairs: list[tuple[int, int]] = []
    for chunk in chunks:
        structure = sources[chunk.source].structure
        for start, end in structure.headings_at(chunk.start) if structure is not None else ():
            heading = SourceSpan(chunk.source, start, end)
            pairs.append((chunk.index, numbers.setdefault(heading, len(numbers))))
    pairs_P2 = np.array(sorted(set(pairs)), dtype=np.int64).reshape(-1, 2)
    shares = [
        CODE_OWNER_SHARE if sources[heading.source].kind in CODE_KINDS else OWNER_SHARE for heading in numbers
    ]
    return Owners(tuple(numbers), np.array(shares), pairs_P2[:, 0], pairs_P2[:, 1])
