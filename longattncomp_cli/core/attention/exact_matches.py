"""Names that a query spells out: identifiers, file names, codes, and what stands between backticks.

Word pieces hide them. ``_create`` is two tokens that stand in every module, and a chunk that holds both
somewhere looks like one that holds the name. So each name is looked for in the text itself, whole and as it
is spelt, and counts in the pooling as one more token of the query whose attention is spread evenly over the
places where it stands. A definition is longer than the line that names it: what follows in the same passage
takes over a share. Names of rows (:mod:`~longattncomp_cli.core.attention.row_keys`) count in the same way.

Shapes: C chunks.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from longattncomp_cli.core.attention.idf import MIN_IDF, idf
from longattncomp_cli.core.attention.row_keys import row_keys
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.chunking.passages import continuing_chunks
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.text.arrays import FloatArray, IntArray
from longattncomp_cli.core.text.words import is_compound, name_places, query_identifiers

if TYPE_CHECKING:
    from longattncomp_cli.core.chunking.chunks import Tokens


_TAKEN_OVER = 0.05
"""What a chunk takes over of the match in the chunk before it, in one passage."""
_FLOOR = -6.0
"""The log mass of a chunk without the name, relative to an even share."""
_COMPOUND_SHARE = 0.01
"""Words joined by hyphens are a name where at most this share of the chunks holds them, or two."""


def exact_match_gains(
    request: Request, chunks: Sequence[Chunk], query: Tokens, idf_M: FloatArray, passage_C: IntArray
) -> Iterator[tuple[str, FloatArray]]:
    """What each of the query's names adds to each chunk's log score, where the token weights sum to 1.

    Args:
        request: with the query and the texts.
        chunks: of all sources, in order.
        query: the query's tokens; a name counts as much as the tokens it is made of would at its rarity.
        idf_M: of each of them, as :func:`~longattncomp_cli.core.attention.idf.idf` has it.
        passage_C: the number of the passage that each chunk lies in, ascending.

    Yields:
        A name that stands somewhere, and its gains (C,), 0 where it does not stand.
    """
    total = float((idf_M + MIN_IDF).sum())
    identifiers = query_identifiers(request.query)
    for name in identifiers:
        counts_C = _counts(request, chunks, name)
        holding = int(np.count_nonzero(counts_C))
        is_common = holding > max(2, _COMPOUND_SHARE * len(chunks))
        if not holding or (is_common and is_compound(name, request.query)):
            continue
        own_rarity = float(idf(np.array([holding]), len(chunks))[0])
        weight = own_rarity * _num_tokens(request.query, name, query) / max(total, 1e-9)
        yield name, weight * _gains(_carried(counts_C / counts_C.sum(), passage_C))
    begins = [(chunk.source, chunk.start) for chunk in chunks]
    for written, key, places in row_keys(request, identifiers):
        counts_C = np.zeros(len(chunks))
        for place in places:
            counts_C[bisect_right(begins, (place.source, place.offset)) - 1] += place.weight
        own_rarity = float(idf(np.array([np.count_nonzero(counts_C)]), len(chunks))[0])
        own_rarity *= max(place.weight for place in places)
        weight = own_rarity * _num_tokens(request.query, written, query) / max(total, 1e-9)
        yield key, weight * _gains(counts_C / counts_C.sum())


def _gains(mass_C: FloatArray) -> FloatArray:
    """As a token's in log pooling: log(mass · C + e^floor) − floor, where an even share is 1 / C."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.logaddexp(np.log(mass_C * len(mass_C)) - _FLOOR, 0.0))


def _counts(request: Request, chunks: Sequence[Chunk], name: str) -> FloatArray:
    """(C,) how often a name stands in each chunk, counted where it begins."""
    counts_C = np.zeros(len(chunks))
    for number, run in groupby(chunks, key=lambda chunk: chunk.source):
        own = list(run)
        source = request.sources[number]
        at = list(name_places(source.text, name, source.context_span.start, source.context_span.end))
        if at:
            owner = np.searchsorted([chunk.start for chunk in own], at, side="right") - 1
            np.add.at(counts_C, own[0].index + np.maximum(owner, 0), 1)
    return counts_C


def _num_tokens(query: str, name: str, tokens: Tokens) -> int:
    """How many of the query's tokens a name is made of."""
    start = query.index(name)
    return int(np.count_nonzero((tokens.starts >= start) & (tokens.starts < start + len(name))))


def _carried(mass_C: FloatArray, passage_C: IntArray) -> FloatArray:
    """Hand each match on to the chunks that follow it in its passage, less at each step."""
    carried_C = mass_C.copy()
    for index in continuing_chunks(passage_C):
        carried_C[index] = max(carried_C[index], _TAKEN_OVER * carried_C[index - 1])
    return carried_C
