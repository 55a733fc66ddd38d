"""A causal language model's first layers as a backbone, in both encodings.

``full`` (LongAttnComp, arXiv:2606.01336): one causal pass ``[instruction][context][query]`` in parts, so
that attention never sees more than a part of the queries at once; query states have read the context.
``windowed``: independent windows, each behind the first token, and the query apart: linear cost, and
states that any query can use.

Shapes: N context tokens of a block, M query tokens, T all tokens of a pass, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from longattncomp_cli.core.backbones.base import Encoding, LayerStates, OnTokens
from longattncomp_cli.core.backbones.decoder.full_pass import FullPass
from longattncomp_cli.core.backbones.decoder.prefill import KVCache
from longattncomp_cli.core.backbones.decoder.text import DecoderText, load_decoder_text
from longattncomp_cli.core.backbones.decoder.weights import DecoderWeights, build_decoder, open_weights
from longattncomp_cli.core.backbones.files import decoder_file
from longattncomp_cli.core.backbones.spec import BackboneSpec, EncodingName
from longattncomp_cli.core.backbones.windowed import WindowedBackbone
from longattncomp_cli.core.chunking.chunks import ContextTokens, Tokens
from longattncomp_cli.errors import CheckpointError, ResourceError

# Tokens that pass through the layers at once.
_PART_TOKENS = {"cuda": 8192, "mps": 2048, "cpu": 1024}
_LEAST_PART_TOKENS = 64


class DecoderBackbone(WindowedBackbone):
    """The first layers of a causal language model.

    Args:
        spec: which one.
        model: from :func:`build_decoder`.
        text: its tokenizer and frame.
        window_tokens: of ``windowed``.
        encoding: ``windowed`` or ``full``.
        max_positions: the model's.
        device: where the model is.
    """

    def __init__(
        self,
        spec: BackboneSpec,
        model: nn.Module,
        text: DecoderText,
        *,
        window_tokens: int,
        encoding: EncodingName,
        max_positions: int,
        device: torch.device,
    ) -> None:
        """Use ``load_backbone`` instead."""
        self.spec = spec
        self.model = model
        self.text = text
        self.device = device
        self.encoding = encoding
        self.window_tokens = window_tokens
        self.max_positions = max_positions
        self.blocks: nn.ModuleList = model.layers  # type: ignore[assignment]
        self.num_layers = len(self.blocks)
        self.embedding: nn.Embedding = model.embed_tokens  # type: ignore[assignment]
        self.width = self.embedding.embedding_dim
        self.segment_dtype = self.embedding.weight.dtype
        self.part_tokens = _PART_TOKENS[device.type]
        self.full_pass = FullPass(self)
        self.weights: DecoderWeights | None = None

    @property
    def pack_tokens(self) -> int:
        """Those of a part, or of one window that is longer."""
        return max(self.part_tokens, self.window_tokens)

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenise texts without special tokens."""
        return self.text.tokenize(texts)

    @torch.inference_mode()
    def embed(self, ids: Tensor) -> Tensor:
        """Look up layer 0: (N,) token ids → (N, D)."""
        states: Tensor = self.embedding(ids.to(self.device))
        return states

    def token_mean(self) -> Tensor:
        """(D,) the mean of layer 0 over the vocabulary."""
        return self.embedding.weight.float().mean(dim=0).cpu()

    def encode(
        self,
        context: ContextTokens,
        query: str,
        instruction: str,
        layers: Sequence[int],
        on_tokens: OnTokens | None = None,
    ) -> Encoding:
        """Encode a request; ``full`` runs its pass now, ``windowed`` while the blocks are read.

        Raises:
            InputError: ``full``, and the request is longer than the model's positions.
            ResourceError: the device's memory is too small even for small parts.
        """
        if self.encoding == "full":
            return self.full_pass.encode(context, query, instruction, layers, on_tokens)
        return super().encode(context, query, instruction, layers, on_tokens)

    def smaller_part(self, part_tokens: int, error: Exception) -> int:
        """Half of it, once the device's memory is free again."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if part_tokens // 2 < _LEAST_PART_TOKENS:
            raise ResourceError(
                f"{self.spec.id}: the {self.device.type} device's memory is too small for this context",
                hint="try --encoding windowed, --dtype bfloat16, fewer --layers, or --device cpu",
                code="out-of-memory",
            ) from error
        return part_tokens // 2

    def forward(self, ids_BT: Tensor, layers: Sequence[int], cache: KVCache | None) -> LayerStates:
        """Run tokens through the blocks: for each asked layer (B, T, D); 0 is the token embedding."""
        found: LayerStates = {}
        ids_BT = ids_BT.to(self.device)

        def keep(layer: int, module: nn.Module, inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
            found[layer] = output if isinstance(output, Tensor) else output[0]

        hooks = [
            self.blocks[layer - 1].register_forward_hook(partial(keep, layer)) for layer in layers if layer
        ]
        try:
            if 0 in layers:
                found[0] = self.embedding(ids_BT)
            if max(layers):
                start = cache.num_tokens if cache is not None else 0
                positions = torch.arange(start, start + ids_BT.shape[1], device=self.device)
                self.model(
                    input_ids=ids_BT,
                    position_ids=positions[None].expand(len(ids_BT), -1),
                    past_key_values=cache,
                    use_cache=cache is not None,
                )
        finally:
            for hook in hooks:
                hook.remove()
        if cache is not None:
            cache.advance(ids_BT.shape[1])
        return found

    @torch.inference_mode()
    def _run(self, windows: Sequence[np.ndarray], layers: Sequence[int]) -> LayerStates:
        """States of the windows' own tokens. Shorter ones are padded behind, where no token looks."""
        opening = np.array(self.text.opening, dtype=np.int64)
        longest = max(map(len, windows))
        ids = np.zeros((len(windows), len(opening) + longest), dtype=np.int64)
        own = np.zeros(ids.shape, dtype=bool)
        for row, window in enumerate(windows):
            ids[row, : len(opening) + len(window)] = np.concatenate([opening, window])
            own[row, len(opening) : len(opening) + len(window)] = True
        own_BT = torch.from_numpy(own).to(self.device)
        states = self.forward(torch.from_numpy(ids), layers, None)
        return {layer: states[layer][own_BT] for layer in layers}

    def read_windows(self, windows: Sequence[np.ndarray], layers: Sequence[int]) -> LayerStates:
        """Run a pack; half of it at a time where memory runs out."""
        try:
            return self._run(windows, layers)
        except torch.OutOfMemoryError as error:
            if len(windows) == 1:
                self.smaller_part(0, error)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
        half = len(windows) // 2
        first, second = self.read_windows(windows[:half], layers), self.read_windows(windows[half:], layers)
        return {layer: torch.cat([first[layer], second[layer]]) for layer in layers}


def load_decoder(
    spec: BackboneSpec,
    *,
    num_layers: int,
    window_tokens: int,
    device: torch.device,
    dtype: torch.dtype,
    encoding: EncodingName,
    chat_template: bool = False,
    trust_remote_code: bool = False,
) -> DecoderBackbone:
    """Load the first layers; see ``load_backbone``. An empty ``spec.sha256`` accepts any weights."""
    fetch = partial(decoder_file, spec.id)
    weights = open_weights(spec.id, fetch, trust_remote_code=trust_remote_code)
    max_positions = int(getattr(weights.config, "max_position_embeddings", 0) or 2**31)
    text = load_decoder_text(spec.id, fetch, weights.config, chat_template=chat_template)
    if window_tokens + len(text.opening) > max_positions:
        raise CheckpointError(
            f"window_tokens {window_tokens} and {len(text.opening)} before them exceed the backbone's "
            f"{max_positions} positions"
        )
    model = build_decoder(
        spec,
        weights,
        num_layers=num_layers,
        device=device,
        dtype=dtype,
        trust_remote_code=trust_remote_code,
    )
    found = weights.reader.sha256
    if spec.sha256 and found != spec.sha256:
        raise CheckpointError(
            f"backbone {spec.id}: its first {num_layers} layers have sha256 {found[:12]}…, "
            f"the checkpoint was made for {spec.sha256[:12]}…",
            hint="use the backbone the checkpoint names, or train a checkpoint for this one",
            code="backbone-hash",
        )
    backbone = DecoderBackbone(
        replace(spec, sha256=found),
        model,
        text,
        window_tokens=window_tokens,
        encoding=encoding,
        max_positions=max_positions,
        device=device,
    )
    backbone.weights = weights
    return backbone
