"""Rotary positions: only distances count, and without angles nothing turns."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.attention.rotary import RotaryAttention
from longattncomp_cli.core.backbones.base import POSITIONS, LayerStates

WIDTH, HEAD_WIDTH, LAYERS = 12, 8, (2, 2, 5)


@pytest.fixture
def layer() -> RotaryAttention:
    torch.manual_seed(0)
    made = RotaryAttention(LAYERS, WIDTH, HEAD_WIDTH)
    with torch.no_grad():
        for part in (made.w_q, made.w_k, made.b_q, made.b_k):
            part.normal_()
        made.frequencies.copy_(torch.tensor([1.0, 0.3, 0.1, 0.01]).expand(3, -1))
    return made


def states_at(start: int, count: int, seed: int) -> LayerStates:
    generator = torch.Generator().manual_seed(seed)
    made: LayerStates = {n: torch.randn(count, WIDTH, generator=generator) for n in set(LAYERS)}
    made[POSITIONS] = torch.arange(start, start + count)[:, None].float()
    return made


def logits(layer: CrossAttention, shift: int = 0) -> Tensor:
    queries = layer.queries(states_at(40 + shift, 3, seed=1))
    return layer.logits(queries, states_at(shift, 7, seed=2))


def test_only_the_distance_between_two_tokens_counts(layer: RotaryAttention) -> None:
    torch.testing.assert_close(logits(layer), logits(layer, shift=1_000), rtol=1e-3, atol=1e-2)
    far = layer.logits(layer.queries(states_at(90, 3, seed=1)), states_at(0, 7, seed=2))
    assert not torch.allclose(logits(layer), far, atol=0.1)


def test_without_angles_it_is_the_layer_without_positions(layer: RotaryAttention) -> None:
    """A key's bias then adds the same to all tokens of a query, which the softmax takes out."""
    layer.frequencies.zero_()
    plain = CrossAttention(LAYERS, WIDTH, HEAD_WIDTH)
    plain.load_state_dict(layer.state_dict(), strict=False)
    wanted = logits(plain).softmax(dim=0)
    torch.testing.assert_close(logits(layer).softmax(dim=0), wanted, rtol=1e-4, atol=1e-6)


def test_queries_learn_and_keys_stay(layer: RotaryAttention) -> None:
    logits(layer).square().mean().backward()
    assert layer.w_q.grad is not None
    assert layer.w_q.grad.abs().sum() > 0
    assert layer.w_k.grad is None
