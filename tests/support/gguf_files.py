"""Write the tiny decoders of :mod:`tests.support.decoders` as GGUF files, as llama.cpp's converter does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind
from safetensors.numpy import load_file

ARCHITECTURES = {"mistral": "llama", "gemma3_text": "gemma3", "gpt_oss": "gpt-oss"}
# What a file cannot say of a family, or llama.cpp leaves out.
FAMILY_CHANGES: dict[str, dict[str, Any]] = {
    "qwen2": {"use_sliding_window": False, "sliding_window": None},
    "gpt_oss": {"intermediate_size": 64},
}
_NORMAL, _CONTROL, _UNUSED = 1, 3, 5


def write_gguf(
    folder: Path,
    path: Path,
    quantisation: Kind = Kind.F32,
    change: Callable[[gguf.GGUFWriter], None] | None = None,
) -> dict[str, np.ndarray]:
    """Write the model of a folder.

    Args:
        folder: of safetensors.
        path: the file to write.
        quantisation: of matrices whose rows fit its blocks.
        change: adds what a test wants besides.

    Returns:
        The tensors as they can be read back, by their names in the folder.
    """
    config = json.loads((folder / "config.json").read_text())
    family = config["model_type"]
    arch = ARCHITECTURES.get(family, family)
    writer = gguf.GGUFWriter(path, arch)
    _add_sizes(writer, config)
    _add_tokenizer(writer, folder, config["vocab_size"])
    if change:
        change(writer)
    tensors = load_file(folder / "model.safetensors")
    numbered = {value: key for key, value in gguf.MODEL_ARCH_NAMES.items()}[arch]
    names = gguf.get_tensor_name_map(numbered, config["num_hidden_layers"])
    read_back = {}
    for name, values in tensors.items():
        for theirs, converted in _converted(name, values, config, names):
            kind = quantisation if converted.ndim == 2 else Kind.F32
            packed = gguf.quants.quantize(np.ascontiguousarray(converted), kind)
            writer.add_tensor(theirs, packed, raw_dtype=kind)
            read_back[theirs] = gguf.quants.dequantize(packed, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return read_back


def _add_sizes(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    rope = config["rope_parameters"]
    writer.add_rope_freq_base(rope.get("full_attention", rope).get("rope_theta"))
    if config.get("head_dim"):
        writer.add_key_length(config["head_dim"])
    if config.get("sliding_window"):
        writer.add_sliding_window(config["sliding_window"])
    if config.get("query_pre_attn_scalar"):
        writer.add_attention_scale(config["query_pre_attn_scalar"] ** -0.5)
    if config.get("num_local_experts"):
        writer.add_expert_count(config["num_local_experts"])
        writer.add_expert_used_count(config["num_experts_per_tok"])


def _add_tokenizer(writer: gguf.GGUFWriter, folder: Path, vocab_size: int) -> None:
    """A byte-level vocabulary, padded to the rows of the embedding."""
    read = json.loads((folder / "tokenizer.json").read_text())
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    model = read["model"]
    by_id = {token_id: token for token, token_id in model["vocab"].items()}
    special = {entry["content"] for entry in read["added_tokens"]}
    tokens = [by_id.get(token_id, f"[PAD{token_id}]") for token_id in range(vocab_size)]
    types = [
        _CONTROL if token in special else _NORMAL if token_id in by_id else _UNUSED
        for token_id, token in enumerate(tokens)
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(
        [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    )
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(settings["chat_template"])


def _converted(
    name: str, values: np.ndarray, config: dict[str, Any], names: gguf.TensorNameMap
) -> list[tuple[str, np.ndarray]]:
    """A tensor of the folder as the file has it: what llama.cpp's converter does to each family."""
    family = config["model_type"]
    if family.startswith("gemma") and name.endswith("norm.weight"):
        values = values + 1
    if family in ("llama", "mistral") and name.endswith(("q_proj.weight", "k_proj.weight")):
        heads = config["num_attention_heads" if "q_proj" in name else "num_key_value_heads"]
        halves = values.reshape(heads, 2, -1, values.shape[-1])
        values = halves.swapaxes(1, 2).reshape(values.shape)
    stem, _, leaf = name.rpartition(".")
    if "experts" in name:
        return _experts(name, values)
    if leaf == "sinks":
        return [(f"blk.{name.split('.')[2]}.attn_sinks.weight", values)]
    theirs = names.get_name(stem)
    assert theirs, name
    return [(f"{theirs}.{leaf}", values)]


def _experts(name: str, values: np.ndarray) -> list[tuple[str, np.ndarray]]:
    layer, leaf = name.split(".")[2], "bias" if name.endswith("bias") else "weight"
    if leaf == "weight":
        values = values.swapaxes(1, 2)
    exps = f"blk.{layer}.ffn_{{}}_exps.{leaf}".format
    if "gate_up" in name:
        return [(exps("gate"), values[:, ::2]), (exps("up"), values[:, 1::2])]
    return [(exps("down"), values)]
