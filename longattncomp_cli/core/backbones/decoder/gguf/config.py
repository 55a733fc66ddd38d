"""The config of a GGUF file's model, as transformers has it.

Sizes are held against the tensors, which lie inside the file: nothing that the header only claims decides
how much memory is used.
"""

from __future__ import annotations

from typing import Any

from longattncomp_cli.core.backbones.decoder.gguf.header import GgufHeader
from longattncomp_cli.core.backbones.decoder.gguf.metadata import damaged
from longattncomp_cli.core.backbones.decoder.gguf.reader import GgufReader
from longattncomp_cli.errors import CheckpointError

ARCHITECTURES = {
    "llama": "llama",  # and Mistral
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "gemma": "gemma",
    "gemma2": "gemma2",
    "gemma3": "gemma3_text",
    "phi3": "phi3",
    "gpt-oss": "gpt_oss",
}
_LOCAL_ROPE_BASE = 10_000.0
# Models whose heads are scaled by their share of the width; the file does not say so.
_SCALED_BY_SHARE = {"gemma2": 46, "gemma3": 62}


def decoder_config(reader: GgufReader) -> Any:
    """Build the config.

    Raises:
        CheckpointError: the architecture is not supported, or a field is missing or does not fit the tensors.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    header = reader.header
    arch = header.metadata.text("general.architecture")
    kind = ARCHITECTURES.get(arch)
    if kind is None:
        raise CheckpointError(
            f"{header.path}: the architecture {arch[:40]!r} is not supported as a decoder",
            hint=f"supported: {', '.join(ARCHITECTURES)}",
        )
    fields = _sizes(header, arch) | _special_tokens(header)
    fields |= _family_fields(header, arch, fields)
    if "sliding_window" in fields and arch == "llama":
        kind = "mistral"
    fields["rope_parameters"] = _rope(reader, arch, fields)
    make: Any = AutoConfig.for_model
    try:
        return make(kind, **fields)
    except (ValueError, TypeError, StrictDataclassError) as error:
        raise damaged(header.path, f"its header makes no config of a {kind} model ({error})") from error


def _sizes(header: GgufHeader, arch: str) -> dict[str, Any]:
    meta = header.metadata
    vocab_size, width = _matrix(header, "token_embd.weight")
    num_heads = meta.integer(f"{arch}.attention.head_count")
    sizes = {
        "vocab_size": vocab_size,
        "hidden_size": meta.integer(f"{arch}.embedding_length"),
        "intermediate_size": meta.integer(f"{arch}.feed_forward_length"),
        "num_hidden_layers": meta.integer(f"{arch}.block_count"),
        "num_attention_heads": num_heads,
        "num_key_value_heads": meta.integer(f"{arch}.attention.head_count_kv", default=num_heads),
        "max_position_embeddings": meta.integer(f"{arch}.context_length"),
        "rms_norm_eps": meta.number(f"{arch}.attention.layer_norm_rms_epsilon"),
    }
    sizes["head_dim"] = meta.integer(f"{arch}.attention.key_length", default=max(1, width // num_heads))
    if sizes["hidden_size"] != width:
        raise damaged(header.path, f"its width is {sizes['hidden_size']}, its embedding is {width} wide")
    depth = sizes["num_hidden_layers"]
    for layer in (0, depth - 1):
        if f"blk.{layer}.attn_norm.weight" not in header.tensors:
            raise damaged(header.path, f"its header says {depth:,} layers; layer {layer + 1:,} is missing")
    _check_heads(header, sizes)
    return sizes


def _check_heads(header: GgufHeader, sizes: dict[str, Any]) -> None:
    heads, groups, head_width = (
        sizes[name] for name in ("num_attention_heads", "num_key_value_heads", "head_dim")
    )
    rows = {"attn_q": heads * head_width, "attn_k": groups * head_width}
    if "blk.0.attn_qkv.weight" in header.tensors:
        rows = {"attn_qkv": (heads + 2 * groups) * head_width}
    for name, wanted in rows.items():
        found, _ = _matrix(header, f"blk.0.{name}.weight")
        if found != wanted or heads % groups:
            raise damaged(
                header.path,
                f"{heads} heads, {groups} of keys, {head_width} wide, do not fit {name} of {found} rows",
            )


def _matrix(header: GgufHeader, name: str) -> tuple[int, int]:
    """Rows and columns."""
    tensor = header.tensors.get(name)
    if tensor is None or len(tensor.shape) != 2:
        raise damaged(header.path, f"it has no matrix {name}")
    return tensor.shape[0], tensor.shape[1]


def _special_tokens(header: GgufHeader) -> dict[str, int | None]:
    rows, _ = _matrix(header, "token_embd.weight")
    return {
        f"{ours}_token_id": header.metadata.token_id(f"tokenizer.ggml.{theirs}_token_id", rows)
        for ours, theirs in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"))
    }


def _family_fields(header: GgufHeader, arch: str, sizes: dict[str, Any]) -> dict[str, Any]:
    """What only some families have."""
    meta = header.metadata
    fields: dict[str, Any] = {}
    if f"{arch}.attention.sliding_window" in meta:
        fields["sliding_window"] = meta.integer(f"{arch}.attention.sliding_window")
    if arch == "llama":
        if f"{arch}.expert_count" in meta and meta.fields[f"{arch}.expert_count"] != 0:
            raise CheckpointError(
                f"{header.path}: a Llama with experts (Mixtral) is not supported as a decoder",
                hint=f"supported: {', '.join(ARCHITECTURES)}",
            )
        fields["attention_bias"] = "blk.0.attn_q.bias" in header.tensors
        fields["mlp_bias"] = "blk.0.ffn_gate.bias" in header.tensors
    if arch == "qwen3":
        fields["attention_bias"] = "blk.0.attn_q.bias" in header.tensors
    if arch in ("gemma2", "gemma3"):
        fields["query_pre_attn_scalar"] = _query_scalar(header, arch, sizes)
    if arch == "gemma2":
        fields["attn_logit_softcapping"] = meta.number(f"{arch}.attn_logit_softcapping", default=50.0)
    if arch == "gpt-oss":
        fields["num_local_experts"] = meta.integer(f"{arch}.expert_count")
        fields["num_experts_per_tok"] = meta.integer(f"{arch}.expert_used_count")
        fields["intermediate_size"] = meta.integer(
            f"{arch}.expert_feed_forward_length", default=sizes["intermediate_size"]
        )
    return fields


def _query_scalar(header: GgufHeader, arch: str, sizes: dict[str, Any]) -> int:
    """Logits are divided by its root."""
    by_share = sizes["num_hidden_layers"] == _SCALED_BY_SHARE[arch]
    usual = sizes["hidden_size"] / sizes["num_attention_heads"] if by_share else sizes["head_dim"]
    scale = header.metadata.number(f"{arch}.attention.scale", default=usual**-0.5)
    return max(1, round(scale**-2))


def _rope(reader: GgufReader, arch: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Rotary frequencies: a base, and how it is stretched."""
    meta = reader.header.metadata
    rotated = meta.integer(f"{arch}.rope.dimension_count", default=fields["head_dim"])
    base: dict[str, Any] = {
        "rope_type": "default",
        "rope_theta": meta.number(f"{arch}.rope.freq_base", default=_LOCAL_ROPE_BASE),
    }
    if arch == "phi3":
        base["partial_rotary_factor"] = rotated / fields["head_dim"]
        fields["original_max_position_embeddings"] = meta.integer(
            f"{arch}.rope.scaling.original_context_length", default=fields["max_position_embeddings"]
        )
    elif rotated != fields["head_dim"]:
        raise damaged(
            reader.header.path, f"heads are {fields['head_dim']} wide, {rotated} of these are rotated"
        )
    stretched = base | _stretch(reader, arch, fields, rotated // 2)
    if arch != "gemma3":
        return stretched
    local = meta.number(f"{arch}.rope.freq_base_swa", default=_LOCAL_ROPE_BASE)
    return {
        "sliding_attention": {"rope_type": "default", "rope_theta": local},
        "full_attention": stretched,
    }


def _stretch(reader: GgufReader, arch: str, fields: dict[str, Any], num_frequencies: int) -> dict[str, Any]:
    meta = reader.header.metadata
    longest = fields["max_position_embeddings"]
    before = meta.integer(f"{arch}.rope.scaling.original_context_length", default=longest)
    if "rope_freqs.weight" in reader.header.tensors:  # Llama 3: one divisor a frequency, at any length
        divisors = _divisors(reader, "rope_freqs.weight", num_frequencies)
        both = {"short_factor": divisors, "long_factor": divisors, "attention_factor": 1.0}
        return {"rope_type": "longrope", "original_max_position_embeddings": longest, "factor": 1.0} | both
    if "rope_factors_long.weight" in reader.header.tensors:
        short, long = (
            _divisors(reader, f"rope_factors_{length}.weight", num_frequencies)
            for length in ("short", "long")
        )
        found: dict[str, Any] = {"rope_type": "longrope", "short_factor": short, "long_factor": long}
        key = f"{arch}.rope.scaling.attn_factor"
        if key in meta:
            found["attention_factor"] = meta.number(key)
        return found | {"original_max_position_embeddings": before}
    kind = meta.text(f"{arch}.rope.scaling.type", default="none")
    if kind not in ("linear", "yarn"):
        return {}
    factor = {"rope_type": kind, "factor": meta.number(f"{arch}.rope.scaling.factor", default=1.0)}
    if kind == "linear":
        return factor
    exact = {"truncate": False} if arch == "gpt-oss" else {}
    return factor | exact | {"original_max_position_embeddings": before}


def _divisors(reader: GgufReader, name: str, num_frequencies: int) -> list[float]:
    tensor = reader.header.tensors.get(name)
    if tensor is None or tensor.shape != (num_frequencies,):
        raise damaged(reader.header.path, f"{name} does not fit {num_frequencies} rotary frequencies")
    found: list[float] = reader.read_stored(name).tolist()
    return found
