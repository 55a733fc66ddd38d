"""The ``windowed`` encoding, whatever the model: the context in packs of windows, the query apart.

Shapes: N context tokens of a block, M query tokens, D width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from longattncomp_cli.core.backbone import (
    ContextTokens,
    Encoding,
    LayerStates,
    OnTokens,
    SegmentStates,
    StateBlock,
)
from longattncomp_cli.core.chunking import Tokens
from longattncomp_cli.core.encoder import PACK_TOKENS, pack_windows
from longattncomp_cli.core.windows import context_windows


class WindowedReading(ABC):
    """Encodes requests with a model that is given windows.

    Attributes:
        device: where the model is.
        width: of its states.
        window_tokens: read at once, special tokens not counted.
        segment_dtype: of the states of the query; those of the context are the model's.
    """

    device: torch.device
    width: int
    window_tokens: int
    segment_dtype: torch.dtype

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

    def _encode_segment(self, text: str, layers: Sequence[int]) -> SegmentStates:
        ids = self.tokenize([text])[0].ids
        windows = [ids[i : i + self.window_tokens] for i in range(0, len(ids), self.window_tokens)]
        parts = [self.read_windows([window], layers) for window in windows]
        none = torch.zeros(0, self.width, device=self.device, dtype=self.segment_dtype)
        states = {layer: torch.cat([none, *(part[layer] for part in parts)]) for layer in layers}
        return SegmentStates(torch.from_numpy(ids).to(self.device), states)

    def _blocks(
        self, context: ContextTokens, layers: Sequence[int], on_tokens: OnTokens | None
    ) -> Iterator[StateBlock]:
        windows = list(context_windows(context, self.window_tokens))
        total = sum(len(ids) for ids, _ in windows)
        done = 0
        for pack in pack_windows([len(ids) for ids, _ in windows], self.pack_tokens):
            states = self.read_windows([windows[i][0] for i in pack.windows], layers)
            chunk_index = np.concatenate([windows[i][1] for i in pack.windows])
            ids = np.concatenate([windows[i][0] for i in pack.windows])
            yield StateBlock(
                torch.from_numpy(chunk_index).to(self.device), states, torch.from_numpy(ids).to(self.device)
            )
            done += len(chunk_index)
            if on_tokens:
                on_tokens(done, total)
