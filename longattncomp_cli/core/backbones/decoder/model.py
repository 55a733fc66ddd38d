"""The loaded blocks of a causal language model: tokens in, states of its layers out, in parts that fit.

Shapes: B windows, T tokens, D width.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from longattncomp_cli.core.backbones.base import POSITIONS, LayerStates
from longattncomp_cli.core.backbones.decoder.prefill import KVCache
from longattncomp_cli.core.backbones.decoder.text import DecoderText
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.errors import ResourceError

# Tokens that pass through the layers at once.
_PART_TOKENS = {"cuda": 8192, "mps": 2048, "cpu": 1024}
_LEAST_PART_TOKENS = 64


def cache_argument(module: nn.Module) -> str:
    """What a transformers model calls its cache: ``cache``, in earlier versions ``past_key_values``."""
    names = inspect.signature(module.forward).parameters
    return "cache" if "cache" in names else "past_key_values"


class DecoderModel:
    """The first blocks of a decoder, with its tokenizer and the frame of its prompts.

    Args:
        spec: which one.
        module: from :func:`~longattncomp_cli.core.backbones.decoder.weights.build_decoder`.
        text: its tokenizer and frame.
        max_positions: how many tokens one pass may have.
        device: where ``module`` is.
        part_tokens: tokens that pass through the blocks at once; what suits the device where ``None``.

    Attributes:
        num_layers: blocks that are loaded.
        width: of the states, D.
        dtype: of the states.
    """

    def __init__(
        self,
        spec: BackboneSpec,
        module: nn.Module,
        text: DecoderText,
        *,
        max_positions: int,
        device: torch.device,
        part_tokens: int | None = None,
    ) -> None:
        """Look up what the module is made of."""
        self.spec = spec
        self.module = module
        self.text = text
        self.max_positions = max_positions
        self.device = device
        self.part_tokens = part_tokens or _PART_TOKENS[device.type]
        self.blocks: nn.ModuleList = module.layers  # type: ignore[assignment]
        self.num_layers = len(self.blocks)
        self.embedding: nn.Embedding = module.embed_tokens  # type: ignore[assignment]
        self.width = self.embedding.embedding_dim
        self.dtype = self.embedding.weight.dtype
        self._cache_argument = cache_argument(module)

    def forward(self, ids_BT: Tensor, layers: Sequence[int], cache: KVCache | None) -> LayerStates:
        """Run tokens through the blocks: for each asked layer (B, T, D); 0 is the token embedding.

        ``POSITIONS`` are (B, T, 1), in float32 whatever the blocks compute in.
        """
        found: LayerStates = {}
        ids_BT = ids_BT.to(self.device)

        def keep(layer: int, module: nn.Module, inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
            found[layer] = output if isinstance(output, Tensor) else output[0]

        hooks = [
            self.blocks[layer - 1].register_forward_hook(partial(keep, layer))
            for layer in layers
            if layer > 0
        ]
        start = cache.num_tokens if cache is not None else 0
        positions_T = torch.arange(start, start + ids_BT.shape[1], device=self.device)
        try:
            if 0 in layers:
                found[0] = self.embedding(ids_BT)
            if POSITIONS in layers:
                found[POSITIONS] = positions_T.float().expand(len(ids_BT), -1)[..., None]
            if max(layers) > 0:
                self.module(
                    input_ids=ids_BT,
                    position_ids=positions_T[None].expand(len(ids_BT), -1),
                    use_cache=cache is not None,
                    **{self._cache_argument: cache},
                )
        finally:
            for hook in hooks:
                hook.remove()
        if cache is not None:
            cache.advance(ids_BT.shape[1])
        return found

    def halved_part(self, part_tokens: int, error: Exception) -> int:
        """Half of it, once the device's memory is free again.

        Raises:
            ResourceError: half would be less than makes sense.
        """
        self.free_memory()
        if part_tokens // 2 < _LEAST_PART_TOKENS:
            raise ResourceError(
                f"{self.spec.id}: the {self.device.type} device's memory is too small for this context",
                hint="try --encoding windowed, --dtype bfloat16, fewer --layers, or --device cpu",
                code="out-of-memory",
            ) from error
        return part_tokens // 2

    def free_memory(self) -> None:
        """Give the device's unused memory back."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
