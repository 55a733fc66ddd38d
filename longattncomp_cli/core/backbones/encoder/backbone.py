"""A bidirectional encoder over independent windows: the embedded default, and others.

Shapes: N tokens, T tokens of a pack, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from torch import Tensor

from longattncomp_cli.core.backbones.base import BackboneOptions, LayerStates
from longattncomp_cli.core.backbones.encoder.open import EncoderModel, open_encoder
from longattncomp_cli.core.backbones.encoder.unigram import UNSPELLABLE
from longattncomp_cli.core.backbones.files import file_sha256, locate_backbone, weights_file
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.backbones.tokenize import split_at_lines, split_at_words, tokenize_long_texts
from longattncomp_cli.core.backbones.windowed import WindowedBackbone
from longattncomp_cli.core.chunking.chunks import Tokens
from longattncomp_cli.errors import CheckpointError

_LEAST_WINDOW = 16
_FRAMES = (("[CLS]", "[SEP]"), (f"{UNSPELLABLE}<s>", f"{UNSPELLABLE}</s>"), ("<s>", "</s>"))


class EncoderBackbone(WindowedBackbone):
    """A bidirectional encoder (the embedded default) over independent windows of whole chunks.

    Linear in the context, order of sources irrelevant, nothing larger than a pack held at once.
    """

    def __init__(
        self,
        spec: BackboneSpec,
        encoder: EncoderModel,
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
        self.num_layers = encoder.num_layers
        self.window_tokens = window_tokens
        self.segment_dtype = torch.float32
        self._open, self._close = _frame(tokenizer, spec.id)
        self._query_prefix, self._context_prefix = (
            _prefix_ids(tokenizer, text) for text in (spec.query_prefix, spec.context_prefix)
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
        """Tokenise texts; every text of any length, a newline or space is never inside a token.

        No text gives the tokens of the frame: where the vocabulary has them as pieces, they are unknown.
        """
        read = tokenize_long_texts(self.tokenizer, texts, self._split, self.unknown_id)
        if self.unknown_id is not None:
            for tokens in read:
                tokens.ids[np.isin(tokens.ids, (self._open, self._close))] = self.unknown_id
        return read

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


def load_encoder(
    spec: BackboneSpec, options: BackboneOptions, *, shortens_windows: bool = False
) -> EncoderBackbone:
    """Find, check and load an encoder; see ``load_backbone``. An empty ``spec.sha256`` accepts any weights.

    Args:
        spec: which model.
        options: how much of it (all of it where ``num_layers`` is 0), where, and how it reads.
        shortens_windows: whether windows shrink where the model has too few positions.

    Raises:
        ResourceError: the model is not on this machine and could not be fetched.
        CheckpointError: the files found are not the model that ``spec`` names, or do not fit.
    """
    place = locate_backbone(spec)
    encoder, tokenizer = open_encoder(spec, place, options)
    found = replace(spec, sha256=file_sha256(str(weights_file(place))))
    backbone = EncoderBackbone(found, encoder, tokenizer, options.window_tokens, options.device)
    room = encoder.max_positions - backbone.num_frame_tokens
    if options.window_tokens > room:
        if not shortens_windows or room < _LEAST_WINDOW:
            raise CheckpointError(
                f"window_tokens {options.window_tokens} + {backbone.num_frame_tokens} special tokens exceed "
                f"the backbone's {encoder.max_positions} positions"
            )
        backbone.window_tokens = room
    return backbone


def _prefix_ids(tokenizer: Tokenizer, text: str) -> np.ndarray:
    """The ids of a prefix; a marker such as ColBERT's ``[Q] `` is one token of the vocabulary."""
    marker = next((tokenizer.token_to_id(form) for form in (text, text.strip()) if text), None)
    ids = tokenizer.encode(text.strip(), add_special_tokens=False).ids if marker is None else [marker]
    return np.array(ids, dtype=np.int64)


def _frame(tokenizer: Tokenizer, name: str) -> tuple[int, int]:
    """The ids that stand before and after a window.

    Raises:
        CheckpointError: the vocabulary has no such pair.
    """
    for opening, closing in _FRAMES:
        before, after = tokenizer.token_to_id(opening), tokenizer.token_to_id(closing)
        if before is not None and after is not None:
            return before, after
    own = tokenizer.encode("", add_special_tokens=True).ids
    if len(own) == 2:
        return own[0], own[1]
    raise CheckpointError(
        f"backbone {name}: its tokenizer has neither [CLS] and [SEP] nor <s> and </s>",
        hint="save the model with its own tokenizer",
        code="bad-tokenizer",
    )
