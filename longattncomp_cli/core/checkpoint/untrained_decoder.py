"""Where a decoder's cross-attention layer begins: the heads of the layer that comes next, L + 1.

Each head of that layer compares states through ``x W_Q W_Kᵀ x'``. Rotary positions are left out, so that a
chunk is judged by what it says and not by where it stands; the layer's input norm is part of W_Q and W_K;
grouped keys are repeated for each of their query heads.

**Which heads** (ours; the paper says only that 16 are used): those that compare like with like. With
``M = W_Q W_Kᵀ`` of a head, its match is ``tr M / ‖M‖``: 1 × √K at most, for a head whose W_Q equals W_K
(tokens attend to tokens of the same meaning), near 0 for one that looks for something else, negative
for one that looks past its like. It needs no data. The best 16 are taken, ties by number.

Shapes: H heads, G key heads, D backbone width, K head width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.attention.qk_norm import QKNormAttention
from longattncomp_cli.core.backbones.decoder.backbone import DecoderBackbone
from longattncomp_cli.core.backbones.decoder.weights import DecoderWeights
from longattncomp_cli.core.checkpoint.config import CheckpointConfig
from longattncomp_cli.core.checkpoint.store import Checkpoint, build_attention
from longattncomp_cli.errors import CheckpointError, UsageError

DEFAULT_DEPTH = 0.41
"""Share of the model's layers that are used: 13 of 32 in the paper."""
NUM_HEADS = 16
CHUNK_TOKENS = 512
"""The chunk size that the paper reports as best on Code-Debug."""
WINDOW_TOKENS = 1024
_UNIT_GAIN_FAMILIES = ("gemma", "gemma2", "gemma3_text")  # their norms multiply by 1 + weight


def parse_num_layers(written: str | None, num_layers: int) -> int:
    """Read ``--layers``: a number of layers, or a share of the model's depth (``0.41``, ``41%``).

    Raises:
        UsageError: it is neither, or leaves no layer to take heads from.
    """
    text = str(DEFAULT_DEPTH) if written is None else written.strip()
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        number = math.nan
    is_share = text.endswith("%") or "." in text
    depth = max(1, round(number * num_layers)) if is_share and 0 < number <= 1 else number
    if not (depth == int(depth) if math.isfinite(depth) else False) or not 1 <= depth < num_layers:
        raise UsageError(
            f"--layers {text!r}: the model has {num_layers} layers, and the next one's heads are needed",
            hint=f"a number from 1 to {num_layers - 1}, or a share such as {DEFAULT_DEPTH}",
        )
    return int(depth)


@dataclass(frozen=True)
class LayerHeads:
    """What a layer's attention compares with, its input norm's gain folded in.

    Attributes:
        w_q_HDK, w_k_HDK: projections; grouped keys repeated.
        b_q_HK: the queries' bias. (A key bias adds the same to all tokens of a query and cancels.)
        norm_gain_K: the product of the head norms' gains, or ``None`` where heads do not normalise.
        scale: of the logits.
    """

    w_q_HDK: Tensor
    w_k_HDK: Tensor
    b_q_HK: Tensor
    norm_gain_K: Tensor | None
    scale: float


def layer_heads(weights: DecoderWeights, layer: int) -> LayerHeads:
    """Read the heads of one block (0 is the first).

    Raises:
        CheckpointError: the block has no such projections.
    """
    config = weights.config
    num_heads = int(config.num_attention_heads)
    num_groups = int(getattr(config, "num_key_value_heads", None) or num_heads)
    width = int(config.hidden_size)
    head_width = int(getattr(config, "head_dim", None) or width // num_heads)
    fused = weights.layer_tensor(layer, "self_attn.qkv_proj.weight")
    if fused is not None:
        w_q, w_k, _ = torch.split(fused, [n * head_width for n in (num_heads, num_groups, num_groups)])
    else:
        found = [weights.layer_tensor(layer, f"self_attn.{part}_proj.weight") for part in "qk"]
        if found[0] is None or found[1] is None:
            raise CheckpointError(
                f"block {layer} of the backbone has no q_proj and k_proj", code="bad-weights"
            )
        w_q, w_k = found[0], found[1]
    gain_D = _gain(weights, layer, "input_layernorm.weight")
    if gain_D is None:
        raise CheckpointError(f"block {layer} of the backbone has no input norm", code="bad-weights")
    bias = weights.layer_tensor(layer, "self_attn.q_proj.bias")
    query_gain_K, key_gain_K = (_gain(weights, layer, f"self_attn.{part}_norm.weight") for part in "qk")
    per_group = num_heads // num_groups
    return LayerHeads(
        w_q_HDK=w_q.view(num_heads, head_width, width).transpose(1, 2) * gain_D[:, None],
        w_k_HDK=(w_k.view(num_groups, head_width, width).transpose(1, 2) * gain_D[:, None]).repeat_interleave(
            per_group, dim=0
        ),
        b_q_HK=torch.zeros(num_heads, head_width) if bias is None else bias.view(num_heads, head_width),
        norm_gain_K=None if query_gain_K is None or key_gain_K is None else query_gain_K * key_gain_K,
        scale=float(getattr(config, "query_pre_attn_scalar", None) or head_width) ** -0.5,
    )


def _gain(weights: DecoderWeights, layer: int, name: str) -> Tensor | None:
    gain = weights.layer_tensor(layer, name)
    one_more = weights.config.model_type in _UNIT_GAIN_FAMILIES
    return gain + 1 if gain is not None and one_more else gain


def rank_heads(heads: LayerHeads) -> list[int]:
    """All heads, those that compare like with like first."""
    w_q, w_k = heads.w_q_HDK.double(), heads.w_k_HDK.double()
    if heads.norm_gain_K is not None:
        w_q = w_q * heads.norm_gain_K
    trace_H = (w_q * w_k).sum(dim=(1, 2))
    square_H = ((w_q.transpose(1, 2) @ w_q) * (w_k.transpose(1, 2) @ w_k)).sum(dim=(1, 2))
    match_H = trace_H / square_H.sqrt().clamp_min(1e-12)
    return torch.argsort(-match_H, stable=True).tolist()


def untrained_attention(config: CheckpointConfig, heads: LayerHeads) -> CrossAttention:
    """The cross-attention layer of ``config``, its heads the best of ``heads``."""
    best = rank_heads(heads)[: len(config.layers)]
    attention = build_attention(config)
    with torch.no_grad():
        attention.w_q.copy_(heads.w_q_HDK[best])
        attention.w_k.copy_(heads.w_k_HDK[best])
        attention.b_q.copy_(heads.b_q_HK[best])
        if isinstance(attention, QKNormAttention) and heads.norm_gain_K is not None:
            attention.norm_gain.copy_(heads.norm_gain_K.expand_as(attention.norm_gain))
            attention.key_norm.copy_(attention.w_k)
            attention.log_temperature.fill_(math.log(heads.scale))
        else:
            # States come with length 1 here, with length √D out of the model's input norm: once for the
            # query, whose bias must keep its share, and once for the key.
            width = heads.w_q_HDK.shape[1]
            attention.b_q.div_(math.sqrt(width))
            attention.log_temperature.fill_(math.log(width * heads.scale))
    return attention


def window_tokens_of(weights: DecoderWeights) -> int:
    """Tokens of a window: at most half of the model's positions."""
    positions = int(getattr(weights.config, "max_position_embeddings", 0) or WINDOW_TOKENS * 2)
    return min(WINDOW_TOKENS, positions // 2)


def untrained_decoder(backbone: DecoderBackbone, *, chat_template: bool = False) -> Checkpoint:
    """The checkpoint of a loaded decoder before training: the paper's pooling, layer L + 1's best heads."""
    assert backbone.weights is not None
    heads = layer_heads(backbone.weights, backbone.num_layers)
    num_heads = min(NUM_HEADS, len(heads.w_q_HDK))
    config = CheckpointConfig(
        name="untrained",
        backbone=backbone.spec,
        layers=(backbone.num_layers,) * num_heads,
        width=backbone.width,
        head_width=heads.w_q_HDK.shape[2],
        pooling="mean",
        sink="instruction",
        window_tokens=backbone.window_tokens,
        chunk_tokens=CHUNK_TOKENS,
        encoding=backbone.encoding,
        qk_norm=heads.norm_gain_K is not None,
        chat_template=chat_template,
    )
    tensors = untrained_attention(config, heads).state_dict()
    return Checkpoint(config, {name: value.detach().clone() for name, value in tensors.items()})
