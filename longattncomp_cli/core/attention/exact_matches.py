"""Names that a query spells out: identifiers, file names, codes, and what stands between backticks.

Word pieces hide them. ``_create`` is two tokens that stand in every module, and a chunk that holds both
somewhere looks like one that holds the name. So each name is looked for in the text itself, whole and as it
is spelt, and counts in the pooling as one more token of the query whose attention is spread evenly over the
places where it stands. A definition is longer than the line that names it: what follows in the same passage
takes over a share, and so does what stands under a heading with the name. Names of rows
(:mod:`~longattncomp_cli.core.attention.row_keys`) count in the same way.

Shapes: C chunks.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from longattncomp_cli.core.attention.idf import MIN_IDF, idf
from longattncomp_cli.core.attention.row_keys import row_keys
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.chunking.owners import Owners
from longattncomp_cli.core.chunking.passages import continuing_chunks
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.text.arrays import FloatArray, IntArray
from longattncomp_cli.core.text.words import Spelling, is_compound, name_places, query_identifiers

if TYPE_CHECKING:
    from longattncomp_cli.core.chunking.chunks import Tokens


_MEMBER = re.compile(r"(?:.*\W)?(?P<owner>\w+)(?:\.|::|->)(?P<member>[^\W\d]\w*)")
_TAKEN_OVER = 0.05
"""What a chunk takes over of the match in the chunk before it, in one passage."""
_FLOOR = -6.0
"""The log mass of a chunk without the name, relative to an even share."""
_COMPOUND_SHARE = 0.01
"""Words joined by hyphens are a name where at most this share of the chunks holds them, or two."""


@dataclass(frozen=True, eq=False)
class ExactMatch:
    """A name of the query that stands somewhere.

    Attributes:
        name: as it is spelt.
        gains_C: what it adds to each chunk's log score, 0 where it does not stand.
        owned_C: what of that is due to the heading lines over the chunk.
    """

    name: str
    gains_C: FloatArray
    owned_C: FloatArray


def exact_match_gains(
    request: Request,
    chunks: Sequence[Chunk],
    query: Tokens,
    idf_M: FloatArray,
    passage_C: IntArray,
    owners: Owners,
) -> Iterator[ExactMatch]:
    """What each of the query's names adds to each chunk's log score, where the token weights sum to 1.

    Args:
        request: with the query and the texts.
        chunks: of all sources, in order.
        query: the query's tokens; a name counts as much as the tokens it is made of would at its rarity.
        idf_M: of each of them, as :func:`~longattncomp_cli.core.attention.idf.idf` has it.
        passage_C: the number of the passage that each chunk lies in, ascending.
        owners: the heading lines over the chunks, in which a name counts for them as well.
    """
    total = float((idf_M + MIN_IDF).sum())
    asked = Spelling.of(request.query)
    identifiers = query_identifiers(asked.text)
    begins = [(chunk.source, chunk.start) for chunk in chunks]
    for name in identifiers:
        found = _all_places(request, name)
        counts_C = _counts(found, begins)
        if not found and (parts := _MEMBER.fullmatch(name)):
            # Of ``Pump.stop`` the class may stand in a heading: what names the member counts under it.
            found = _all_places(request, parts["member"])
            owner = _all_places(request, parts["owner"])
            is_owned_C = _counts(owner, begins) + owners.counts(owner, len(chunks)) > 0
            counts_C, found = _counts(found, begins) * is_owned_C, []
        holding = int(np.count_nonzero(counts_C))
        is_common = holding > max(2, _COMPOUND_SHARE * len(chunks))
        if not holding or (is_common and is_compound(name, asked.text)):
            continue
        own_rarity = float(idf(np.array([holding]), len(chunks))[0])
        weight = own_rarity * _num_tokens(asked, name, query) / max(total, 1e-9)
        all_C = counts_C + owners.counts(found, len(chunks))
        gains_C, own_C = (
            weight * _gains(_carried(each_C / all_C.sum(), passage_C)) for each_C in (all_C, counts_C)
        )
        yield ExactMatch(name, gains_C, gains_C - own_C)
    for written, key, places in row_keys(request, identifiers):
        counts_C = np.zeros(len(chunks))
        for place in places:
            counts_C[bisect_right(begins, (place.source, place.offset)) - 1] += place.weight
        own_rarity = float(idf(np.array([np.count_nonzero(counts_C)]), len(chunks))[0])
        own_rarity *= max(place.weight for place in places)
        weight = own_rarity * _num_tokens(asked, written, query) / max(total, 1e-9)
        yield ExactMatch(key, weight * _gains(counts_C / counts_C.sum()), np.zeros(len(chunks)))


def _counts(places: Sequence[tuple[int, int]], begins: Sequence[tuple[int, int]]) -> FloatArray:
    """(C,) how many places, each a source and a character, lie in each chunk."""
    counts_C = np.zeros(len(begins))
    for at in places:
        counts_C[max(0, bisect_right(begins, at) - 1)] += 1
    return counts_C


def _gains(mass_C: FloatArray) -> FloatArray:
    """As a token's in log pooling: log(mass · C + e^floor) − floor, where an even share is 1 / C."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.logaddexp(np.log(mass_C * len(mass_C)) - _FLOOR, 0.0))


def _all_places(request: Request, name: str) -> list[tuple[int, int]]:
    """The source and the character of each place where a name begins, in order."""
    return [
        (number, source.spelling.original(at))
        for number, source in enumerate(request.sources)
        for at in name_places(source.spelling.text, name, *source.spelling.span(*source.context_span))
    ]


def _num_tokens(query: Spelling, name: str, tokens: Tokens) -> int:
    """How many of the query's tokens a name is made of."""
    at = query.text.index(name)
    start, end = query.original(at), query.original(at + len(name))
    return int(np.count_nonzero((tokens.starts >= start) & (tokens.starts < end)))


def _carried(mass_C: FloatArray, passage_C: IntArray) -> FloatArray:
    """Hand each match on to the chunks that follow it in its passage, less at each step."""
    carried_C = mass_C.copy()
    for index in continuing_chunks(passage_C):
        carried_C[index] = max(carried_C[index], _TAKEN_OVER * carried_C[index - 1])
    return carried_C
