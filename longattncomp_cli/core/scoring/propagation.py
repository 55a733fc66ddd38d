"""Length normalisation, and propagation of scores within a passage.

A passage is a paragraph, a definition, a turn: as many chunks as go on in one another. What follows the
relevant beginning of a passage rarely repeats the query's words. A conversation is one passage however long:
what is spoken of goes on over the turns.

Shapes: C chunks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.chunking.passages import continuing_chunks
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.text.arrays import FloatArray, IntArray
from longattncomp_cli.core.text.structure.chats import is_conversation


def normalise_by_length(share_C: FloatArray, num_tokens_C: IntArray, least_tokens: int) -> FloatArray:
    """Divide scores by what the chunks cost: a long chunk draws more without saying more.

    Args:
        share_C: the chunks' scores.
        num_tokens_C: of each chunk.
        least_tokens: shorter chunks count as so long.

    Returns:
        (C,) new scores of the same sum.
    """
    denser_C = share_C / np.maximum(num_tokens_C, least_tokens)
    total = denser_C.sum()
    return denser_C * (share_C.sum() / total) if total > 0 else share_C


def decays(
    chunks: Sequence[Chunk], passage_C: IntArray, sources: Sequence[Source], decay: float
) -> FloatArray:
    """(C,) by how much a log score decays from the chunk before, for :func:`propagate_scores`.

    Args:
        chunks: of all sources, in order.
        passage_C: from :func:`passage_numbers`.
        sources: says which of them are conversations.
        decay: within a passage; infinite between two.
    """
    decay_C = np.full(len(chunks), np.inf)
    decay_C[continuing_chunks(passage_C)] = decay
    source_C = np.array([chunk.source for chunk in chunks])
    for number in np.unique(source_C):
        if sources[number].kind == "chat" and is_conversation(sources[number].text):
            decay_C[np.flatnonzero(source_C == number)[1:]] = decay
    return decay_C


def propagate_scores(share_C: FloatArray, decay_C: FloatArray) -> FloatArray:
    """Raise each chunk to the decayed score of the one before it, within a passage.

    ``log s[c] ← max(log s[c], log s[c − 1] − decay[c] · σ)``, in order, σ the deviation of all log scores.

    Args:
        share_C: the chunks' scores.
        decay_C: from :func:`decays`, in standard deviations of all log scores.

    Returns:
        (C,) new scores of the same sum, none of which fell against the best; what had none still has none.
    """
    scored_C = share_C > 0
    if not scored_C.any():
        return share_C
    with np.errstate(divide="ignore"):
        log_C = np.log(share_C)
    deviation = log_C[scored_C].std()
    for index in np.flatnonzero(np.isfinite(decay_C)):
        if scored_C[index]:
            log_C[index] = max(log_C[index], log_C[index - 1] - decay_C[index] * deviation)
    propagated_C = np.exp(log_C - log_C.max())
    return np.asarray(propagated_C * (share_C.sum() / propagated_C.sum()))
