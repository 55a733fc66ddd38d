"""What a run trains: the cross-attention layer, or the hop on a layer that stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.attention.hop_layer import HopLayer
from longattncomp_cli.core.backbones.decoder.backbone import DecoderBackbone
from longattncomp_cli.core.checkpoint.config import Sink
from longattncomp_cli.core.checkpoint.store import Checkpoint, build_attention, build_layers, hop_tensors
from longattncomp_cli.core.checkpoint.untrained_encoder import TEMPERATURES, start_attention
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.errors import UsageError
from longattncomp_cli.training.config import TrainingConfig
from longattncomp_cli.training.pools.features import FeatureStore
from longattncomp_cli.training.pools.hop_scorer import HOP_RANK, HopScorer
from longattncomp_cli.training.pools.scorer import PoolScorer
from longattncomp_cli.training.pools.whole_pools import pool_scorer

Part = Literal["layer", "gate", "hop"]
"""What is trained: the layer; of it all but the projections, which stay as they are; the hop on it."""

INSTRUCTION = "Answer the question with what the following texts say. If they do not say it, say so."
"""The sink of a trained decoder where a request brings no instruction of its own."""


def sink_of(init: Checkpoint) -> Sink:
    """What absorbs the mass: the instruction on a decoder, as published; a trained key on an encoder."""
    return (
        "instruction"
        if init.config.backbone.kind == "decoder" and init.config.sink != "learned"
        else "learned"
    )


def instruction_of(init: Checkpoint) -> str:
    """What is read before the context in training; nothing where the sink is a trained key."""
    return (init.config.instruction or INSTRUCTION) if sink_of(init) == "instruction" else ""


def untrained_scale(init: Checkpoint) -> float:
    """How far an untrained checkpoint raises its deep heads' temperatures; 1 of one that was trained."""
    deep = [head for head, layer in enumerate(init.config.layers) if layer]
    if init.config.training is not None or not deep:
        return 1.0
    return float(init.tensors["log_temperature"][deep[0]].exp()) / TEMPERATURES[0]


def initial_attention(init: Checkpoint) -> CrossAttention:
    """The layer of a checkpoint, with the sink that is trained with it."""
    attention = build_attention(replace(init.config, sink=sink_of(init)))
    attention.load_state_dict(init.tensors, strict=False)
    return attention


@dataclass(frozen=True)
class Trainable:
    """A layer in training.

    Attributes:
        layer: its parameters change in device.
        pool_scorer: scores pools with it.
        untrained: the weights that the saved ones are interpolated with, by parameter.
        checkpoint: makes one of the layer as it is now, from a name and the record of the training.
    """

    layer: CrossAttention | HopLayer
    pool_scorer: PoolScorer
    untrained: Mapping[str, Tensor]
    checkpoint: Callable[[str, dict[str, Any]], Checkpoint]


def _is_made(stage: int, part: Part, init: Checkpoint) -> bool:
    """Whether training begins with a new layer: Stage 1 on an encoder that has no projection of its own."""
    return (
        stage == 1 and part == "layer" and init.config.backbone.kind == "encoder" and not init.config.qk_norm
    )


def layers_to_read(stage: int, part: Part, init: Checkpoint, config: TrainingConfig) -> tuple[int, ...]:
    """For each head, the backbone layer that it reads."""
    return config.layers if _is_made(stage, part, init) else init.config.layers


def trainable_layer(
    stage: int, part: Part, init: Checkpoint, config: TrainingConfig, scorer: Scorer, store: FeatureStore
) -> Trainable:
    """Stage 1 begins with the untrained layer, Stage 2 and the gate alone with the checkpoint's."""
    device = scorer.backbone.device
    layers = layers_to_read(stage, part, init, config)
    if part == "gate":
        untrained = initial_attention(init).to(device)
    else:
        untrained = _untrained(init, scorer, layers, config.seed).to(device)
    if _is_made(stage, part, init):
        attention = _untrained(init, scorer, layers, config.seed)
    else:
        attention = initial_attention(init)
    attention = attention.to(device)
    if part == "gate":
        for name in attention.PROJECTIONS:
            attention.get_parameter(name).requires_grad_(False)
    # Calibrations were fitted to the scores of the initial weights and do not fit the trained ones.
    initial = replace(init.config, calibration=None, sufficiency=None, hop_rank=0)
    null_query = init.config.null_query if config.pooling == "mean" else ""
    shape = replace(
        initial,
        layers=layers,
        sink=sink_of(init),
        instruction=instruction_of(init),
        pooling=config.pooling,
        null_query=null_query,
    )

    def checkpoint(name: str, record: dict[str, Any]) -> Checkpoint:
        tensors = {key: _rounded(key, value) for key, value in attention.state_dict().items()}
        return Checkpoint(replace(shape, name=name, training=record), tensors)

    scores = pool_scorer(
        attention,
        store,
        pooling=config.pooling,
        whole_documents=config.pools.whole_documents,
        null_query=null_query,
    )
    return Trainable(attention, scores, dict(untrained.named_parameters()), checkpoint)


def trainable_hop(init: Checkpoint, config: TrainingConfig, scorer: Scorer, store: FeatureStore) -> Trainable:
    """The hop alone; the layer, and what was fitted to its scores, stay as they are.

    Raises:
        UsageError: the checkpoint's scores are not those that a hop is trained on.
    """
    if isinstance(scorer.backbone, DecoderBackbone) or init.config.pooling != "log":
        raise UsageError(
            f"checkpoint {init.config.name}: a hop is trained on an encoder with log pooling",
            hint="leave --part hop out",
        )
    device = scorer.backbone.device
    attention = build_layers(init)[0].requires_grad_(False).to(device)
    hop_layer = HopLayer(init.config.width, HOP_RANK).to(device)
    untrained = {name: value.detach().clone() for name, value in hop_layer.named_parameters()}
    kept = {key: value for key, value in init.tensors.items() if key in attention.state_dict()}
    shape = replace(init.config, hops=max(2, init.config.hops), hop_rank=HOP_RANK)

    def checkpoint(name: str, record: dict[str, Any]) -> Checkpoint:
        training = {**(init.config.training or {}), "hop": record}
        return Checkpoint(replace(shape, name=name, training=training), {**kept, **hop_tensors(hop_layer)})

    scores = HopScorer(attention, store, config.pooling, config.pools.whole_documents, hop_layer=hop_layer)
    return Trainable(hop_layer, scores, untrained, checkpoint)


def _untrained(init: Checkpoint, scorer: Scorer, layers: tuple[int, ...], seed: int) -> CrossAttention:
    """The layer before this training, which saved weights may be interpolated with."""
    if isinstance(scorer.backbone, DecoderBackbone) or init.config.qk_norm:
        return initial_attention(init)
    return start_attention(
        scorer.backbone, layers, learned_sink=True, seed=seed, temperature_scale=untrained_scale(init)
    )


def _rounded(name: str, value: Tensor) -> Tensor:
    """A tensor as it is saved: projections in half precision, whose error is 1/2000 of their size."""
    kept = value.detach().cpu().clone()
    return kept.half() if name in ("w_q", "w_k", "center") else kept
