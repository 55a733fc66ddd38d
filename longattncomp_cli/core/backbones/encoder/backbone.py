"""The embedded default: a bidirectional encoder over independent windows.

Shapes: N tokens, T tokens of a pack, D width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from torch import Tensor

from longattncomp_cli.core.backbones.base import BackboneOptions, LayerStates
from longattncomp_cli.core.backbones.encoder.bert import BertEncoder
from longattncomp_cli.core.backbones.encoder.open import open_encoder
from longattncomp_cli.core.backbones.encoder.unigram import UNSPELLABLE
from longattncomp_cli.core.backbones.files import locate_backbone
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.backbones.tokenize import split_at_lines, split_at_words, tokenize_long_texts
from longattncomp_cli.core.backbones.windowed import WindowedBackbone
from longattncomp_cli.core.chunking.chunks import Tokens
from longattncomp_cli.errors import CheckpointError

_FRAMES = (("[CLS]", "[SEP]"), (f"{UNSPELLABLE}<s>", f"{UNSPELLABLE}</s>"), ("<s>", "</s>"))


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
        self._open, self._close = _frame(tokenizer, spec.id)
        self._query_prefix, self._context_prefix = (
            np.array(tokenizer.encode(text.strip(), add_special_tokens=False).ids, dtype=np.int64)
            for text in (spec.query_prefix, spec.context_prefix)
        )
        known = (tokenizer.token_to_id(name) for name in ("[UNK]", f"{UNSPELLABLE}<unk>", "<unk>"))
        self.unknown_id = next((number for number in known if number is not None), None)
        self._split = split_at_words if isinstance(tokenizer.model, WordPiece) else split_at_lines

    @property
    def identity(self) -> tuple[object, ...]:
        """All that states depend on, besides the tokens."""
        dtype = str(self.encoder.token_embeddings.dtype)
        prefixes = (self.spec.query_prefix, self.spec.context_prefix)
        return (self.spec.sha256, dtype, self.device.type, self.window_tokens, *filter(None, prefixes))

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenise texts; every text of any length, a newline or space is never inside a token."""
        return tokenize_long_texts(self.tokenizer, texts, self._split, self.unknown_id)

    @property
    def num_frame_tokens(self) -> int:
        """How many tokens a window is framed by, at most."""
        return 2 + max(len(self._query_prefix), len(self._context_prefix))

    def embed(self, ids: Tensor) -> Tensor:
        """Look up layer 0: (N,) token ids → (N, D)."""
        return F.embedding(ids.to(self.device), self.encoder.token_embeddings)

    def token_mean(self) -> Tensor:
        """(D,) the mean of layer 0 over the vocabulary."""
        return self.encoder.token_embeddings.float().mean(dim=0).cpu()

    def read_windows(self, windows: Sequence[np.ndarray], layers: Sequence[int]) -> LayerStates:
        """Encode equally long or sorted windows; states of their own tokens, special ones dropped."""
        return self._read(windows, layers, self._context_prefix)

    def read_query_windows(self, windows: Sequence[np.ndarray], layers: Sequence[int]) -> LayerStates:
        """The same behind the prefix of queries."""
        return self._read(windows, layers, self._query_prefix)

    def _read(self, windows: Sequence[np.ndarray], layers: Sequence[int], prefix: np.ndarray) -> LayerStates:
        before = np.concatenate([[self._open], prefix])
        framed = [np.concatenate([before, window, [self._close]]) for window in windows]
        groups: list[tuple[int, int]] = []
        for window in framed:
            if groups and groups[-1][1] == len(window):
                groups[-1] = (groups[-1][0] + 1, len(window))
            else:
                groups.append((1, len(window)))
        ids_T = torch.from_numpy(np.concatenate(framed)).to(self.device)
        own = np.concatenate([np.arange(len(w)) - len(before) for w in framed]) >= 0
        own[np.cumsum([len(w) for w in framed]) - 1] = False
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
    config, weights, tokenizer = open_encoder(spec, locate_backbone(spec), num_layers, options.dtype)
    if not 0 < num_layers <= config["num_hidden_layers"]:
        raise CheckpointError(
            f"backbone {spec.id} has {config['num_hidden_layers']} layers, the checkpoint needs {num_layers}"
        )
    encoder = BertEncoder(config, weights, num_layers=num_layers, device=options.device, dtype=options.dtype)
    backbone = EncoderBackbone(spec, encoder, tokenizer, window_tokens, options.device)
    if window_tokens + backbone.num_frame_tokens > encoder.max_positions:
        raise CheckpointError(
            f"window_tokens {window_tokens} + {backbone.num_frame_tokens} special tokens exceed the "
            f"backbone's {encoder.max_positions} positions"
        )
    return backbone


def _frame(tokenizer: Tokenizer, name: str) -> tuple[int, int]:
    """The ids that stand before and after a window.

    Raises:
        CheckpointError: the vocabulary has no such pair.
    """
    for opening, closing in _FRAMES:
        before, after = tokenizer.token_to_id(opening), tokenizer.token_to_id(closing)
        if before is not None and after is not None:
            return before, after
    raise CheckpointError(f"backbone {name}: its tokenizer has neither [CLS] and [SEP] nor <s> and </s>")
