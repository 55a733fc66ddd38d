"""The one trained layer: query tokens attend to context tokens, and each chunk gets its mass.

LongAttnComp (arXiv:2606.01336): ``A = softmax(Q Kᵀ)`` per head over all context tokens (and the sink),
no value path, no output projection. The mass of a chunk under one head and one query token is the sum of
that row over the chunk's tokens. Computed in log space and one pass over blocks of context tokens:
a chunk's log-sum-exp needs only its own tokens, and the normaliser is the log-sum-exp of those. That is
exact for any block size, and memory is H × M × C however long the context is.

Shapes: B block, N context tokens, M query tokens, C chunks, H heads, D backbone width, K head width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longattncomp_cli.core.attention.idf import MIN_IDF
from longattncomp_cli.core.backbones.base import LayerStates, StateBlock, UnitStates

# exp() of anything lower is a denormal in fp32, which slows processors 10–100×; e⁻⁸⁰ counts as nothing.
LOWEST_EXPONENT = -80.0
NEIGHBOUR_WEIGHT_START = -0.196  # softplus of it is 0.6
_ABSENT = 0.9999


def identity_projections(num_heads: int, width: int, head_width: int) -> Tensor:
    """(H, D, K): where the projections start."""
    return torch.eye(width, head_width).repeat(num_heads, 1, 1)


class CrossAttention(nn.Module):
    """Per-head projections of normalised backbone states, and what pooling needs to know.

    Every tensor starts where an untrained head is already useful: projections at the identity, so that a
    head compares the states themselves, and query tokens weighted by their rarity in the context.

    Args:
        layers: for each head, the backbone layer whose states it reads (0: token embeddings).
        width: of the backbone's states, D.
        head_width: of a head's projections, K.
        learned_sink: whether a trained key absorbs the mass when nothing is relevant.
    """

    center: Tensor
    PROJECTIONS = ("w_q", "w_k")
    """What learns slower than the rest and is held to where it began."""

    def __init__(
        self, layers: Sequence[int], width: int, head_width: int, learned_sink: bool = False
    ) -> None:
        """Start from identity projections and rarity weights."""
        super().__init__()
        self.layers = tuple(layers)
        num_heads = len(layers)
        self.w_q = nn.Parameter(identity_projections(num_heads, width, head_width))
        self.w_k = nn.Parameter(identity_projections(num_heads, width, head_width))
        # A query offset is a bias on context tokens: what every query looks for, or looks past.
        self.b_q = nn.Parameter(torch.zeros(num_heads, head_width))
        self.log_temperature = nn.Parameter(torch.full((num_heads,), 20.0).log())
        self.register_buffer("center", torch.zeros(num_heads, width))
        # Log pooling: the share of each head and query token, and the least log mass that counts.
        self.gate = nn.Parameter(torch.zeros(num_heads, width))
        self.gate_rarity = nn.Parameter(torch.ones(num_heads))
        self.gate_absent = nn.Parameter(torch.zeros(num_heads))
        self.gate_bias = nn.Parameter(torch.zeros(num_heads))
        self.floor = nn.Parameter(torch.full((num_heads,), -8.0))
        self.log_strength = nn.Parameter(torch.zeros(()))
        # How much of its neighbours' scores a chunk takes over: relevant passages are longer than chunks.
        self.spread = nn.Parameter(torch.tensor(NEIGHBOUR_WEIGHT_START))
        self.spread_gate = nn.Parameter(torch.zeros(width))
        self.learned_sink = learned_sink
        if learned_sink:
            self.sink_key = nn.Parameter(torch.zeros(num_heads, width))
            self.sink_bias = nn.Parameter(torch.full((num_heads,), 12.0))

    @property
    def reads(self) -> tuple[int, ...]:
        """The layers of the backbone that it must be given."""
        return tuple(sorted(set(self.layers)))

    def unit_states(self, states: LayerStates) -> list[Tensor]:
        """For each head (N, D): the states it reads, centred, of length 1; shared between like heads."""
        result: dict[int, Tensor] = {}
        for heads in self._like_heads():
            unit_ND = self._unit(states, heads[0])
            result |= dict.fromkeys(heads, unit_ND)
        return [result[head] for head in range(len(self.layers))]

    def _like_heads(self) -> list[tuple[int, ...]]:
        """The heads that read the same states: of one layer, about one centre."""
        groups: dict[tuple[int, bytes], list[int]] = {}
        for head, layer in enumerate(self.layers):
            groups.setdefault((layer, self.center[head].cpu().numpy().tobytes()), []).append(head)
        return [tuple(heads) for heads in groups.values()]

    def _unit(self, states: LayerStates, head: int) -> Tensor:
        return F.normalize(states[self.layers[head]].float() - self.center[head], dim=-1)

    def units(self, block: StateBlock) -> tuple[UnitStates, ...]:
        """The states of a block as the heads read them; layer 0, a table by token id, once for each id."""
        return self.units_of(block.states, block.ids_N) if block.units is None else block.units

    def units_of(self, states: LayerStates, ids_N: Tensor | None = None) -> tuple[UnitStates, ...]:
        """What projected queries are multiplied with, of tokens whose ids may be known."""
        found = []
        for heads in self._like_heads():
            if self.layers[heads[0]] == 0 and ids_N is not None:
                place_U, index_N = distinct_tokens(ids_N)
                unit_UD = self._unit({0: states[0][place_U]}, heads[0])
                found.append(self._scaled(heads, unit_UD, index_N))
            else:
                found.append(self._scaled(heads, self._unit(states, heads[0]), None))
        return tuple(found)

    def _scaled(self, heads: tuple[int, ...], unit_UD: Tensor, index_N: Tensor | None) -> UnitStates:
        """With what the products of each head are multiplied with: here nothing."""
        return UnitStates(heads, unit_UD, index_N)

    def project_queries(self, unit_HMD: Tensor, states: LayerStates) -> Tensor:
        """Return (H, M, D): projected, scaled queries with W_K folded in: context states need none.

        Args:
            unit_HMD: from :meth:`unit_states`.
            states: those that it was made of.
        """
        queries_HMK = torch.baddbmm(self.b_q[:, None, :], unit_HMD, self.w_q)
        scaled_HMK = queries_HMK * self.log_temperature.exp()[:, None, None]
        return torch.bmm(scaled_HMK, self.w_k.transpose(1, 2))

    def queries(self, states: LayerStates) -> Tensor:
        """:meth:`project_queries` of the states of query tokens."""
        return self.project_queries(torch.stack(self.unit_states(states)), states)

    def key_states(self, states: LayerStates) -> list[Tensor]:
        """For each head (N, D): what context tokens are to be multiplied with projected queries."""
        return self.unit_states(states)

    def logits(self, projected_HMD: Tensor, states: LayerStates) -> Tensor:
        """Return (N, H, M): scaled products of every context token with every query token."""
        return unit_logits(projected_HMD, self.units_of(states))

    def sink_logits(self, projected_HMD: Tensor) -> Tensor:
        """Return (H, M): the logits of the trained sink key."""
        return torch.einsum("hmd,hd->hm", projected_HMD, self.sink_key) + self.sink_bias[:, None]

    def chunk_logsumexp(
        self,
        projected_HMD: Tensor,
        blocks: Iterable[StateBlock],
        num_chunks: int,
        on_logits: Callable[[Tensor, StateBlock], None] | None = None,
    ) -> Tensor:
        """Stream over the context.

        Args:
            projected_HMD: from :meth:`project_queries`; a block's own query goes before.
            blocks: every context token once, in any order.
            num_chunks: C.
            on_logits: called with the logits (N, H, M) of each block, and the block.

        Returns:
            (C, H, M): the log-sum-exp of the logits of each chunk's tokens; ``-inf`` where it has none.
        """
        num_heads, num_query = projected_HMD.shape[:2]
        chunks_CHM = projected_HMD.new_full((num_chunks, num_heads, num_query), float("-inf"))
        query: LayerStates | None = None
        for block in blocks:
            if block.query is not None and block.query is not query:
                query = block.query
                projected_HMD = self.queries(query)
            logits_NHM = unit_logits(projected_HMD, self.units(block))
            if on_logits:
                on_logits(logits_NHM, block)
            accumulate_block(chunks_CHM, logits_NHM, block.chunk_index_N)
        return chunks_CHM

    def weights(self, unit_HMD: Tensor, idf_M: Tensor) -> Tensor:
        """Return (H, M): the share of each head and query token in log pooling.

        Args:
            unit_HMD: the normalised query states that each head reads.
            idf_M: how rare each query token is in the context, in [0, 1]; 1 means that it is absent.
        """
        idf_HM = self.gate_rarity[:, None] * (idf_M + MIN_IDF).log()
        idf_HM = idf_HM + self.gate_absent[:, None] * (idf_M > _ABSENT)
        learned_HM = torch.einsum("hmd,hd->hm", unit_HMD, self.gate)
        logits_HM = idf_HM + learned_HM + self.gate_bias[:, None]
        return logits_HM.flatten().softmax(dim=0).view_as(logits_HM) * self.log_strength.exp()

    def neighbour_weight(self, unit_HMD: Tensor) -> Tensor:
        """The weight of the neighbours' mean score (scalar), as this query wants it."""
        return F.softplus(self.spread + unit_HMD[0].mean(dim=0) @ self.spread_gate)


def unit_logits(projected_HMD: Tensor, units: Sequence[UnitStates]) -> Tensor:
    """Return (N, H, M): the products of what the heads read with every query token."""
    num_query, width = projected_HMD.shape[1:]
    parts = []
    for unit in units:
        # One product for all heads that read the same states.
        asked_XD = projected_HMD[list(unit.heads)].reshape(-1, width)
        logits_UHM = (unit.unit_UD @ asked_XD.T).view(-1, len(unit.heads), num_query)
        if unit.scale_UH is not None:
            logits_UHM = logits_UHM * unit.scale_UH[:, :, None]
        parts.append(logits_UHM if unit.index_N is None else logits_UHM[unit.index_N])
    order = [head for unit in units for head in unit.heads]
    logits_NHM = torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
    return logits_NHM if order == sorted(order) else logits_NHM[:, np.argsort(order).tolist()]


def distinct_tokens(ids_N: Tensor) -> tuple[Tensor, Tensor]:
    """A place of each distinct id (U,), and for each token (N,) which of them its id is."""
    distinct_U, index_N = torch.unique(ids_N, return_inverse=True)
    place_U = torch.empty_like(distinct_U).scatter_(0, index_N, torch.arange(len(ids_N), device=ids_N.device))
    return place_U, index_N


def accumulate_block(chunks_CHM: Tensor, logits_NHM: Tensor, chunk_index_N: Tensor) -> None:
    """Add one block's tokens to the running log-sum-exp of their chunks, in place.

    Of chunk c: ``L_c ← log(exp(L_c) + Σ_n exp(l_n))`` over its tokens n of the block, computed as
    ``m + log Σ_n exp(l_n − m)`` with m the block's highest logit, so that nothing overflows.
    """
    # Only the chunks of this block are looked at: local_N numbers them from 0.
    touched, local_N = torch.unique(chunk_index_N, return_inverse=True)
    highest_HM = logits_NHM.amax(dim=0)
    weights_NHM = (logits_NHM - highest_HM).clamp_min_(LOWEST_EXPONENT).exp_()
    sums_BHM = weights_NHM.new_zeros((len(touched), *logits_NHM.shape[1:]))
    sums_BHM.index_add_(0, local_N, weights_NHM)
    chunks_CHM[touched] = torch.logaddexp(chunks_CHM[touched], sums_BHM.log_().add_(highest_HM))
