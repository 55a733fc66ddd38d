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

from longattncomp_cli.core.backbones.spec import BackboneSpec, EncodingName
from longattncomp_cli.core.chunking.chunks import ContextTokens, Tokens

LayerStates = dict[int, Tensor]
POSITIONS = -1
"""Asked for like a layer: (N, 1), where each token stands in its pass. Decoders know it."""
OnTokens = Callable[[int, int], None]
"""Progress callback: (tokens done, tokens in total)."""


@dataclass(frozen=True)
class SegmentStates:
    """A short segment (query or instruction) after encoding: ids (M,) and layer states (M, D)."""

    ids: Tensor
    states: LayerStates


@dataclass(frozen=True)
class UnitStates:
    """States of length 1 as some heads of the cross-attention layer read them.

    Attributes:
        heads: which.
        unit_UD: of each token, or of each distinct one where ``index_N`` is there.
        index_N: where each token stands in ``unit_UD``.
        scale_UH: what the products of each head are multiplied with; nothing where ``None``.
    """

    heads: tuple[int, ...]
    unit_UD: Tensor
    index_N: Tensor | None = None
    scale_UH: Tensor | None = None


@dataclass(frozen=True)
class StateBlock:
    """Some context tokens after encoding.

    Attributes:
        chunk_index_N: the chunk that each token belongs to.
        states: of each asked layer (N, D).
        ids_N: token ids; ``None`` where the states depend on the whole prompt, and no hop can be taken.
        token_N: the index of each token among those of its source; -1 in a title, or where it is not known.
        query: the query's states (M, D) beside these tokens, and those of the null query after them; those
            of the encoding where ``None``.
        units: the states as the cross-attention layer reads them, where that is known already.
    """

    chunk_index_N: Tensor
    states: LayerStates
    ids_N: Tensor | None = None
    token_N: Tensor | None = None
    query: LayerStates | None = None
    units: tuple[UnitStates, ...] | None = None


@dataclass(frozen=True)
class Encoding:
    """One pass of a backbone over a request; ``blocks`` can be read once.

    ``null`` is a query without content, read where the query is read; ``None`` where none was asked for.
    """

    query: SegmentStates
    instruction: SegmentStates | None
    blocks: Iterator[StateBlock]
    null: SegmentStates | None = None

    @property
    def asked(self) -> LayerStates:
        """The states of the query, and of the null query after them."""
        return self.query.states if self.null is None else joined(self.query.states, self.null.states)


def joined(first: LayerStates, second: LayerStates) -> LayerStates:
    """The states of two runs of tokens, one after the other."""
    return {layer: torch.cat([first[layer], second[layer]]) for layer in first}


@dataclass(frozen=True, kw_only=True)
class BackboneOptions:
    """How much of a backbone to load, where, and how it reads."""

    num_layers: int
    """Blocks that are needed; the others are not kept."""
    window_tokens: int
    """Tokens read at once, special tokens not counted."""
    device: torch.device
    """Where to run."""
    dtype: torch.dtype
    """In which precision."""
    encoding: EncodingName = "windowed"
    """``windowed``, or ``full`` (decoders only)."""
    segment_tokens: int = 0
    """Of ``full``: context tokens read at once, before the query; 0: as many as there are positions for."""
    chat_template: bool = False
    """Whether a decoder's prompt is framed as its chat template does."""
    trust_remote_code: bool = False
    """Whether code that lies beside a decoder may run."""


class Backbone(Protocol):
    """What the scorer needs of a backbone.

    Attributes:
        spec: which model it is.
        width: of its states, D.
        num_layers: blocks that are loaded.
        device: where it computes.
        window_tokens: tokens read at once, special tokens not counted.
        reads_whole_context: whether context states depend on all that stands before them (``full``).
        unknown_id: the token that stands for what the vocabulary lacks; ``None`` where it lacks nothing.
    """

    spec: BackboneSpec
    width: int
    num_layers: int
    device: torch.device
    window_tokens: int
    reads_whole_context: bool
    unknown_id: int | None

    @property
    def identity(self) -> tuple[object, ...]:
        """All that states depend on, besides the tokens."""

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
        *,
        null_query: str = "",
    ) -> Encoding:
        """Encode a request.

        Args:
            context, query, instruction: of the request.
            layers: whose states to give.
            on_tokens: called with (tokens done, tokens in total).
            null_query: read where the query is read, and given beside it; ``""``: none.
        """
