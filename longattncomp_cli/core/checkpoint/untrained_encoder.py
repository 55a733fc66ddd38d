"""The starting point of training, useful as it is: a checkpoint made from a backbone alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.backbones.base import Backbone
from longattncomp_cli.core.backbones.windowed import WindowedBackbone
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
UNTRAINED_SCORING: dict[str, Any] = {
    "hops": 2,
    "exact_match_weight": 0.35,
    "length_normalised": True,
    "propagation_decay": 0.4,
    "coverage": 0.25,
}
"""Settings of the scorer, chosen on held-out training questions: see the card of ``stage2-nosubq``."""

_UNRELATED = (
    "The harbour master signed the ledger at noon, and the ferry carried salt and letters.",
    "Interest rates rose by a quarter of a point; the bank expects prices to fall next year.",
    "A function that returns the largest of three numbers needs two comparisons.",
    "Whales breathe air and sing songs that change from year to year.",
    "The treaty was signed in 1648, after thirty years of war that no one is said to have won.",
    "Knead the dough for ten minutes and let it rest under a cloth.",
)
_HIGHEST_SCALE = 10.0


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
    backbone: Backbone, layers: tuple[int, ...], *, temperature_scale: float = 1.0, **settings: Any
) -> Checkpoint:
    """The checkpoint of a loaded backbone before training, without a sink.

    Args:
        backbone: with at least ``max(layers)`` layers.
        layers: for each head, the backbone layer that it reads.
        temperature_scale: see :func:`start_attention`.
        settings: of the config, such as :data:`UNTRAINED_SCORING`.
    """
    config = CheckpointConfig(
        name="untrained",
        backbone=backbone.spec,
        layers=layers,
        width=backbone.width,
        head_width=backbone.width,
        **settings,
    )
    attention = start_attention(backbone, layers, learned_sink=False, temperature_scale=temperature_scale)
    return Checkpoint(
        config, {name: value.detach().clone() for name, value in attention.state_dict().items()}
    )


def with_late_projection(made: Checkpoint, projection_DK: Tensor) -> Checkpoint:
    """The same, its deep heads comparing projected states of length 1, as a ColBERT model does.

    Args:
        made: untrained, with identity projections.
        projection_DK: of the model, K at most D.
    """
    width = made.config.width
    tensors = {name: value.clone() for name, value in made.tensors.items()}
    for head, layer in enumerate(made.config.layers):
        if layer:
            for name in CrossAttention.PROJECTIONS:
                tensors[name][head].zero_()[:, : projection_DK.shape[1]] = projection_DK
    # The norms bring queries and keys to length √D, not 1.
    tensors["log_temperature"] -= math.log(width)
    tensors["key_norm"] = tensors["w_k"].clone()
    tensors["norm_gain"] = torch.ones(len(made.config.layers), width)
    return Checkpoint(replace(made.config, qk_norm=True), tensors)


def cone_scale(backbone: WindowedBackbone, layer: int, projection_DK: Tensor | None = None) -> float:
    """By how much inverse temperatures must rise on a layer whose states lie close together.

    ``1 / (1 − c)`` with c the mean cosine between tokens of sentences that have nothing to do with each
    other: what is left of a cosine for meaning. 1.0 for all-MiniLM-L6-v2, 2.7 for multilingual-e5-small.

    Args:
        backbone: with ``layer`` loaded.
        layer: whose states are compared.
        projection_DK: what they are multiplied with before.
    """
    read = backbone.tokenize(_UNRELATED)
    windows = sorted((tokens.ids[: backbone.window_tokens] for tokens in read), key=len)
    states = backbone.read_windows(windows, [layer])[layer].float()
    states = F.normalize(states if projection_DK is None else states @ projection_DK.to(states), dim=-1)
    owner = torch.from_numpy(np.repeat(np.arange(len(windows)), [len(window) for window in windows]))
    sums = states.new_zeros(len(windows), states.shape[1]).index_add_(0, owner.to(states.device), states)
    lengths = torch.bincount(owner).to(sums)
    # Over pairs of different sentences: those of all tokens without those within a sentence.
    total = sums.sum(dim=0).square().sum() - sums.square().sum()
    cosine = float(total) / float(lengths.sum() ** 2 - lengths.square().sum())
    return round(min(1 / max(1 - cosine, 1e-6), _HIGHEST_SCALE), 1)
