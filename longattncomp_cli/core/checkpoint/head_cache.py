"""The heads that were found in a decoder, kept in the user's cache folder: finding takes minutes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import orjson

from longattncomp_cli.core.backbones.decoder.weights import DecoderWeights
from longattncomp_cli.core.checkpoint.decoder_heads import Head
from longattncomp_cli.core.files.user_cache import keep, user_cache_folder
from longattncomp_cli.errors import CheckpointError

_VERSION = 2


def heads_file(
    weights: DecoderWeights, max_layers: int, num_heads: int | None, *, chat_template: bool
) -> Path:
    """The file of a model's heads, by its config, the names of its tensors, and one of them.

    Args:
        weights: of the model.
        max_layers, num_heads, chat_template: how its heads are looked for.
    """
    config = weights.config.to_json_string(use_diff=False)
    about = hashlib.sha256(repr((_VERSION, config, sorted(weights.reader.names))).encode())
    about.update(repr((max_layers, num_heads, chat_template)).encode())
    tensor = weights.layer_tensor(max_layers, "input_layernorm.weight")
    if tensor is None:
        raise CheckpointError(f"block {max_layers} of the backbone has no input norm", code="bad-weights")
    about.update(tensor.numpy().tobytes())
    return user_cache_folder() / "heads" / f"{about.hexdigest()[:24]}.json"


def read_heads(path: Path) -> tuple[Head, ...] | None:
    """Heads that were found before; ``None`` where there are none, or the file is not what we wrote."""
    try:
        found = orjson.loads(path.read_bytes())["heads"]
        heads = tuple(Head(int(layer), int(head)) for layer, head in found)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return heads or None


def write_heads(path: Path, heads: Sequence[Head]) -> bool:
    """Keep them; whether that was possible."""
    return keep(path, orjson.dumps({"heads": [list(head) for head in heads]}))
