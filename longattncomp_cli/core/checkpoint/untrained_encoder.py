"""The starting point of training, useful as it is: a checkpoint made from a backbone alone."""

from __future__ import annotations

import math

import torch

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.backbones.base import Backbone
from longattncomp_cli.core.checkpoint.config import CheckpointConfig
from longattncomp_cli.core.checkpoint.store import Checkpoint

TEMPERATURES = (20.0, 14.0, 28.0)
"""Inverse temperatures of the first, second and third head on a layer; then from the front again."""
TOKEN_TEMPERATURE = 30.0
"""Inverse temperature of a head on layer 0: close to an exact match of tokens."""
TOKEN_WEIGHT = 4.0
"""Weight of such a head, times the token's IDF (at most 1), beside 1 for a deeper layer."""
ABSENT_WEIGHT = 0.4
"""Weight, in deeper heads, of query tokens that the context lacks; on layer 0 their weight is 0."""
FLOOR, TOKEN_FLOOR = -2.0, 0.0
STRENGTH = 2.0
SYMMETRY_NOISE = 0.003


def start_attention(
    backbone: Backbone,
    layers: tuple[int, ...],
    *,
    learned_sink: bool,
    seed: int = 0,
    temperature_scale: float = 1.0,
) -> CrossAttention:
    """A layer that ranks well before any training.

    Heads on layer 0 read mean-centred token embeddings and count query tokens that the context holds, by
    their rarity; heads on one layer share its weight and, where there are several, differ in temperature.
    Deeper heads' inverse temperatures are multiplied by ``temperature_scale``: states of some models lie
    close together.
    """
    attention = CrossAttention(layers, backbone.width, backbone.width, learned_sink)
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        attention.log_strength.fill_(math.log(STRENGTH))
        for head, layer in enumerate(layers):
            share = layers.count(layer)
            number = layers[:head].count(layer)
            weight = TOKEN_WEIGHT if layer == 0 else 1.0
            deep = TEMPERATURES[number % len(TEMPERATURES)] * temperature_scale
            temperature = TOKEN_TEMPERATURE if layer == 0 else deep
            attention.gate_bias[head] = math.log(weight / share)
            attention.gate_rarity[head] = float(layer == 0)
            attention.gate_absent[head] = -8.0 if layer == 0 else math.log(ABSENT_WEIGHT)
            attention.floor[head] = TOKEN_FLOOR if layer == 0 else FLOOR
            attention.log_temperature[head] = math.log(temperature)
            if layer == 0:
                attention.center[head] = backbone.token_mean()
            if share > 1:
                # Heads with equal weights would have equal gradients and stay equal.
                attention.w_q[head] += (
                    torch.randn(attention.w_q[head].shape, generator=noise) * SYMMETRY_NOISE
                )
    return attention


def untrained_checkpoint(
    backbone: Backbone, layers: tuple[int, ...], *, temperature_scale: float = 1.0
) -> Checkpoint:
    """The checkpoint of a loaded backbone before training, without a sink.

    Args:
        backbone: with at least ``max(layers)`` layers.
        layers: for each head, the backbone layer that it reads.
        temperature_scale: see :func:`start_attention`.
    """
    config = CheckpointConfig(
        name="untrained",
        backbone=backbone.spec,
        layers=layers,
        width=backbone.width,
        head_width=backbone.width,
    )
    attention = start_attention(backbone, layers, learned_sink=False, temperature_scale=temperature_scale)
    return Checkpoint(
        config, {name: value.detach().clone() for name, value in attention.state_dict().items()}
    )
