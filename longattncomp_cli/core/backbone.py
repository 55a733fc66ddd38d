"""The frozen transformer: its interface, and the embedded default.

:class:`Backbone` serves both kinds of encoding. A *windowed* backbone encodes query and windows apart
and can stream blocks while it runs. A *full* one (a causal LLM, METHOD: ``[instruction][context][query]``)
runs its pass inside :meth:`Backbone.encode` and hands out what it stored; its query states depend on
the context. The scorer reads query states first and blocks after, whichever it is.

Shapes: N context tokens of a block, M query tokens, S instruction tokens, D width.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
import orjson
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from longattncomp_cli.core.chunking import ChunkedSource, Tokens
from longattncomp_cli.core.encoder import BertEncoder, pack_windows
from longattncomp_cli.core.model_files import BackboneSpec, locate_backbone
from longattncomp_cli.errors import CheckpointError

LayerStates = dict[int, Tensor]
# Hears (context tokens finished, context tokens in all) while the backbone runs.
OnTokens = Callable[[int, int], None]

# Long pieces are tokenised in parts of this size, broken only where no token can cross.
_PIECE_CHARS = 16_384
_PIECE_BATCH = 256
# WordPiece maps words of over 100 characters to one unknown token; shorter runs are read.
_LONG_WORD = re.compile(r"\w{97,}")
_WORD_CHARS = 96
_TITLE_TOKENS = 48


@dataclass(frozen=True)
class ContextTokens:
    """The context as the backbone reads it.

    Attributes:
        sources: each source's tokens and chunks.
        titles: each source's title tokens, read before its first chunk and counted to it.
    """

    sources: tuple[ChunkedSource, ...]
    titles: tuple[list[int], ...]


@dataclass(frozen=True)
class SegmentStates:
    """A short segment (query or instruction) after encoding: ids (M,) and layer states (M, D)."""

    ids: Tensor
    states: LayerStates


@dataclass(frozen=True)
class StateBlock:
    """Some context tokens after encoding: layer states (N, D), the chunk (N,) each belongs to, and its id."""

    chunk_index_N: Tensor
    states: LayerStates
    ids_N: Tensor | None = None


@dataclass(frozen=True)
class Encoding:
    """One pass of a backbone over a request; ``blocks`` can be read once."""

    query: SegmentStates
    instruction: SegmentStates | None
    blocks: Iterator[StateBlock]


class Backbone(Protocol):
    """What the scorer needs of a backbone."""

    spec: BackboneSpec
    width: int
    num_layers: int
    device: torch.device

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenise texts without special tokens."""

    def embed(self, ids: Tensor) -> Tensor:
        """Look up layer 0: (N,) token ids → (N, D)."""

    def token_mean(self) -> Tensor:
        """(D,) the mean of layer 0 over the vocabulary."""

    def encode(
        self,
        context: ContextTokens,
        query: str,
        instruction: str,
        layers: Sequence[int],
        on_tokens: OnTokens | None = None,
    ) -> Encoding:
        """Encode a request; ``on_tokens`` hears how far it is."""


class WindowedEncoder:
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
        self._open = tokenizer.token_to_id("[CLS]")
        self._close = tokenizer.token_to_id("[SEP]")

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenise texts; every text of any length, a newline or space is never inside a token."""
        pieces = [(number, start, end) for number, text in enumerate(texts) for start, end in _pieces(text)]
        ids: list[list[np.ndarray]] = [[] for _ in texts]
        starts: list[list[np.ndarray]] = [[] for _ in texts]
        for at in range(0, len(pieces), _PIECE_BATCH):
            batch = pieces[at : at + _PIECE_BATCH]
            encodings = self.tokenizer.encode_batch(
                [texts[number][start:end] for number, start, end in batch], add_special_tokens=False
            )
            for (number, start, _), encoding in zip(batch, encodings, strict=True):
                offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
                ids[number].append(np.array(encoding.ids, dtype=np.int64))
                starts[number].append(offsets[:, 0] + start)
        return [Tokens(_joined(i), _joined(s)) for i, s in zip(ids, starts, strict=True)]

    def encode(
        self,
        context: ContextTokens,
        query: str,
        instruction: str,
        layers: Sequence[int],
        on_tokens: OnTokens | None = None,
    ) -> Encoding:
        """Encode the query (and instruction) now, the context while the blocks are read."""
        return Encoding(
            query=self._encode_segment(query, layers),
            instruction=self._encode_segment(instruction, layers) if instruction.strip() else None,
            blocks=self._blocks(context, layers, on_tokens),
        )

    def embed(self, ids: Tensor) -> Tensor:
        """Look up layer 0: (N,) token ids → (N, D)."""
        return F.embedding(ids.to(self.device), self.encoder.token_embeddings)

    def token_mean(self) -> Tensor:
        """(D,) the mean of layer 0 over the vocabulary."""
        return self.encoder.token_embeddings.float().mean(dim=0).cpu()

    def _encode_segment(self, text: str, layers: Sequence[int]) -> SegmentStates:
        ids = self.tokenize([text])[0].ids
        windows = [ids[i : i + self.window_tokens] for i in range(0, len(ids), self.window_tokens)]
        none = torch.zeros(0, self.width, device=self.device)
        encoded = [self._run([window], layers) for window in windows]
        states = {layer: torch.cat([none, *(part[layer] for part in encoded)]) for layer in layers}
        return SegmentStates(torch.from_numpy(ids).to(self.device), states)

    def _run(self, windows: Sequence[np.ndarray], layers: Sequence[int]) -> LayerStates:
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

    def _blocks(
        self, context: ContextTokens, layers: Sequence[int], on_tokens: OnTokens | None
    ) -> Iterator[StateBlock]:
        windows = list(_windows(context, self.window_tokens))
        total = sum(len(ids) for ids, _ in windows)
        done = 0
        for pack in pack_windows([len(ids) for ids, _ in windows]):
            states = self._run([windows[i][0] for i in pack.windows], layers)
            ids, chunk_index = (np.concatenate([windows[i][part] for i in pack.windows]) for part in (0, 1))
            places = (torch.from_numpy(part).to(self.device) for part in (chunk_index, ids))
            yield StateBlock(next(places), states, next(places))
            done += len(chunk_index)
            if on_tokens:
                on_tokens(done, total)


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Ranges that tokenise apart: cut at line ends, at spaces of long lines, and inside overlong words."""
    start = 0
    for match in _LONG_WORD.finditer(text):
        yield from _cut_at_space(text, start, match.start())
        for at in range(match.start(), match.end(), _WORD_CHARS):
            yield at, min(at + _WORD_CHARS, match.end())
        start = match.end()
    yield from _cut_at_space(text, start, len(text))


def _cut_at_space(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while end - start > _PIECE_CHARS:
        stop = start + _PIECE_CHARS
        cut = max(text.rfind("\n", start + 1, stop), 0) or max(text.rfind(" ", start + 1, stop), 0) or stop
        yield start, cut
        start = cut
    if end > start:
        yield start, end


def _windows(context: ContextTokens, window_tokens: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (token ids, chunk indices) of windows: as many whole chunks of one paragraph as fit.

    A new paragraph begins a new window, so that unrelated passages do not color each other's states.
    A chunk longer than a window is read in several windows of about equal length.
    """
    for source, title in zip(context.sources, context.titles, strict=True):
        ids = np.concatenate([np.array(title, dtype=np.int64), source.tokens.ids])
        owner = np.concatenate(
            [np.full(n, chunk.index) for chunk, n in zip(source.chunks, np.diff(source.bounds), strict=True)]
        ).astype(np.int64)
        owner = np.concatenate([np.full(len(title), source.chunks[0].index, dtype=np.int64), owner])
        bounds = [0, *(bound + len(title) for bound in source.bounds[1:])]
        start = 0
        next_chunks = [*source.chunks[1:], None]
        for bound, following, chunk in zip(bounds[1:], [*bounds[2:], 0], next_chunks, strict=True):
            if chunk is not None and chunk.continues and following - start <= window_tokens:
                continue
            num_parts = -(-(bound - start) // window_tokens)
            edges = np.linspace(start, bound, num_parts + 1).astype(int) if num_parts else [start]
            for first, last in pairwise(edges):
                yield ids[first:last], owner[first:last]
            start = bound


def load_backbone(
    spec: BackboneSpec, *, num_layers: int, window_tokens: int, device: torch.device, dtype: torch.dtype
) -> Backbone:
    """Find, check and load a backbone.

    Args:
        spec: which model, and the hash its weights must have.
        num_layers: how many blocks are needed; the others are not kept.
        window_tokens: tokens read at once, special tokens not counted.

    Raises:
        ResourceError: the model is not on this machine and could not be fetched.
        CheckpointError: the files found are not the model that ``spec`` names, or do not fit.
    """
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
        config, load_file(folder / "model.safetensors"), num_layers=num_layers, device=device, dtype=dtype
    )
    if window_tokens + 2 > encoder.max_positions:
        raise CheckpointError(
            f"window_tokens {window_tokens} + 2 special tokens exceed the backbone's "
            f"{encoder.max_positions} positions"
        )
    return WindowedEncoder(spec, encoder, tokenizer, window_tokens, device)


def _load_tokenizer(folder: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def title_tokens(backbone: Backbone, titles: Sequence[str]) -> tuple[list[int], ...]:
    """The first tokens of each title, as read before a source's first chunk."""
    return tuple(tokens.ids[:_TITLE_TOKENS].tolist() for tokens in backbone.tokenize(titles))
