"""From the mass of heads and query tokens to one share a chunk, in one of two ways.

``mean`` is the paper's: the mean over heads and query tokens, less what a query without content draws.
``log`` is ours: the weighted sum of log masses, with exact matches, heading lines and neighbours.

Shapes: C chunks, M query tokens, H heads, D backbone width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.attention.exact_matches import ExactMatch, exact_match_gains
from longattncomp_cli.core.attention.pooling import (
    LogMass,
    pool_log_mass,
    pool_mean,
    smooth_over_neighbours,
    softmax_with_sink,
    without_null,
)
from longattncomp_cli.core.attention.script_matches import script_match_gains
from longattncomp_cli.core.chunking.chunks import Chunk, Tokens
from longattncomp_cli.core.chunking.owners import Owners
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.text.arrays import FloatArray, IntArray

Shares = tuple[Tensor, Tensor, Tensor | None]
"""The weights (H, M) of heads and query tokens, the chunks' shares (C,) and the sink's; these sum to 1."""


@dataclass(frozen=True, eq=False)
class Compared:
    """What comparing a query with a context gives.

    Attributes:
        unit_HMD, projected_HMD: the query's states as each head reads them, and projected.
        logits_CHM: the log-sum-exp of the logits of each chunk's tokens, with log pooling those of the
            heading lines over it included.
        own_CHM: without these.
        mass: the first over all chunks and the sink, in log space.
        null_mass: that of the null query, where there is one.
    """

    unit_HMD: Tensor
    projected_HMD: Tensor
    logits_CHM: Tensor
    own_CHM: Tensor
    mass: LogMass
    null_mass: LogMass | None

    @property
    def own_mass(self) -> LogMass:
        """The mass by the same normaliser, without the heading lines."""
        owned_CHM = (self.logits_CHM - self.own_CHM).nan_to_num()
        return LogMass(self.mass.chunks_CHM - owned_CHM, self.mass.sink_HM)


def mean_shares(compared: Compared) -> Shares:
    """By the mean over heads and query tokens."""
    each_HM = compared.logits_CHM[0]
    shares_C, sink = pool_mean(compared.mass)
    if compared.null_mass is not None:
        shares_C = without_null(shares_C, pool_mean(compared.null_mass)[0])
    return torch.full_like(each_HM, 1 / each_HM.numel()), shares_C, sink


def log_shares(
    compared: Compared,
    attention: CrossAttention,
    idf_M: FloatArray,
    exact: Sequence[ExactMatch],
    passage_C: IntArray,
) -> Shares:
    """By the weighted log masses and exact matches; neighbours take over what is the chunk's own.

    Args:
        compared: query and context.
        attention: the trained layer.
        idf_M: of the query's tokens.
        exact: what names of the query add.
        passage_C: the passage that each chunk lies in.
    """
    unit_HMD, device = compared.unit_HMD, compared.unit_HMD.device
    weights_HM = attention.weights(unit_HMD, torch.from_numpy(idf_M).float().to(device))

    def pooled(mass: LogMass, gains: Sequence[FloatArray]) -> tuple[Tensor, Tensor | None]:
        scores_C, sink = pool_log_mass(mass, weights_HM, attention.floor)
        gains_C = np.sum(gains, axis=0) if gains else np.zeros(len(scores_C))
        return scores_C + weights_HM.sum() * torch.from_numpy(gains_C).to(scores_C), sink

    scores_C, sink = pooled(compared.mass, [match.gains_C for match in exact])
    own_C, _ = pooled(compared.own_mass, [match.gains_C - match.owned_C for match in exact])
    smoothed = smooth_over_neighbours(
        scores_C,
        sink,
        attention.neighbour_weight(unit_HMD),
        torch.from_numpy(passage_C).to(device),
        scores_C - own_C,
    )
    return weights_HM, *softmax_with_sink(*smoothed)


def weighted_matches(
    weight: float,
    unread: float,
    request: Request,
    chunks: tuple[Chunk, ...],
    query: Tokens,
    idf_M: FloatArray,
    passage_C: IntArray,
    owners: Owners,
) -> tuple[ExactMatch, ...]:
    """What each name and foreign word of the query adds to the chunks; token weights sum to 1.

    Args:
        weight: of a match beside a token's; 0 looks for none.
        unread: the share of the query's tokens which tell nothing: the larger, the more its words count.
        request, chunks, query, idf_M, passage_C, owners: see :func:`exact_match_gains`.
    """
    if not weight:
        return ()
    names = exact_match_gains(request, chunks, query, idf_M, passage_C, owners)
    words = script_match_gains(request, chunks, query, idf_M)
    share = weight + (1 - weight) * unread
    return (
        *(ExactMatch(match.name, weight * match.gains_C, weight * match.owned_C) for match in names),
        *(ExactMatch(word, share * gains_C, np.zeros(len(chunks))) for word, gains_C in words),
    )
