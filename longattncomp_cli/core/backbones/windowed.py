"""The ``windowed`` encoding, whatever the model: the context in packs of windows, the query apart.

Windows are the runs of tokens that the model reads at once, each apart from the others; windows of about
equal length are read together, as a pack.

Shapes: N context tokens of a block, M query tokens, D width."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise

import numpy as np
import torch

from longattncomp_cli.core.backbones.base import Encoding, LayerStates, OnTokens, SegmentStates, StateBlock
from longattncomp_cli.core.backbones.cache.memory import ByteLRU
from longattncomp_cli.core.chunking.chunks import ContextTokens, Tokens
from longattncomp_cli.core.text.arrays import IntArray


@dataclass(frozen=True, eq=False)
class Window:
    """A run of tokens that is read at once.

    Attributes:
        ids: (N,) token ids.
        chunk_index: (N,) the chunk that each token belongs to.
        token_index: (N,) its index among the tokens of its source; -1 in a title.
    """

    ids: np.ndarray
    chunk_index: np.ndarray
    token_index: np.ndarray


def context_windows(context: ContextTokens, window_tokens: int) -> Iterator[Window]:
    """Yield windows: as many whole chunks of one paragraph as fit.

    A new paragraph begins a new window, so that unrelated passages do not color each other's states.
    A chunk longer than a window is read in several windows of about equal length.
    """
    for source, title in zip(context.sources, context.titles, strict=True):
        ids = np.concatenate([np.array(title, dtype=np.int64), source.tokens.ids])
        num_tokens = np.diff(source.bounds)
        num_tokens[0] += len(title)
        # Four bytes: of a context of ten million tokens these arrays are among the largest things held.
        owner = np.repeat(np.array([chunk.index for chunk in source.chunks], dtype=np.int32), num_tokens)
        token = np.arange(-len(title), len(source.tokens.ids), dtype=np.int32)
        token[: len(title)] = -1
        bounds = [0, *(bound + len(title) for bound in source.bounds[1:])]
        start = 0
        next_chunks = [*source.chunks[1:], None]
        for bound, following, chunk in zip(bounds[1:], [*bounds[2:], 0], next_chunks, strict=True):
            if chunk is not None and chunk.continues and following - start <= window_tokens:
                continue
            num_parts = -(-(bound - start) // window_tokens)
            edges = np.linspace(start, bound, num_parts + 1).astype(int) if num_parts else [start]
            for first, last in pairwise(edges):
                yield Window(ids[first:last], owner[first:last], token[first:last])
            start = bound


PACK_TOKENS = 4096
_SEGMENT_BYTES = 1 << 24
ReadWindows = Callable[[Sequence[np.ndarray], Sequence[int]], LayerStates]


@dataclass(frozen=True)
class Pack:
    """Windows that are encoded together, shortest first.

    Attributes:
        windows: indices of the windows, in the order of their tokens.
        groups: (number of windows, their length) for each run of equally long windows.
    """

    windows: tuple[int, ...]
    groups: tuple[tuple[int, int], ...]


def pack_windows(lengths: Sequence[int], pack_tokens: int = PACK_TOKENS) -> Iterator[Pack]:
    """Sort windows by length and cut the sequence into packs of about ``pack_tokens`` tokens."""
    pending: list[int] = []
    num_tokens = 0
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if pending and num_tokens + lengths[index] > pack_tokens:
            yield _pack(pending, lengths)
            pending, num_tokens = [], 0
        pending.append(index)
        num_tokens += lengths[index]
    if pending:
        yield _pack(pending, lengths)


def _pack(windows: list[int], lengths: Sequence[int]) -> Pack:
    groups = tuple((len(list(run)), length) for length, run in groupby(windows, key=lambda i: lengths[i]))
    return Pack(tuple(windows), groups)


class WindowedBackbone(ABC):
    """Encodes requests with a model that is given windows.

    Attributes:
        device: where the model is.
        width: of its states.
        window_tokens: read at once, special tokens not counted.
        segment_dtype: of the states of the query; those of the context are the model's.
        unknown_id: the token that stands for what the vocabulary lacks.
    """

    device: torch.device
    width: int
    window_tokens: int
    segment_dtype: torch.dtype
    reads_whole_context = False
    unknown_id: int | None = None

    @property
    def pack_tokens(self) -> int:
        """Tokens of the windows that the model is given together, about."""
        return PACK_TOKENS

    @abstractmethod
    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenise texts without special tokens."""

    @abstractmethod
    def read_windows(self, windows: Sequence[np.ndarray], layers: Sequence[int]) -> LayerStates:
        """States of the windows' own tokens, one window after the other; for each asked layer (N, D)."""

    def read_query_windows(self, windows: Sequence[np.ndarray], layers: Sequence[int]) -> LayerStates:
        """The same for windows of a query, which some models read in another way."""
        return self.read_windows(windows, layers)

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
        """Encode the query, null query and instruction now, the context while the blocks are read."""
        return Encoding(
            query=self._encode_segment(query, layers, self.read_query_windows),
            null=self._encode_segment(null_query, layers, self.read_query_windows) if null_query else None,
            instruction=(
                self._encode_segment(instruction, layers, self.read_windows) if instruction.strip() else None
            ),
            blocks=self._blocks(context, layers, on_tokens),
        )

    @cached_property
    def _segments(self) -> ByteLRU[SegmentStates]:
        """The latest queries: one is asked of a context, and again of the parts of a chunk that is cut."""
        return ByteLRU(_SEGMENT_BYTES)

    def _encode_segment(self, text: str, layers: Sequence[int], read: ReadWindows) -> SegmentStates:
        key = f"{read.__name__} {list(layers)} {text}"
        known = self._segments.get(key)
        if known is None:
            known = self._read_segment(text, layers, read)
            num_bytes = sum(part.numel() * part.element_size() for part in known.states.values())
            self._segments.put(key, known, num_bytes + len(key))
        return known

    def _read_segment(self, text: str, layers: Sequence[int], read: ReadWindows) -> SegmentStates:
        ids = self.tokenize([text])[0].ids
        windows = [ids[i : i + self.window_tokens] for i in range(0, len(ids), self.window_tokens)]
        parts = [read([window], layers) for window in windows]
        if parts:
            states = {layer: torch.cat([part[layer] for part in parts]) for layer in layers}
        else:
            none = torch.zeros(0, self.width, device=self.device, dtype=self.segment_dtype)
            states = dict.fromkeys(layers, none)
        return SegmentStates(torch.from_numpy(ids).to(self.device), states)

    def _blocks(
        self, context: ContextTokens, layers: Sequence[int], on_tokens: OnTokens | None
    ) -> Iterator[StateBlock]:
        windows = list(context_windows(context, self.window_tokens))
        total = sum(len(window.ids) for window in windows)
        done = 0
        # Windows of the same tokens (copies, licences, empty forms) have the same states.
        alike: dict[bytes, list[Window]] = {}
        for window in windows:
            alike.setdefault(hashlib.sha256(window.ids.tobytes()).digest(), []).append(window)
        groups = list(alike.values())
        for pack in pack_windows([len(group[0].ids) for group in groups], self.pack_tokens):
            packed = [groups[index] for index in pack.windows]
            states = self.read_windows([group[0].ids for group in packed], layers)
            for block in self._shared_states(packed, states):
                yield block
                done += len(block.chunk_index_N)
                if on_tokens:
                    on_tokens(done, total)

    def _shared_states(self, packed: Sequence[Sequence[Window]], states: LayerStates) -> Iterator[StateBlock]:
        """The states of one window of each group for all of its windows, in blocks of about a pack."""
        yield self._block([group[0] for group in packed], states)
        begins = np.cumsum([0, *(len(group[0].ids) for group in packed)])
        waiting: list[tuple[int, Window]] = []
        num_tokens = 0
        for number, window in ((number, each) for number, group in enumerate(packed) for each in group[1:]):
            if waiting and num_tokens + len(window.ids) > self.pack_tokens:
                yield self._copied(waiting, begins, states)
                waiting, num_tokens = [], 0
            waiting.append((number, window))
            num_tokens += len(window.ids)
        if waiting:
            yield self._copied(waiting, begins, states)

    def _copied(
        self, copies: Sequence[tuple[int, Window]], begins: IntArray, states: LayerStates
    ) -> StateBlock:
        places = np.concatenate([np.arange(begins[number], begins[number + 1]) for number, _ in copies])
        place_N = torch.from_numpy(places).to(self.device)
        own = {layer: value[place_N] for layer, value in states.items()}
        return self._block([window for _, window in copies], own)

    def _block(self, windows: Sequence[Window], states: LayerStates) -> StateBlock:
        parts = (
            np.concatenate([getattr(window, name) for window in windows])
            for name in ("chunk_index", "ids", "token_index")
        )
        chunk_index_N, ids_N, token_N = (torch.from_numpy(part).to(self.device, torch.long) for part in parts)
        return StateBlock(chunk_index_N, states, ids_N, token_N)
