"""Sections that a query names: where its capitalised and quoted words stand in heading lines.

In settings, logs and dumps words in lower case name as well.

A name in a heading is that of all that stands under it: each chunk there counts alike, far as it may be from
the line, and so does the chunk that holds the line. In running text such words are left to the layer.

Shapes: C chunks, G headings.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.chunking.owners import Owners
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.text.arrays import FloatArray
from longattncomp_cli.core.text.structure.kinds import LINE_KINDS
from longattncomp_cli.core.text.words import lower_words, name_places, query_keys

_ASKING = frozenset(
    {
        *("what", "which", "who", "whom", "whose", "when", "where", "why", "how", "is", "are", "was", "were"),
        *("do", "does", "did", "can", "could", "may", "must", "should", "will", "the", "a", "an", "in", "on"),
        *("at", "of", "for", "to", "from", "with", "list", "name", "give", "tell", "explain", "describe"),
    }
)
"""Words with a capital that only open a question."""


def heading_keys(
    request: Request, chunks: Sequence[Chunk], owners: Owners, known: Collection[str]
) -> Iterator[tuple[str, FloatArray]]:
    """What of the query stands in heading lines, and (C,) 1 for each chunk with such a line in or over it.

    Args:
        request: with the query and the texts.
        chunks: of all sources, in order.
        owners: the heading lines over them.
        known: names that are looked for anyway.
    """
    begins = [(chunk.source, chunk.start) for chunk in chunks]
    for spellings in [*query_keys(request.query), *([word] for word in lower_words(request.query))]:
        for key in spellings:
            if key in known or key.lower() in _ASKING or not re.search(r"[^\W\d]", key):
                continue
            places = list(_in_headings(request, key, LINE_KINDS if key.islower() else None))
            if not places:
                continue
            counts_C = np.zeros(len(chunks))
            for source, at in places:
                counts_C[bisect_right(begins, (source, at)) - 1] = 1
            is_named_P = owners.counts_in_each(places)[owners.heading_P] > 0
            counts_C[owners.chunk_P[is_named_P]] = 1
            yield key, counts_C
            break


def _in_headings(request: Request, key: str, kinds: Collection[str] | None) -> Iterator[tuple[int, int]]:
    """Source and character of each place of a key in a heading line, of texts of some kinds or of all."""
    for number, source in enumerate(request.sources):
        if source.structure is None or not (kinds is None or source.kind in kinds):
            continue
        starts, ends = source.structure.heading_lines
        span = source.context_span
        for at in name_places(source.text, key, span.start, span.end):
            place = int(np.searchsorted(starts, at, side="right")) - 1
            if place >= 0 and at < ends[place]:
                yield number, at
