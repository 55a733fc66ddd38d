"""Words of other scripts than the Latin one, looked for in the text itself.

A backbone that has few pieces of a script, or none, compares letters, or one unknown token with another. So
the words count as names do (:mod:`longattncomp_cli.core.attention.exact_matches`), each as the tokens it is
made of would at its rarity; where the backbone reads nothing of a query they carry the ranking.

Shapes: C chunks, M query tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from longattncomp_cli.core.attention.idf import MIN_IDF, idf
from longattncomp_cli.core.chunking.chunks import Chunk, Tokens
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.text.arrays import FloatArray
from longattncomp_cli.core.text.scripts import Term, foreign_terms, is_letter_or_mark
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.core.text.words import Spelling

_FLOOR = -6.0
"""The log mass of a chunk without the term, relative to an even share."""
_PAIR_SHARE = 0.5
"""A character of a script without spaces stands in two pairs."""


def script_match_gains(
    request: Request, chunks: Sequence[Chunk], query: Tokens, idf_M: FloatArray
) -> Iterator[tuple[str, FloatArray]]:
    """What each foreign word of the query adds to each chunk's log score, where token weights sum to 1.

    Args:
        request: with the query and the texts.
        chunks: of all sources, in order.
        query: its tokens.
        idf_M: of each of them.

    Yields:
        A term that stands somewhere, and its gains (C,).
    """
    found: list[tuple[Term, FloatArray, float]] = []
    asked = Spelling.of(request.query, any_case=True)
    for term in foreign_terms(asked.text):
        counts_C = _counts(request, chunks, term)
        holding = int(np.count_nonzero(counts_C))
        if holding:
            rarity = float(idf(np.array([holding]), len(chunks))[0])
            start, end = asked.original(term.start), asked.original(term.end)
            own = int(np.count_nonzero((query.starts >= start) & (query.starts < end)))
            found.append((term, counts_C, rarity * max(1, own) * (1 if term.begins_word else _PAIR_SHARE)))
    total = max(float((idf_M + MIN_IDF).sum()), sum(weight for _, _, weight in found))
    for term, counts_C, weight in found:
        with np.errstate(divide="ignore"):
            log_mass_C = np.log(counts_C / counts_C.sum() * len(chunks))
        yield term.text, weight / total * np.logaddexp(log_mass_C - _FLOOR, 0.0)


def _counts(request: Request, chunks: Sequence[Chunk], term: Term) -> FloatArray:
    """(C,) how often a term stands in each chunk, counted where it begins."""
    counts_C = np.zeros(len(chunks))
    for number, run in groupby(chunks, key=lambda chunk: chunk.source):
        own = list(run)
        source = request.sources[number]
        at = _places(source.caseless, term, source.context_span)
        if at:
            owner = np.searchsorted([chunk.start for chunk in own], at, side="right") - 1
            np.add.at(counts_C, own[0].index + np.maximum(owner, 0), 1)
    return counts_C


def _places(spelling: Spelling, term: Term, span: Span) -> list[int]:
    text, places = spelling.text, []
    begin, end = spelling.span(*span)
    at = text.find(term.text, begin, end)
    while at >= 0:
        if not (term.begins_word and at and is_letter_or_mark(text[at - 1])):
            places.append(spelling.original(at))
        at = text.find(term.text, at + 1, end)
    return places
