"""The embedded default: a bidirectional encoder over independent windows.

Shapes: N tokens, T tokens of a pack, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from longattncomp_cli.core.backbones.base import BackboneOptions, LayerStates
from longattncomp_cli.core.backbones.encoder.bert import BertEncoder
from longattncomp_cli.core.backbones.files import locate_backbone
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.backbones.tokenize import split_at_words, tokenize_long_texts
from longattncomp_cli.core.backbones.windowed import WindowedBackbone
from longattncomp_cli.core.chunking.chunks import Tokens
from longattncomp_cli.errors import CheckpointError


class EncoderBackbone(WindowedBackbone):
    """A bidirectional encoder (the embedded default) over independent windows of whole chunks.

    Linear in the context, order of sources irrelevant, nothing larger than a pack held at once.
    """

    def __init__(
        self,
        spec: BackboneSpec,
        encoder: BertEncoder,
        tokenizer: Tokenizer,
        window_tokens: int,
        device: torch.device,
    ) -> None:
        """Use ``load_backbone`` instead."""
        self.spec = spec
        self.encoder = encoder
        self.tokenizer = tokenizer
        self.device = device
        self.width = encoder.width
        self.num_layers = len(encoder.layers)
        self.window_tokens = window_tokens
        self.segment_dtype = torch.float32
        self._open = tokenizer.token_to_id("[CLS]")
        self._close = tokenizer.token_to_id("[SEP]")

    @property
    def identity(self) -> tuple[object, ...]:
        """All that states depend on, besides the tokens."""
        dtype = str(self.encoder.token_embeddings.dtype)
        return (self.spec.sha256, dtype, self.device.type, self.window_tokens)

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenise texts; every text of any length, a newline or space is never inside a token."""
        return tokenize_long_texts(self.tokenizer, texts, split_at_words)

    def embed(self, ids: Tensor) -> Tensor:
        """Look up layer 0: (N,) token ids → (N, D)."""
        return F.embedding(ids.to(self.device), self.encoder.token_embeddings)

    def token_mean(self) -> Tensor:
        """(D,) the mean of layer 0 over the vocabulary."""
        return self.encoder.token_embeddings.float().mean(dim=0).cpu()

    def read_windows(self, windows: Sequence[np.ndarray], layers: Sequence[int]) -> LayerStates:
        """Encode equally long or sorted windows; states of their own tokens, special ones dropped."""
        framed = [np.concatenate([[self._open], window, [self._close]]) for window in windows]
        groups: list[tuple[int, int]] = []
        for window in framed:
            if groups and groups[-1][1] == len(window):
                groups[-1] = (groups[-1][0] + 1, len(window))
            else:
                groups.append((1, len(window)))
        ids_T = torch.from_numpy(np.concatenate(framed)).to(self.device)
        own = np.concatenate([[False, *[True] * (len(w) - 2), False] for w in framed])
        states = self.encoder.forward(ids_T, groups, layers)
        mask = torch.from_numpy(own).to(self.device)
        return {layer: states[layer][mask] for layer in layers}


def load_encoder(spec: BackboneSpec, options: BackboneOptions) -> EncoderBackbone:
    """Find, check and load an encoder; see ``load_backbone``.

    Raises:
        ResourceError: the model is not on this machine and could not be fetched.
        CheckpointError: the files found are not the model that ``spec`` names, or do not fit.
    """
    num_layers, window_tokens = options.num_layers, options.window_tokens
    folder = locate_backbone(spec)
    config = orjson.loads((folder / "config.json").read_bytes())
    if config.get("model_type") != "bert":
        raise CheckpointError(
            f"backbone {spec.id}: model type {config.get('model_type')!r} is not supported (bert is)",
            hint="use a checkpoint whose backbone is a BERT encoder such as all-MiniLM-L6-v2",
        )
    if not 0 < num_layers <= config["num_hidden_layers"]:
        raise CheckpointError(
            f"backbone {spec.id} has {config['num_hidden_layers']} layers, the checkpoint needs {num_layers}"
        )
    tokenizer = _load_tokenizer(folder)
    encoder = BertEncoder(
        config,
        load_file(folder / "model.safetensors"),
        num_layers=num_layers,
        device=options.device,
        dtype=options.dtype,
    )
    if window_tokens + 2 > encoder.max_positions:
        raise CheckpointError(
            f"window_tokens {window_tokens} + 2 special tokens exceed the backbone's "
            f"{encoder.max_positions} positions"
        )
    return EncoderBackbone(spec, encoder, tokenizer, window_tokens, options.device)


def _load_tokenizer(folder: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
