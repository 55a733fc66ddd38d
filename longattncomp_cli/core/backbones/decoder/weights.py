"""Build the first layers of a causal language model: embedding and L blocks, and nothing else in memory.

The model's own classes from transformers are built without memory, cut to L layers, and given the tensors
they need, read one by one. Supported are families whose blocks read ``self_attn`` through transformers'
attention interface; what is special in each (norm gains, biases, sliding windows, capped logits, attention
sinks, packed experts) is the model's own code.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from longattncomp_cli.core.backbones.decoder.mxfp4 import unpack_mxfp4
from longattncomp_cli.core.backbones.decoder.prefill import ATTENTION, register_attention
from longattncomp_cli.core.backbones.decoder.tensor_reader import TensorReader, Tensors
from longattncomp_cli.core.backbones.encoder.families import ENCODER_TYPES
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.errors import CheckpointError

FAMILIES = (
    "llama",
    "qwen2",
    "qwen3",
    "mistral",
    "ministral",
    "gemma",
    "gemma2",
    "gemma3_text",
    "phi3",
    "gpt_oss",
)
_EMBEDDING = "embed_tokens.weight"


@dataclass(frozen=True)
class DecoderWeights:
    """A model's files: its config as transformers read it, and its tensors.

    Attributes:
        config: of the text model, not cut.
        reader: of the tensors.
        prefix: what stands before ``embed_tokens`` and ``layers`` in the tensors' names.
    """

    config: Any
    reader: Tensors
    prefix: str

    @property
    def depth(self) -> int:
        """Layers of the whole model."""
        return int(self.config.num_hidden_layers)

    def layer_tensor(self, layer: int, name: str) -> Tensor | None:
        """A tensor of one block (0 is the first) in fp32, or ``None`` where there is no such."""
        full_name = f"{self.prefix}layers.{layer}.{name}"
        return self.reader.read(full_name, dtype=torch.float32) if full_name in self.reader.names else None


def open_weights(
    spec_id: str, fetch: Callable[[str], Path | None], *, trust_remote_code: bool
) -> DecoderWeights:
    """Read the config and find the tensors' names.

    Raises:
        CheckpointError: the family is not supported, or the weights are not what the config says.
    """
    config_path = fetch("config.json")
    if config_path is None:
        raise CheckpointError(f"backbone {spec_id}: no config.json", hint="name a model's folder or hub id")
    from transformers import AutoConfig

    try:
        with _quiet():
            config = AutoConfig.from_pretrained(str(config_path.parent), trust_remote_code=trust_remote_code)
    except (ValueError, OSError, KeyError) as error:
        remote = "auto_map" in config_path.read_text(encoding="utf-8")
        raise CheckpointError(
            f"backbone {spec_id}: {config_path} is not a config that this version of transformers reads",
            hint="--trust-remote-code runs the model's own code" if remote else "upgrade transformers",
        ) from error
    text_config = config.get_text_config()
    if text_config.model_type not in FAMILIES and not trust_remote_code:
        raise CheckpointError(
            f"backbone {spec_id}: model type {text_config.model_type!r} is not supported",
            hint=f"decoders: {', '.join(FAMILIES)}; encoders: {', '.join(ENCODER_TYPES)}",
        )
    reader = TensorReader(fetch)
    prefixes = [name.removesuffix(_EMBEDDING) for name in reader.names if name.endswith(_EMBEDDING)]
    if not prefixes:
        raise CheckpointError(f"backbone {spec_id}: its weights have no {_EMBEDDING}", code="bad-weights")
    return DecoderWeights(text_config, reader, min(prefixes, key=len))


def build_decoder(
    spec: BackboneSpec,
    weights: DecoderWeights,
    *,
    num_layers: int,
    device: torch.device,
    dtype: torch.dtype,
    trust_remote_code: bool,
) -> nn.Module:
    """Build the model's first ``num_layers`` blocks; its output is the last block's, without the final norm.

    Raises:
        CheckpointError: the model has fewer layers, or a tensor is missing or of another shape.
    """
    if not 0 < num_layers <= weights.depth:
        raise CheckpointError(
            f"backbone {spec.id} has {weights.depth} layers, the checkpoint needs {num_layers}"
        )
    from transformers import AutoModel

    from_config: Any = AutoModel.from_config
    register_attention()
    config = cut_config(weights.config, num_layers)
    with torch.device("meta"), _quiet():
        model: nn.Module = from_config(
            config, dtype=dtype, attn_implementation=ATTENTION, trust_remote_code=trust_remote_code
        )
    model.norm = nn.Identity()
    _fill_buffers(model, device)
    for name, empty in sorted(model.named_parameters()):
        tensor = _read(weights, name, device=device, dtype=dtype)
        if tensor.shape != empty.shape:
            raise CheckpointError(
                f"backbone {spec.id}: {name} is {tuple(tensor.shape)}, its config says {tuple(empty.shape)}",
                hint="download the model again, or use another one",
                code="bad-weights",
            )
        owner_name, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(owner_name), leaf, nn.Parameter(tensor, requires_grad=False))
    return model.eval()


def cut_config(config: Any, num_layers: int) -> Any:
    """A copy of a config for the first ``num_layers`` layers; lists with an entry a layer are cut with it."""
    depth = config.num_hidden_layers
    cut = type(config).from_dict(config.to_dict())
    cut.num_hidden_layers = num_layers
    for key, value in list(vars(cut).items()):
        if isinstance(value, list) and len(value) == depth and key.startswith("layer"):
            setattr(cut, key, value[:num_layers])
    cut.quantization_config = None
    del cut.quantization_config
    return cut


def _fill_buffers(model: nn.Module, device: torch.device) -> None:
    """Compute what no file holds (rotary frequencies, embedding scales), as the model itself does."""
    for module in model.modules():
        waiting = [name for name, buffer in module._buffers.items() if buffer is not None and buffer.is_meta]
        for name in waiting:
            empty = module._buffers[name]
            assert empty is not None
            module._buffers[name] = torch.empty_like(empty, device=device)
        if waiting:
            with torch.no_grad():
                model._init_weights(module)  # type: ignore[operator]


def _read(weights: DecoderWeights, name: str, *, device: torch.device, dtype: torch.dtype) -> Tensor:
    full_name = weights.prefix + name
    if full_name not in weights.reader.names and f"{full_name}_blocks" in weights.reader.names:
        blocks, scales = (
            weights.reader.read(f"{full_name}_{part}", device=device) for part in ("blocks", "scales")
        )
        return unpack_mxfp4(blocks, scales, dtype)
    return weights.reader.read(full_name, dtype=dtype, device=device)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' notes off stderr for a moment."""
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
