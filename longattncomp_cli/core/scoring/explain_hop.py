"""Why the second hop raised a chunk: which words of the best chunks drew it.

Shapes: T asking tokens, C chunks.
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

# The word (start, end) of its source's text that a token of a chunk lies in: (chunk, token's number) → word.
FindWord = Callable[[int, int], tuple[int, int] | None]


@dataclass(frozen=True, slots=True)
class FeedbackWord:
    """A word of one of the best chunks, and its share of what the chunk drew.

    Attributes:
        chunk: the one that asks.
        start, end: characters of its source.
        share: over all asking words of all chunks they add up to 1.
    """

    chunk: int
    start: int
    end: int
    share: float


@dataclass(frozen=True)
class HopExplanation:
    """What the second hop did to one chunk.

    Attributes:
        raised: how many times its score, before all scores were normalised.
        most: how many times the most raised chunk's.
        rank: the chunk's before the hop, from 1.
        asks: whether it is one of those that asked, which rise with what they raise.
        words: that drew it, the heaviest first.
    """

    raised: float
    most: float
    rank: int
    asks: bool
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
        ``None`` where no token leads on.
    """
    asking = select_feedback_tokens(shares_C, query.ids, frequency, states)
    if asking is None:
        return None
    weight_T = layer.weights(asking, query.unit_MD)
    drawn_CT = feedback_mass(asking, weight_T, states, len(shares_C), layer.log_temperature.exp())
    rise_C = layer.rise(drawn_CT.sum(dim=1), asking)
    own_T = (drawn_CT[chunk_index] / drawn_CT[chunk_index].sum().clamp_min(1e-12)).cpu().numpy()
    totals: dict[tuple[int, int, int], float] = {}
    chunk_T = asking.chunk_K[asking.asker_T].tolist()
    for chunk, place, share in zip(chunk_T, asking.place_T.tolist(), own_T.tolist(), strict=True):
        word = find_word(chunk, place)
        if word is not None:
            totals[chunk, *word] = totals.get((chunk, *word), 0.0) + share
    words = [FeedbackWord(*key, share) for key, share in totals.items()]
    order = np.argsort(-shares_C.cpu().numpy(), kind="stable")
    return HopExplanation(
        raised=1 + float(rise_C[chunk_index]),
        most=1 + float(rise_C.max()),
        rank=int(np.flatnonzero(order == chunk_index)[0]) + 1,
        asks=chunk_index in asking.chunk_K.tolist(),
        words=tuple(sorted(words, key=lambda word: (-word.share, word.chunk, word.start))),
    )
