"""Why the second hop boosted a chunk: for which words of the best chunks.

Shapes: T feedback tokens, C chunks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from longattncomp_cli.core.attention.hop_layer import HopLayer
from longattncomp_cli.core.attention.hops import (
    ContextStates,
    Frequency,
    HopQuery,
    feedback_mass,
    select_feedback_tokens,
)

FindWord = Callable[[int, int], tuple[int, int] | None]
"""(chunk, index of a token among those of its source) → the word that it lies in, ``source[start:end]``."""


@dataclass(frozen=True, slots=True)
class FeedbackWord:
    """A word of one of the best chunks, and its share of what the chunk drew.

    Attributes:
        chunk: the one that asks.
        start, end: characters of its source.
        share: over all feedback words of all chunks they add up to 1.
    """

    chunk: int
    start: int
    end: int
    share: float


@dataclass(frozen=True)
class HopExplanation:
    """What the second hop did to one chunk.

    Attributes:
        boost: how many times its score it got, before all scores were normalised.
        max_boost: how many times the most boosted chunk got.
        rank: the chunk's before the hop, from 1.
        is_seed: whether it is one of the best chunks, which are boosted with what they boost.
        words: that it was boosted for, the heaviest first.
    """

    boost: float
    max_boost: float
    rank: int
    is_seed: bool
    words: tuple[FeedbackWord, ...]


def explain_hop(
    layer: HopLayer,
    shares_C: Tensor,
    query: HopQuery,
    frequency: Frequency,
    states: ContextStates,
    chunk_index: int,
    find_word: FindWord,
) -> HopExplanation | None:
    """Take the second hop once more, and keep what one chunk drew of each token.

    Args:
        layer: the hop's.
        shares_C: the scores after the first hop.
        query, frequency, states: see :func:`~longattncomp_cli.core.attention.hops.hop`.
        chunk_index: of the chunk to explain.
        find_word: tells words from tokens.

    Returns:
        ``None`` where there is no feedback token.
    """
    feedback = select_feedback_tokens(shares_C, query.ids, frequency, states)
    if feedback is None:
        return None
    weight_T = layer.weights(feedback, query.unit_MD)
    mass_CT = feedback_mass(feedback, weight_T, states, len(shares_C), layer.log_temperature.exp())
    boost_C = layer.boost(mass_CT.sum(dim=1), feedback)
    own_T = (mass_CT[chunk_index] / mass_CT[chunk_index].sum().clamp_min(1e-12)).cpu().numpy()
    totals: dict[tuple[int, int, int], float] = {}
    chunk_T = feedback.chunk_K[feedback.chunk_of_T].tolist()
    for chunk, token, share in zip(chunk_T, feedback.token_T.tolist(), own_T.tolist(), strict=True):
        word = find_word(chunk, token)
        if word is not None:
            totals[chunk, *word] = totals.get((chunk, *word), 0.0) + share
    words = [FeedbackWord(*key, share) for key, share in totals.items()]
    order = np.argsort(-shares_C.cpu().numpy(), kind="stable")
    return HopExplanation(
        boost=1 + float(boost_C[chunk_index]),
        max_boost=1 + float(boost_C.max()),
        rank=int(np.flatnonzero(order == chunk_index)[0]) + 1,
        is_seed=chunk_index in feedback.chunk_K.tolist(),
        words=tuple(sorted(words, key=lambda word: (-word.share, word.chunk, word.start))),
    )
