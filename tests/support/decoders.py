"""Tiny random causal language models of each family, saved as real ones are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from longattncomp_cli.core.backbones.base import BackboneOptions
from longattncomp_cli.core.backbones.decoder.backbone import load_decoder, open_decoder
from longattncomp_cli.core.backbones.runtime import resolve_dtype
from longattncomp_cli.core.backbones.spec import BackboneSpec, EncodingName
from longattncomp_cli.core.checkpoint.decoder_heads import Head
from longattncomp_cli.core.checkpoint.untrained_decoder import untrained_decoder, window_tokens_of
from longattncomp_cli.core.scoring.options import ScoringOptions
from longattncomp_cli.core.scoring.scorer import Scorer

TEXT = (
    "The harbour master signed the ledger at noon. The ferry carries salt and letters on Mondays. "
    "The clock in the north tower was repaired by Ines Albrecht in 1987. Where is the spare key? "
    "The market of Riga trades amber in autumn; its harbour is seven miles away.\n\nNaïve café 東京 🙂 "
)
SHAPE: dict[str, Any] = {
    "vocab_size": 400,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {"use_sliding_window": True, "sliding_window": 24, "max_window_layers": 1},
    "qwen3": {"head_dim": 16},
    "mistral": {"sliding_window": 24},
    "gemma": {"head_dim": 16},
    "gemma2": {"head_dim": 16, "sliding_window": 24, "query_pre_attn_scalar": 20},
    "gemma3_text": {"head_dim": 16, "sliding_window": 24, "query_pre_attn_scalar": 20},
    "phi3": {"original_max_position_embeddings": 512},
    "gpt_oss": {
        "head_dim": 16,
        "sliding_window": 24,
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    },
}


def make_tokenizer(folder: Path, text: str = TEXT) -> None:
    """A byte-level BPE over a few sentences, with a BOS token that it puts first itself."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SHAPE["vocab_size"],
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text] * 3, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "chat_template": "{{ bos_token }}{% for m in messages %}[user] {{ m.content }}{% endfor %}",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def make_decoder(
    family: str,
    folder: Path,
    *,
    seed: int = 0,
    shard_size: str = "5GB",
    text: str = TEXT,
    noise: float = 0.15,
    embedding_scale: float = 1.0,
    **changes: Any,
) -> Any:
    """Save a random model and its tokenizer; return the model as transformers loads it.

    In a trained model a token's own embedding shows through its states; random blocks drown one of the usual
    random size, in a long pass more than in a short window. ``embedding_scale`` makes up for that.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(seed)
    config = AutoConfig.for_model(family, **{**SHAPE, **FAMILIES[family], **changes})
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = 2 * noise if "norm" in name or "bias" in name or "sinks" in name else noise
            parameter.add_(torch.randn(parameter.shape) * scale)
        model.get_input_embeddings().weight.mul_(embedding_scale)
    model.save_pretrained(folder, max_shard_size=shard_size)
    make_tokenizer(folder, text)
    return model


REMOTE_CODE = """from transformers import LlamaConfig, LlamaModel


class HarbourConfig(LlamaConfig):
    model_type = "harbour"


class HarbourModel(LlamaModel):
    config_class = HarbourConfig
"""


def make_remote_decoder(folder: Path, **changes: Any) -> None:
    """Save a random model of a type that only the code beside it knows."""
    make_decoder("llama", folder, **changes)
    (folder / "harbour.py").write_text(REMOTE_CODE)
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "harbour"
    config["auto_map"] = {"AutoConfig": "harbour.HarbourConfig", "AutoModel": "harbour.HarbourModel"}
    (folder / "config.json").write_text(json.dumps(config))


def reference_states(model: Any, ids: torch.Tensor, layer: int) -> torch.Tensor:
    """(T, D) the model's own ``hidden_states[layer]`` for one sequence."""
    with torch.no_grad():
        return model(ids[None], output_hidden_states=True).hidden_states[layer][0]


def decoder_scorer(
    folder: Path,
    num_layers: int = 3,
    *,
    encoding: EncodingName = "full",
    chunk_tokens: int | None = None,
    dtype: str = "float32",
    null_query: str = "",
    segment_tokens: int = 0,
) -> Scorer:
    """The first layers of a saved decoder, and as the cross-attention layer all heads of the next block."""
    weights = open_decoder(str(folder), trust_remote_code=False)
    device = torch.device("cpu")
    options = BackboneOptions(
        num_layers=num_layers,
        window_tokens=window_tokens_of(weights),
        device=device,
        dtype=resolve_dtype(dtype, device),
        encoding=encoding,
        segment_tokens=segment_tokens,
    )
    backbone = load_decoder(BackboneSpec(id=str(folder), sha256="", kind="decoder"), options, weights)
    heads = [Head(num_layers, head) for head in range(weights.config.num_attention_heads)]
    checkpoint = untrained_decoder(backbone, heads, null_query=null_query)
    return Scorer(checkpoint, backbone, ScoringOptions.of(checkpoint.config, chunk_tokens=chunk_tokens))
