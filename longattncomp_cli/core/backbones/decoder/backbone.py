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
from torch import Tensor

from longattncomp_cli.core.backbones.base import POSITIONS, BackboneOptions, Encoding, LayerStates, OnTokens
from longattncomp_cli.core.backbones.decoder.full_pass import FullPass
from longattncomp_cli.core.backbones.decoder.gguf.open import open_gguf
from longattncomp_cli.core.backbones.decoder.gguf.reader import GgufReader
from longattncomp_cli.core.backbones.decoder.gguf.tokenizer import load_gguf_text
from longattncomp_cli.core.backbones.decoder.model import DecoderModel
from longattncomp_cli.core.backbones.decoder.pass_memory import PassMemory
from longattncomp_cli.core.backbones.decoder.text import DecoderText, load_decoder_text
from longattncomp_cli.core.backbones.decoder.weights import DecoderWeights, build_decoder, open_weights
from longattncomp_cli.core.backbones.files import model_file
from longattncomp_cli.core.backbones.gguf_files import find_gguf
from longattncomp_cli.core.backbones.spec import BackboneSpec, EncodingName
from longattncomp_cli.core.backbones.windowed import WindowedBackbone
from longattncomp_cli.core.chunking.chunks import ContextTokens, Tokens
from longattncomp_cli.errors import CheckpointError


class DecoderBackbone(WindowedBackbone):
    """The first layers of a causal language model.

    Args:
        model: the blocks.
        window_tokens: of ``windowed``.
        encoding: ``windowed`` or ``full``.
        weights: where the model's other tensors can be read from.
        memory: of contexts that ``full`` has read; nothing is remembered where ``None``.
        segment_tokens: of ``full``, context tokens read at once; 0: as many as there are positions for.
    """

    def __init__(
        self,
        model: DecoderModel,
        *,
        window_tokens: int,
        encoding: EncodingName,
        weights: DecoderWeights | None = None,
        memory: PassMemory | None = None,
        segment_tokens: int = 0,
    ) -> None:
        """Use ``load_backbone`` instead."""
        self.model = model
        self.encoding = encoding
        self.window_tokens = window_tokens
        self.weights = weights
        self.spec = model.spec
        self.device = model.device
        self.num_layers = model.num_layers
        self.width = model.width
        self.segment_dtype = model.dtype
        self.reads_whole_context = encoding == "full"
        self.segment_tokens = segment_tokens
        self.full_pass = FullPass(model, memory or PassMemory(), segment_tokens)

    @property
    def identity(self) -> tuple[object, ...]:
        """All that states depend on, besides the tokens."""
        opening = list(self.model.text.opening)
        return (self.spec.sha256, str(self.model.dtype), self.device.type, self.window_tokens, opening)

    def with_memory(self, memory: PassMemory) -> DecoderBackbone:
        """The same model, remembering the contexts that ``full`` reads."""
        return DecoderBackbone(
            self.model,
            window_tokens=self.window_tokens,
            encoding=self.encoding,
            weights=self.weights,
            memory=memory,
            segment_tokens=self.segment_tokens,
        )

    @property
    def pack_tokens(self) -> int:
        """Those of a part, or of one window that is longer."""
        return max(self.model.part_tokens, self.window_tokens)

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenise texts without special tokens."""
        return self.model.text.tokenize(texts)

    @torch.inference_mode()
    def embed(self, ids: Tensor) -> Tensor:
        """Look up layer 0: (N,) token ids → (N, D)."""
        states: Tensor = self.model.embedding(ids.to(self.device))
        return states

    def token_mean(self) -> Tensor:
        """(D,) the mean of layer 0 over the vocabulary."""
        return self.model.embedding.weight.float().mean(dim=0).cpu()

    def encode(
        self,
        context: ContextTokens,
        query: str,
        instruction: str,
        layers: Sequence[int],
        on_tokens: OnTokens | None = None,
        *,
        null_query: str = "",
    ) -> Encoding:
        """Encode a request; ``full`` runs its pass now, ``windowed`` while the blocks are read.

        Raises:
            InputError: ``full``, and the request is longer than the model's positions.
            ResourceError: the device's memory is too small even for small parts.
        """
        if self.encoding == "full":
            return self.full_pass.encode(context, query, instruction, layers, on_tokens, null_query)
        return super().encode(context, query, instruction, layers, on_tokens, null_query=null_query)

    @torch.inference_mode()
    def _run(self, windows: Sequence[np.ndarray], layers: Sequence[int]) -> LayerStates:
        """States of the windows' own tokens. Shorter ones are padded behind, where no token looks."""
        opening = np.array(self.model.text.opening, dtype=np.int64)
        longest = max(map(len, windows))
        ids = np.zeros((len(windows), len(opening) + longest), dtype=np.int64)
        own = np.zeros(ids.shape, dtype=bool)
        for row, window in enumerate(windows):
            ids[row, : len(opening) + len(window)] = np.concatenate([opening, window])
            own[row, len(opening) : len(opening) + len(window)] = True
        own_BT = torch.from_numpy(own).to(self.device)
        states = self.model.forward(torch.from_numpy(ids), layers, None)
        return {layer: states[layer][own_BT] for layer in layers}

    def read_query_windows(self, windows: Sequence[np.ndarray], layers: Sequence[int]) -> LayerStates:
        """The states of a query, which stands where it would behind a full window."""
        states = self.read_windows(windows, layers)
        if POSITIONS in states:
            states[POSITIONS] = states[POSITIONS] + self.window_tokens
        return states

    def read_windows(self, windows: Sequence[np.ndarray], layers: Sequence[int]) -> LayerStates:
        """Run a pack; half of it at a time where memory runs out."""
        try:
            return self._run(windows, layers)
        except torch.OutOfMemoryError as error:
            if len(windows) == 1:
                self.model.halved_part(0, error)
            self.model.free_memory()
        half = len(windows) // 2
        first, second = self.read_windows(windows[:half], layers), self.read_windows(windows[half:], layers)
        return {layer: torch.cat([first[layer], second[layer]]) for layer in layers}


def open_decoder(backbone_id: str, *, trust_remote_code: bool) -> DecoderWeights:
    """Open a decoder's files without reading its weights.

    Raises:
        ResourceError: the model is not on this machine and could not be fetched.
        CheckpointError: it is not of a family that can be used, or its file is damaged.
    """
    path = find_gguf(backbone_id)
    if path is not None:
        return open_gguf(path)
    return open_weights(backbone_id, partial(model_file, backbone_id), trust_remote_code=trust_remote_code)


def load_decoder(
    spec: BackboneSpec, options: BackboneOptions, weights: DecoderWeights | None = None
) -> DecoderBackbone:
    """Load the first layers; see ``load_backbone``. An empty ``spec.sha256`` accepts any weights.

    Args:
        spec: which model.
        options: how much of it, where, and how it reads.
        weights: the model's files, where they are open already.
    """
    weights = weights or open_decoder(spec.id, trust_remote_code=options.trust_remote_code)
    max_positions = int(getattr(weights.config, "max_position_embeddings", 0) or 2**31)
    text = _load_text(spec, options, weights)
    if options.window_tokens + len(text.opening) > max_positions:
        raise CheckpointError(
            f"window_tokens {options.window_tokens} and {len(text.opening)} before them exceed the "
            f"backbone's {max_positions} positions"
        )
    module = build_decoder(
        spec,
        weights,
        num_layers=options.num_layers,
        device=options.device,
        dtype=options.dtype,
        trust_remote_code=options.trust_remote_code,
    )
    found = weights.reader.sha256
    if spec.sha256 and found != spec.sha256:
        raise CheckpointError(
            f"backbone {spec.id}: its first {options.num_layers} layers have sha256 {found[:12]}…, "
            f"the checkpoint was made for {spec.sha256[:12]}…",
            hint="use the backbone the checkpoint names, or train a checkpoint for this one",
            code="backbone-hash",
        )
    return DecoderBackbone(
        DecoderModel(
            replace(spec, sha256=found), module, text, max_positions=max_positions, device=options.device
        ),
        window_tokens=options.window_tokens,
        encoding=options.encoding,
        weights=weights,
        segment_tokens=options.segment_tokens,
    )


def _load_text(spec: BackboneSpec, options: BackboneOptions, weights: DecoderWeights) -> DecoderText:
    if isinstance(weights.reader, GgufReader):
        return load_gguf_text(
            spec.id, weights.reader.header, weights.config, chat_template=options.chat_template
        )
    return load_decoder_text(
        spec.id, partial(model_file, spec.id), weights.config, chat_template=options.chat_template
    )
