"""How rare tokens are among the chunks of a context."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from longattncomp_cli.core.chunking.chunks import ContextTokens


MIN_IDF = 0.02
"""A query token that stands in every chunk keeps this much of the weight of one that stands in none."""


def query_idf(query_ids: np.ndarray, context: ContextTokens, num_chunks: int) -> np.ndarray:
    """(M,) how rare each query token is among the chunks, as :func:`idf` has it."""
    return idf(document_frequency(query_ids, context), num_chunks)


def document_frequency(ids: np.ndarray, context: ContextTokens) -> np.ndarray:
    """For each token id (repeated or not), how many chunks hold it; titles count to their first chunk."""
    known = context.num_holding
    ids = np.asarray(ids, dtype=np.int64)
    inside = ids < len(known)
    return np.where(inside, known[np.where(inside, ids, 0)] if len(known) else 0, 0)


def idf(frequency: np.ndarray, num_chunks: int) -> np.ndarray:
    """Inverse document frequency as a share of the highest: 1 for what stands in no chunk, 0 in all of them.

    ``log((C + 1) / (df + 0.5)) / log((C + 1) / 0.5)``, never negative.
    """
    highest = np.log((num_chunks + 1) / 0.5)
    return np.asarray(np.maximum(np.log((num_chunks + 1) / (frequency + 0.5)), 0.0) / highest)
