"""Weights of the feedback tokens: by IDF, state, and relation to the query.

Few tokens of a chunk are the bridge to the next one. Untrained, a token weighs by its idf. Trained, its state
and what the query is after count too: the name behind "directed by" where a director is asked for. States are
compared as they are (to project them did not help), so a trained hop costs what the untrained one does.

Shapes: T feedback tokens, M query tokens, K feedback chunks, C chunks, D width, R rank.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRENGTH = 160.0
"""How much the score of a chunk is boosted, untrained, that draws the attention of all feedback tokens."""
TEMPERATURE = 20.0
"""Of the cosine between two tokens, untrained."""
_NOISE = 0.02
_LEAST = 1e-9


@dataclass(frozen=True)
class FeedbackTokens:
    """Tokens of the best chunks (the seeds) that serve as further query tokens: pseudo-relevance feedback.

    Attributes:
        states_TD: of length 1.
        idf_T: among the chunks, above 0.
        chunk_of_T: the seed that each stands in, as an index of ``chunk_K``.
        chunk_K: the seeds, best first; some may have no feedback token.
        share_K: their scores as shares of the sum over all chunks.
        token_T: the index of each among the tokens of its source; -1 where it is not known.
    """

    states_TD: Tensor
    idf_T: Tensor
    chunk_of_T: Tensor
    chunk_K: Tensor
    share_K: Tensor
    token_T: Tensor


class HopLayer(nn.Module):
    """The parameters of a hop, at first those of the untrained one.

    Args:
        width: of the backbone's states, D.
        rank: of what is learned between a feedback token and the query, R; 0 for what is never trained.
    """

    PROJECTIONS = ("relation_in",)
    """Learns slower than the rest and is held to where it began."""

    def __init__(self, width: int, rank: int) -> None:
        """Start from the untrained hop."""
        super().__init__()
        noise = torch.Generator().manual_seed(0)

        self.log_temperature = nn.Parameter(torch.tensor(math.log(TEMPERATURE)))
        self.log_strength = nn.Parameter(torch.tensor(math.log(STRENGTH)))
        self.rarity_power = nn.Parameter(torch.ones(()))
        self.share_power = nn.Parameter(torch.ones(()))
        # The weight of a token: by its state, by how near the query names it, by what the query is after.
        self.gate = nn.Parameter(torch.zeros(width))
        self.gate_named = nn.Parameter(torch.zeros(()))
        self.relation_in = nn.Parameter(torch.randn(width, rank, generator=noise) * _NOISE)
        self.relation_out = nn.Parameter(torch.zeros(rank, width))

    def weights(self, feedback: FeedbackTokens, query_MD: Tensor, dropout: float = 0.0) -> Tensor:
        """The weight of each feedback token (T,); those of a seed sum to its share, raised to a power.

        Args:
            feedback: the tokens.
            query_MD: the query's states, of length 1.
            dropout: share of the tokens' numbers set to 0 (training).
        """
        states_TD = F.dropout(feedback.states_TD, dropout) if dropout else feedback.states_TD
        # relation = xᵀ (in · out) q̄: what a token is to the mean of what the query is after, of rank R.
        relation_T = states_TD @ self.relation_in @ (self.relation_out @ query_MD.mean(dim=0))
        named_T = (feedback.states_TD @ query_MD.T).amax(dim=1)
        logit_T = self.rarity_power * feedback.idf_T.clamp_min(_LEAST).log()
        logit_T = logit_T + states_TD @ self.gate + self.gate_named * named_T + relation_T
        # A softmax within each seed, times the seed's share: Σ_T weight = 1 · Σ_K share.
        raw_T = (logit_T - logit_T.max()).exp()
        sums_K = raw_T.new_zeros(len(feedback.share_K)).index_add(0, feedback.chunk_of_T, raw_T)
        share_K = feedback.share_K.clamp_min(_LEAST) ** self.share_power
        share_K = share_K * (feedback.share_K.sum() / share_K.sum())
        return raw_T * (share_K / sums_K.clamp_min(_LEAST))[feedback.chunk_of_T]

    def boosted(self, shares_C: Tensor, mass_C: Tensor, feedback: FeedbackTokens) -> Tensor:
        """(C,) scores of the same sum, boosted by the feedback mass that the chunks draw.

        Args:
            shares_C: the scores before.
            mass_C: the share of the feedback tokens' attention that each chunk draws.
            feedback: its seeds are boosted with what they boost, in proportion to their own scores.
        """
        boosted_C = shares_C * (1 + self.boost(mass_C, feedback))
        return boosted_C * (shares_C.sum() / boosted_C.sum())

    def boost(self, mass_C: Tensor, feedback: FeedbackTokens) -> Tensor:
        """(C,) by what share of its score each chunk is boosted, before all are normalised."""
        boost_C = self.log_strength.exp() * mass_C
        seed_K = boost_C.max() * (feedback.share_K / feedback.share_K[0])
        return boost_C.index_copy(0, feedback.chunk_K, torch.maximum(boost_C[feedback.chunk_K], seed_K))
