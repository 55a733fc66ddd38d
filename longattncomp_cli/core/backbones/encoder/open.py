"""Open an encoder's files: a folder in Hugging Face's form, or one file that holds everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from longattncomp_cli.core.backbones.encoder.bert import ROBERTA_TYPES
from longattncomp_cli.core.backbones.encoder.e5_file import read_e5_file
from longattncomp_cli.core.backbones.files import WEIGHTS_FILE
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.errors import CheckpointError

ENCODER_TYPES = ("bert", *ROBERTA_TYPES)
_HEADS = ("bert.", "roberta.")


def open_encoder(
    spec: BackboneSpec, place: Path, num_layers: int, dtype: torch.dtype
) -> tuple[dict[str, Any], dict[str, Tensor], Tokenizer]:
    """Read an encoder's config, its weights under the names of a bare ``BertModel``, and its tokenizer.

    Args:
        spec: what errors call it.
        place: its folder or its file, the hash checked.
        num_layers: blocks whose weights are needed.
        dtype: of weights that are stored in 4 bits.

    Raises:
        CheckpointError: it is no encoder that can be read, or damaged.
    """
    if place.is_file():
        return read_e5_file(place, num_layers, dtype)
    try:
        config = orjson.loads((place / "config.json").read_bytes())
        kind = config.get("model_type")
        if kind not in ENCODER_TYPES:
            raise CheckpointError(
                f"backbone {spec.id}: model type {kind!r} is not supported ({', '.join(ENCODER_TYPES)} are)",
                hint="use a BERT encoder such as all-MiniLM-L6-v2, or a decoder",
            )
        weights = load_file(place / WEIGHTS_FILE)
        tokenizer = Tokenizer.from_file(str(place / "tokenizer.json"))
    except (OSError, ValueError, AttributeError, SafetensorError) as error:
        raise CheckpointError(f"backbone {spec.id}: {place} cannot be read ({error})") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return config, {_bare(name): tensor for name, tensor in weights.items()}, tokenizer


def _bare(name: str) -> str:
    """A tensor's name without that of the model inside a model with a head."""
    return next((name.removeprefix(head) for head in _HEADS if name.startswith(head)), name)
