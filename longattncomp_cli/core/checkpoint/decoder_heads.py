"""The attention heads of a decoder's blocks, as heads of the cross-attention layer.

A head of block L compares the states that enter the block, layer L, through ``x W_Q W_Kᵀ x'``, turned by
their rotary positions where the model has the plain ones; the block's input norm is part of W_Q and W_K;
grouped keys are repeated for each of their query heads.

Shapes: H heads, G key heads, D backbone width, K head width, F = K / 2 rotary frequencies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.attention.qk_norm import QKNormAttention
from longattncomp_cli.core.attention.rotary import RotaryAttention
from longattncomp_cli.core.backbones.decoder.weights import DecoderWeights
from longattncomp_cli.errors import CheckpointError

NULL_QUERY = "N/A"
"""Asks for nothing: what heads attend to all the same is taken out (ICR, arXiv:2410.02642)."""
# Their heads turn all of a query and a key, by angles that no prompt's length changes.
_ROTARY_FAMILIES = ("llama", "qwen2", "mistral", "ministral", "gemma", "gemma2")
_ROTARY_TYPES = ("default", "linear", "llama3", "yarn")
_UNIT_GAIN_FAMILIES = ("gemma", "gemma2", "gemma3_text")  # their norms multiply by 1 + weight


class Head(NamedTuple):
    """One attention head of a decoder."""

    layer: int
    """The block that it is in, 0 is the first; it reads the states of the layer of this number."""
    head: int
    """Its number in the block."""


@dataclass(frozen=True)
class LayerHeads:
    """What a layer's attention compares with, its input norm's gain folded in.

    Attributes:
        w_q_HDK, w_k_HDK: projections; grouped keys repeated.
        b_q_HK, b_k_HK: biases. (Of keys that are not turned it adds the same to all logits, and cancels.)
        norm_gain_K: the product of the head norms' gains, or ``None`` where heads do not normalise.
        scale: of the logits.
    """

    w_q_HDK: Tensor
    w_k_HDK: Tensor
    b_q_HK: Tensor
    b_k_HK: Tensor
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
    bias_q, bias_k = (weights.layer_tensor(layer, f"self_attn.{part}_proj.bias") for part in "qk")
    query_gain_K, key_gain_K = (_gain(weights, layer, f"self_attn.{part}_norm.weight") for part in "qk")
    per_group = num_heads // num_groups
    return LayerHeads(
        w_q_HDK=w_q.view(num_heads, head_width, width).transpose(1, 2) * gain_D[:, None],
        w_k_HDK=(w_k.view(num_groups, head_width, width).transpose(1, 2) * gain_D[:, None]).repeat_interleave(
            per_group, dim=0
        ),
        b_q_HK=torch.zeros(num_heads, head_width) if bias_q is None else bias_q.view(num_heads, head_width),
        b_k_HK=torch.zeros(num_heads, head_width)
        if bias_k is None
        else bias_k.view(num_groups, head_width).repeat_interleave(per_group, dim=0),
        norm_gain_K=None if query_gain_K is None or key_gain_K is None else query_gain_K * key_gain_K,
        scale=float(getattr(config, "query_pre_attn_scalar", None) or head_width) ** -0.5,
    )


def _gain(weights: DecoderWeights, layer: int, name: str) -> Tensor | None:
    gain = weights.layer_tensor(layer, name)
    one_more = weights.config.model_type in _UNIT_GAIN_FAMILIES
    return gain + 1 if gain is not None and one_more else gain


def rotary_frequencies(weights: DecoderWeights) -> tuple[Tensor, float] | None:
    """The angle (F,) by which a position turns each pair, and what turned vectors are multiplied with.

    ``None`` where a model has none, or others than the layer knows.
    """
    config = weights.config
    rope = getattr(config, "rope_parameters", None) or {}
    if config.model_type not in _ROTARY_FAMILIES or rope.get("rope_type", "default") not in _ROTARY_TYPES:
        return None
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    embedding = LlamaRotaryEmbedding(config)
    return embedding.inv_freq.float(), float(embedding.attention_scaling)


def decoder_attention(weights: DecoderWeights, heads: Sequence[Head]) -> CrossAttention:
    """The cross-attention layer whose heads are these heads of the decoder.

    Raises:
        CheckpointError: a block has no such projections.
    """
    blocks = {layer: layer_heads(weights, layer) for layer in sorted({head.layer for head in heads})}
    one = blocks[heads[0].layer]
    _, width, head_width = one.w_q_HDK.shape
    rotary = rotary_frequencies(weights) if one.norm_gain_K is None else None
    kind = CrossAttention if rotary is None else RotaryAttention
    if one.norm_gain_K is not None:
        kind = QKNormAttention
    attention = kind([head.layer for head in heads], width, head_width)
    with torch.no_grad():
        for index, (layer, head) in enumerate(heads):
            block = blocks[layer]
            attention.w_q[index] = block.w_q_HDK[head]
            attention.w_k[index] = block.w_k_HDK[head]
            attention.b_q[index] = block.b_q_HK[head]
            if isinstance(attention, RotaryAttention):
                attention.b_k[index] = block.b_k_HK[head] / math.sqrt(width)
            if isinstance(attention, QKNormAttention) and block.norm_gain_K is not None:
                attention.norm_gain[index] = block.norm_gain_K
        if isinstance(attention, QKNormAttention):
            attention.key_norm.copy_(attention.w_k)
            attention.log_temperature.fill_(math.log(one.scale))
        else:
            # States come with length 1 here, with length √D out of the block's input norm: once for the
            # query, whose bias must keep its share, and once for the key.
            attention.b_q.div_(math.sqrt(width))
            attention.log_temperature.fill_(math.log(width * one.scale))
        if isinstance(attention, RotaryAttention) and rotary is not None:
            attention.frequencies.copy_(rotary[0].expand(len(heads), -1))
            attention.log_temperature.add_(2 * math.log(rotary[1]))
    return attention.requires_grad_(False)
