"""The cross-attention layer of backbones whose own heads normalise queries and keys (Qwen 3, Gemma 3).

A key's norm depends on the token, so it cannot be folded into the query. Its inverse scales the token's
logits instead. It is taken with the projection that the layer started from, which keeps it a property of
the frozen states: at the start the product is exactly the backbone's own, and training moves the
projections around it.

Shapes: N context tokens, M query tokens, H heads, D backbone width, K head width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.backbones.base import LayerStates, UnitStates

_LEAST_NORM = 1e-6


class QKNormAttention(CrossAttention):
    """Like :class:`CrossAttention`, with root-mean-square norms over each head's query and key."""

    key_norm: Tensor

    def __init__(
        self, layers: Sequence[int], width: int, head_width: int, learned_sink: bool = False
    ) -> None:
        """Add the product of the norms' gains (H, K), and the projection (H, D, K) behind the keys' norm."""
        super().__init__(layers, width, head_width, learned_sink)
        self.norm_gain = nn.Parameter(torch.ones(len(self.layers), head_width))
        self.register_buffer("key_norm", self.w_k.detach().clone())

    def _inverse_norms(self, unit_ND: Tensor, head: int) -> Tensor:
        """(N,) what a token's key must be multiplied with to have mean square 1."""
        norm_N = torch.linalg.vector_norm(unit_ND @ self.key_norm[head], dim=-1)
        inverse_N: Tensor = norm_N.clamp_min(_LEAST_NORM).reciprocal() * self.key_norm.shape[2] ** 0.5
        return inverse_N

    def unit_states(self, states: LayerStates) -> list[Tensor]:
        """For each head (N, D): unit states, scaled so that the head's keys have mean square 1."""
        unit = super().unit_states(states)
        return [part * self._inverse_norms(part, head)[:, None] for head, part in enumerate(unit)]

    def project_queries(self, unit_HMD: Tensor, states: LayerStates) -> Tensor:
        """Return (H, M, D): normalised queries with W_K folded in."""
        queries_HMK = torch.baddbmm(self.b_q[:, None, :], unit_HMD, self.w_q)
        normed_HMK = F.normalize(queries_HMK, dim=-1) * queries_HMK.shape[-1] ** 0.5
        scale_H1K = self.norm_gain[:, None] * self.log_temperature.exp()[:, None, None]
        return torch.bmm(normed_HMK * scale_H1K, self.w_k.transpose(1, 2))

    def _scaled(self, heads: tuple[int, ...], unit_UD: Tensor, index_N: Tensor | None) -> UnitStates:
        """With the keys' inverse norms, instead of a scaled copy of the states for each head."""
        scale_UH = torch.stack([self._inverse_norms(unit_UD, head) for head in heads], dim=1)
        return UnitStates(heads, unit_UD, index_N, scale_UH)
