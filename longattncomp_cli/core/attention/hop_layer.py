"""What a hop can learn: which tokens of the best chunks ask on.

Few tokens of a chunk are the bridge. Untrained, the rarer a token the more it asks. Trained, its state and
what the query is after count too: the name behind "directed by" where a director is asked for. States are
compared as they are (to project them did not help), so a trained hop costs what the untrained one does.

Shapes: T asking tokens, M query tokens, K asking chunks, C chunks, D width, R rank.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRENGTH = 160.0
"""How much a chunk rises, untrained, that draws the attention of all chunks."""
TEMPERATURE = 20.0
"""Of the cosine between two tokens, untrained."""
_NOISE = 0.02
_LEAST = 1e-9


@dataclass(frozen=True)
class FeedbackTokens:
    """The tokens that ask on.

    Attributes:
        states_TD: of length 1.
        rarity_T: among the chunks, above 0.
        asker_T: which chunk each stands in, as an index of ``chunk_K``.
        chunk_K: the best chunks, best first; some may have no token that asks.
        share_K: their scores as shares of the sum over all chunks.
        place_T: the number of each token among its chunk's, as they were read.
    """

    states_TD: Tensor
    rarity_T: Tensor
    asker_T: Tensor
    chunk_K: Tensor
    share_K: Tensor
    place_T: Tensor


class HopLayer(nn.Module):
    """The parameters of a hop, at first those of the untrained one.

    Args:
        width: of the backbone's states, D.
        rank: of what is learned between an asking token and the query, R; 0 for what is never trained.
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
        # Whether a token asks: by its state, by how near the query names it, by what the query is after.
        self.gate = nn.Parameter(torch.zeros(width))
        self.gate_named = nn.Parameter(torch.zeros(()))
        self.relation_in = nn.Parameter(torch.randn(width, rank, generator=noise) * _NOISE)
        self.relation_out = nn.Parameter(torch.zeros(rank, width))

    def weights(self, asking: FeedbackTokens, query_MD: Tensor, dropout: float = 0.0) -> Tensor:
        """How much each token asks (T,); those of a chunk sum to its share, raised to a power.

        Args:
            asking: the tokens.
            query_MD: the query's states, of length 1.
            dropout: share of the tokens' numbers set to 0.
        """
        states_TD = F.dropout(asking.states_TD, dropout) if dropout else asking.states_TD
        relation_T = states_TD @ self.relation_in @ (self.relation_out @ query_MD.mean(dim=0))
        named_T = (asking.states_TD @ query_MD.T).amax(dim=1)
        logit_T = self.rarity_power * asking.rarity_T.clamp_min(_LEAST).log()
        logit_T = logit_T + states_TD @ self.gate + self.gate_named * named_T + relation_T
        raw_T = (logit_T - logit_T.max()).exp()
        sums_K = raw_T.new_zeros(len(asking.share_K)).index_add(0, asking.asker_T, raw_T)
        share_K = asking.share_K.clamp_min(_LEAST) ** self.share_power
        share_K = share_K * (asking.share_K.sum() / share_K.sum())
        return raw_T * (share_K / sums_K.clamp_min(_LEAST))[asking.asker_T]

    def raised(self, shares_C: Tensor, drawn_C: Tensor, asking: FeedbackTokens) -> Tensor:
        """(C,) scores of the same sum, raised by what the chunks draw; an asking one as the most raised.

        Args:
            shares_C: the scores before.
            drawn_C: the share of the asking tokens' attention that each chunk draws.
            asking: the chunks that ask rise with what they raise, in proportion to their own scores.
        """
        raised_C = shares_C * (1 + self.rise(drawn_C, asking))
        return raised_C * (shares_C.sum() / raised_C.sum())

    def rise(self, drawn_C: Tensor, asking: FeedbackTokens) -> Tensor:
        """(C,) by what share of its score each chunk rises, before all are normalised."""
        rise_C = self.log_strength.exp() * drawn_C
        own_K = rise_C.max() * (asking.share_K / asking.share_K[0])
        return rise_C.index_copy(0, asking.chunk_K, torch.maximum(rise_C[asking.chunk_K], own_K))
