"""Which tensors of a GGUF file a model of transformers is made of, and what llama.cpp did to them.

Shapes: H heads, K head width, E experts, D width, F inner width.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from longattncomp_cli.core.backbones.decoder.gguf.header import GgufHeader
from longattncomp_cli.core.backbones.decoder.gguf.metadata import damaged
from longattncomp_cli.core.backbones.decoder.gguf.reader import Recipe

PREFIX = "model."
_GEMMAS = ("gemma", "gemma2", "gemma3_text")
_INTERLEAVED = ("llama", "mistral")  # rotary pairs lie side by side in the file
_BLOCK = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.qkv_proj": "attn_qkv",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_FOUR_NORMS = {
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}
_RENAMED = {
    "gemma2": _FOUR_NORMS,
    "gemma3_text": _FOUR_NORMS,
    "phi3": {"mlp.gate_up_proj": "ffn_up"},
    "gpt_oss": {"post_attention_layernorm": "post_attention_norm", "mlp.router": "ffn_gate_inp"},
}


def tensor_recipes(header: GgufHeader, config: Any) -> dict[str, Recipe]:
    """How each tensor of the model is made; those that no layer of the file has are left out.

    Args:
        header: of the file.
        config: of the model, from ``decoder_config``.

    Raises:
        CheckpointError: a layer lacks a tensor of the first, or has it in another shape.
    """
    _check_layers(header, config.num_hidden_layers)
    kind: str = config.model_type
    block = {**_BLOCK, **_RENAMED.get(kind, {})}
    found = {f"{PREFIX}embed_tokens.weight": Recipe(("token_embd.weight",))}
    for layer in range(config.num_hidden_layers):
        for ours, theirs in block.items():
            for leaf in ("weight", "bias"):
                name = f"blk.{layer}.{theirs}.{leaf}"
                found[f"{PREFIX}layers.{layer}.{ours}.{leaf}"] = _recipe(name, ours, config)
        if kind == "gpt_oss":
            found |= _experts(f"{PREFIX}layers.{layer}.", f"blk.{layer}.")
    return {
        name: recipe for name, recipe in found.items() if all(part in header.tensors for part in recipe.parts)
    }


def _check_layers(header: GgufHeader, depth: int) -> None:
    first = "blk.0."
    shapes = {
        name.removeprefix(first): tensor.shape
        for name, tensor in header.tensors.items()
        if name.startswith(first)
    }
    for layer in range(1, depth):
        for name, shape in shapes.items():
            found = header.tensors.get(f"blk.{layer}.{name}")
            if found is None or found.shape != shape:
                is_missing = "is missing" if found is None else f"is {found.shape}, in layer 0 {shape}"
                raise damaged(header.path, f"blk.{layer}.{name} {is_missing}")


def _recipe(name: str, ours: str, config: Any) -> Recipe:
    kind: str = config.model_type
    if kind in _GEMMAS and ours.endswith("norm"):
        return Recipe((name,), _minus_one, in_float32=True)
    if kind in _INTERLEAVED and ours in ("self_attn.q_proj", "self_attn.k_proj"):
        is_query = ours.endswith("q_proj")
        num_heads = config.num_attention_heads if is_query else config.num_key_value_heads
        return Recipe((name,), partial(_split_halves, num_heads=num_heads))
    return Recipe((name,))


def _minus_one(parts: Sequence[Tensor]) -> Tensor:
    """Gemma's norms multiply by 1 + weight; the file has the sum."""
    return parts[0] - 1


def _split_halves(parts: Sequence[Tensor], num_heads: int) -> Tensor:
    """(H·K, …) rows of each head, pairs (x₀ y₀ x₁ y₁ …) → halves (x₀ x₁ … y₀ y₁ …)."""
    rows = parts[0]
    pairs = rows.view(num_heads, -1, 2, *rows.shape[1:])
    return pairs.transpose(1, 2).reshape(rows.shape)


def _experts(ours: str, theirs: str) -> dict[str, Recipe]:
    """GPT-OSS: gates and ups alternate in one tensor, and matrices are stored the other way around."""
    exps = f"{theirs}ffn_{{}}_exps.{{}}".format
    return {
        f"{ours}self_attn.sinks": Recipe((f"{theirs}attn_sinks.weight",)),
        f"{ours}mlp.experts.gate_up_proj": Recipe(
            (exps("gate", "weight"), exps("up", "weight")), _gate_up_matrices
        ),
        f"{ours}mlp.experts.gate_up_proj_bias": Recipe(
            (exps("gate", "bias"), exps("up", "bias")), _alternate
        ),
        f"{ours}mlp.experts.down_proj": Recipe((exps("down", "weight"),), _transposed),
        f"{ours}mlp.experts.down_proj_bias": Recipe((exps("down", "bias"),)),
    }


def _transposed(parts: Sequence[Tensor]) -> Tensor:
    return parts[0].transpose(-1, -2).contiguous()


def _alternate(parts: Sequence[Tensor]) -> Tensor:
    """(E, F) and (E, F) → (E, 2F)."""
    return torch.stack(tuple(parts), dim=-1).flatten(-2)


def _gate_up_matrices(parts: Sequence[Tensor]) -> Tensor:
    """(E, F, D) and (E, F, D) → (E, D, 2F)."""
    return _alternate([part.transpose(-1, -2) for part in parts])
