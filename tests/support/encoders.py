"""Tiny random encoders of each family, saved as transformers saves real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TEXT = (
    "The harbour master signed the ledger at noon. The ferry carries salt and letters on Mondays. "
    "The clock in the north tower was repaired by Ines Albrecht in 1987. Where is the spare key? "
    "query: passage: Naïve café 東京 🙂 "
)
SHAPE: dict[str, Any] = {
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 80,
    "pad_token_id": 0,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "bert": {},
    "xlm-roberta": {"pad_token_id": 1, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
    "roberta": {"pad_token_id": 1, "type_vocab_size": 1},
    "camembert": {"pad_token_id": 1, "type_vocab_size": 1},
    "modernbert": {
        "local_attention": 8,
        "global_attn_every_n_layers": 2,
        "cls_token_id": 1,
        "sep_token_id": 2,
    },
    "mpnet": {"pad_token_id": 1},
    "distilbert": {"dim": 64, "hidden_dim": 96, "n_layers": 3, "n_heads": 4},
    "electra": {"embedding_size": 64},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 16},
    "eurobert": {},
    "gte": {},
}


def make_tokenizer(folder: Path, kind: str = "wordpiece", padding: int = 0) -> Tokenizer:
    """A vocabulary over a few sentences: WordPiece, Unigram (XLM-R) or byte-level BPE (ModernBERT)."""
    special = ["[CLS]", "[SEP]", "[UNK]"]
    special.insert(padding, "[PAD]")
    if kind == "unigram":
        special = ["<s>", "<pad>", "</s>", "<unk>"]
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer: Any = trainers.UnigramTrainer(
            vocab_size=200, special_tokens=special, unk_token="<unk>", show_progress=False
        )
    elif kind == "bytes":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=SHAPE["vocab_size"],
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
    else:
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator([TEXT] * 3, trainer)
    opening, closing = ("<s>", "</s>") if kind == "unigram" else ("[CLS]", "[SEP]")
    ends = [(token, tokenizer.token_to_id(token)) for token in (opening, closing)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{opening} $A {closing}", special_tokens=ends
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


def tokenizer_of(family: str) -> str:
    """The kind of tokenizer that a family has."""
    if family in ("xlm-roberta", "camembert"):
        return "unigram"
    return "bytes" if family in ("modernbert", "roberta") else "wordpiece"


def make_colbert(folder: Path, width: int = 16) -> torch.Tensor:
    """A ModernBERT with a projection behind it, as PyLate saves one; the projection (K, D)."""
    make_encoder("modernbert", folder)
    kinds = ("pylate.models.Transformer", "pylate.models.Dense.Dense")
    modules = [{"path": path, "type": kind} for path, kind in zip(("", "1_Dense"), kinds, strict=True)]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Dense").mkdir()
    settings = {"in_features": SHAPE["hidden_size"], "out_features": width, "bias": False}
    settings["activation_function"] = "torch.nn.modules.linear.Identity"
    (folder / "1_Dense" / "config.json").write_text(json.dumps(settings))
    weight = torch.randn(width, SHAPE["hidden_size"], generator=torch.Generator().manual_seed(1))
    save_file({"linear.weight": weight}, folder / "1_Dense" / "model.safetensors")
    return weight


def make_encoder(family: str, folder: Path, **changes: Any) -> Any:
    """Save a random model with its tokenizer; the model, to compare with."""
    from transformers import AutoConfig, AutoModel

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **{**SHAPE, **FAMILIES[family], **changes})
    model: Any = AutoModel.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            # Norms and biases as a trained model has them: a swapped or forgotten one is seen.
            value.add_(torch.randn_like(value) * (0.1 if value.ndim > 1 else 0.05))
            assert name
    model.save_pretrained(folder)
    make_tokenizer(folder, tokenizer_of(family), config.pad_token_id)
    return model
