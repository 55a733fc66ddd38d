"""The frozen transformer: its interface, and the door to the rooms that hold one.

:class:`Backbone` serves both kinds of encoding. A *windowed* backbone encodes query and windows apart
and can stream blocks while it runs. A *full* one (a causal LLM, METHOD: ``[instruction][context][query]``)
runs its pass inside :meth:`Backbone.encode` and hands out what it stored; its query states depend on
the context. The scorer reads query states first and blocks after, whichever it is.

Shapes: N context tokens of a block, M query tokens, S instruction tokens, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.chunking.chunks import ContextTokens, Tokens

LayerStates = dict[int, Tensor]
# Hears (context tokens finished, context tokens in all) while the backbone runs.
OnTokens = Callable[[int, int], None]


@dataclass(frozen=True)
class SegmentStates:
    """A short segment (query or instruction) after encoding: ids (M,) and layer states (M, D)."""

    ids: Tensor
    states: LayerStates


@dataclass(frozen=True)
class StateBlock:
    """Some context tokens after encoding: layer states (N, D), the chunk (N,) each belongs to, ids (N,)."""

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
