"""Open an encoder's files: a folder in Hugging Face's form, or one file that holds everything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import orjson
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from longattncomp_cli.core.backbones.base import BackboneOptions
from longattncomp_cli.core.backbones.encoder.bert import BertEncoder
from longattncomp_cli.core.backbones.encoder.e5_file import read_e5_file
from longattncomp_cli.core.backbones.encoder.families import ENCODER_TYPES, depth_of, is_plain_bert
from longattncomp_cli.core.backbones.encoder.module import ModuleEncoder
from longattncomp_cli.core.backbones.files import WEIGHTS_FILE
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.backbones.tokenize import read_tokenizer
from longattncomp_cli.errors import CheckpointError

_HEADS = ("bert.", "roberta.")
_OLD_NORMS = {".gamma": ".weight", ".beta": ".bias"}
_AGAIN = "download the model again, or use another one"


class EncoderModel(Protocol):
    """What :class:`EncoderBackbone` needs of a model.

    Attributes:
        width: of its states, D.
        num_layers: blocks that are loaded.
        max_positions: tokens that it can read at once, special ones counted.
        token_embeddings: (V, D).
    """

    width: int
    num_layers: int
    max_positions: int
    token_embeddings: Tensor

    def forward(
        self, ids_T: Tensor, groups: Sequence[tuple[int, int]], layers: Sequence[int]
    ) -> dict[int, Tensor]:
        """Encode one pack; see ``BertEncoder.forward``."""


def open_encoder(spec: BackboneSpec, place: Path, options: BackboneOptions) -> tuple[EncoderModel, Tokenizer]:
    """Read an encoder's first blocks, and its tokenizer.

    Args:
        spec: what errors call it.
        place: its folder or its file, the hash checked.
        options: how many blocks, where, and in which precision; all blocks where their number is 0.

    Raises:
        CheckpointError: it is no encoder that can be read, or damaged.
    """
    if place.is_file():
        config, weights, tokenizer = read_e5_file(place, options.num_layers, options.dtype)
        return _packed(spec, config, weights, options), tokenizer
    config = read_config(spec, place)
    tokenizer = read_tokenizer(place, spec.id)
    num_layers = _num_layers(spec, config, options)
    encoder: EncoderModel
    if is_plain_bert(config):
        encoder = _packed(spec, config, _read_weights(spec, place), options)
    else:
        encoder = ModuleEncoder(
            spec.id, place, config, num_layers=num_layers, device=options.device, dtype=options.dtype
        )
    if tokenizer.get_vocab_size(with_added_tokens=True) > len(encoder.token_embeddings):
        raise CheckpointError(
            f"backbone {spec.id}: its tokenizer has {tokenizer.get_vocab_size()} tokens, "
            f"its weights {len(encoder.token_embeddings)}",
            hint="the tokenizer of another model lies there: download the model again",
            code="bad-tokenizer",
        )
    return encoder, tokenizer


def read_config(spec: BackboneSpec, place: Path) -> dict[str, Any]:
    """What a folder's ``config.json`` says.

    Raises:
        CheckpointError: it is not JSON, or not that of an encoder that can be read.
    """
    try:
        config = orjson.loads((place / "config.json").read_bytes())
        kind = config.get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"backbone {spec.id}: {place / 'config.json'} cannot be read ({error})", hint=_AGAIN
        ) from error
    if kind not in ENCODER_TYPES:
        raise CheckpointError(
            f"backbone {spec.id}: model type {kind!r} is not supported ({', '.join(ENCODER_TYPES)} are)",
            hint="use a BERT encoder such as all-MiniLM-L6-v2, or a decoder",
        )
    return dict(config)


def _num_layers(spec: BackboneSpec, config: dict[str, Any], options: BackboneOptions) -> int:
    depth = depth_of(config)
    if not 0 < (options.num_layers or depth) <= depth:
        raise CheckpointError(
            f"backbone {spec.id} has {depth} layers, {options.num_layers} are needed",
            hint="use the backbone the checkpoint names, or fewer --layers",
        )
    return options.num_layers or depth


def _packed(
    spec: BackboneSpec, config: dict[str, Any], weights: dict[str, Tensor], options: BackboneOptions
) -> BertEncoder:
    num_layers = _num_layers(spec, config, options)
    try:
        for name, shape in _shapes(config, num_layers).items():
            if weights[name].shape != shape:
                raise CheckpointError(
                    f"backbone {spec.id}: {name} is {tuple(weights[name].shape)}, its config says {shape}",
                    hint=_AGAIN,
                    code="bad-weights",
                )
        if int(config["hidden_size"]) % int(config["num_attention_heads"]):
            raise ValueError(f"{config['num_attention_heads']} heads of {config['hidden_size']} numbers")
        return BertEncoder(config, weights, num_layers=num_layers, device=options.device, dtype=options.dtype)
    except (ValueError, TypeError, ZeroDivisionError) as error:
        raise CheckpointError(
            f"backbone {spec.id}: its config says what cannot be ({error})", hint=_AGAIN, code="bad-weights"
        ) from error
    except KeyError as error:
        raise CheckpointError(
            f"backbone {spec.id}: its weights or its config have no {error.args[0]}",
            hint=_AGAIN,
            code="bad-weights",
        ) from error


def _shapes(config: dict[str, Any], num_layers: int) -> dict[str, tuple[int, ...]]:
    """Of the tensors that another model's would differ in."""
    width, inner = int(config["hidden_size"]), int(config["intermediate_size"])
    last = f"encoder.layer.{num_layers - 1}"
    return {
        "embeddings.position_embeddings.weight": (int(config["max_position_embeddings"]), width),
        "embeddings.LayerNorm.weight": (width,),
        f"{last}.attention.self.query.weight": (width, width),
        f"{last}.intermediate.dense.weight": (inner, width),
        f"{last}.output.dense.weight": (width, inner),
    }


def _read_weights(spec: BackboneSpec, place: Path) -> dict[str, Tensor]:
    """A folder's tensors under the names of a bare ``BertModel``."""
    try:
        weights = load_file(place / WEIGHTS_FILE)
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(
            f"backbone {spec.id}: {place / WEIGHTS_FILE} is damaged ({error})",
            hint=_AGAIN,
            code="bad-weights",
        ) from error
    return {_bare(name): tensor for name, tensor in weights.items()}


def _bare(name: str) -> str:
    """A tensor's name without that of the model inside a model with a head, and in today's spelling."""
    bare = next((name.removeprefix(head) for head in _HEADS if name.startswith(head)), name)
    old = next((end for end in _OLD_NORMS if bare.endswith(end)), None)
    return bare if old is None else bare.removesuffix(old) + _OLD_NORMS[old]
