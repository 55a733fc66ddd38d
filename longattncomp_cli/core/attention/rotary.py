"""The cross-attention layer with the rotary positions of the backbone's own heads (arXiv:2104.09864).

A decoder's retrieval heads were trained to compare turned queries and keys: by content, and by how far apart
the two stand. A key turns with its token's position and cannot be folded into the query, so keys are
projected and turned, block by block, and the projection of keys stays as the backbone has it.

Shapes: N context tokens, M query tokens, H heads, D backbone width, K head width, F = K / 2 frequencies.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.backbones.base import POSITIONS, LayerStates, UnitStates


class RotaryAttention(CrossAttention):
    """Like :class:`CrossAttention`; projected queries are (H, M, K), and keys are not trained."""

    frequencies: Tensor
    b_k: Tensor

    def __init__(
        self, layers: Sequence[int], width: int, head_width: int, learned_sink: bool = False
    ) -> None:
        """Add the angles (H, F) by which a position turns pairs of a head's numbers, and the keys' bias."""
        super().__init__(layers, width, head_width, learned_sink)
        self.w_k.requires_grad_(False)
        self.register_buffer("frequencies", torch.zeros(len(self.layers), head_width // 2))
        # Added before keys turn, so that unlike an unturned bias it does not cancel in the softmax.
        self.register_buffer("b_k", torch.zeros(len(self.layers), head_width))

    @property
    def reads(self) -> tuple[int, ...]:
        """The layers of the heads, and where tokens stand."""
        return (POSITIONS, *super().reads)

    def project_queries(self, unit_HMD: Tensor, states: LayerStates) -> Tensor:
        """Return (H, M, K): projected, scaled and turned queries."""
        queries_HMK = torch.baddbmm(self.b_q[:, None, :], unit_HMD, self.w_q)
        scaled_HMK = queries_HMK * self.log_temperature.exp()[:, None, None]
        return torch.stack([self._turned(part, states, head) for head, part in enumerate(scaled_HMK)])

    def key_states(self, states: LayerStates) -> list[Tensor]:
        """For each head (N, K): projected and turned keys."""
        return [
            self._turned(unit_ND @ self.w_k[head] + self.b_k[head], states, head)
            for head, unit_ND in enumerate(self.unit_states(states))
        ]

    def units_of(self, states: LayerStates, ids_N: Tensor | None = None) -> tuple[UnitStates, ...]:
        """The keys, each head's own: what a token's key is depends on where the token stands."""
        return tuple(UnitStates((head,), key_NK) for head, key_NK in enumerate(self.key_states(states)))

    def _turned(self, part_NK: Tensor, states: LayerStates, head: int) -> Tensor:
        """Number i and number i + F are the two of a pair."""
        angles_NF = states[POSITIONS].to(self.frequencies.dtype) * self.frequencies[head]
        cos, sin = angles_NF.cos(), angles_NF.sin()
        first, second = part_NK.chunk(2, dim=-1)
        return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
