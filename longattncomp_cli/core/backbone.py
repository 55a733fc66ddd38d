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

from longattncomp_cli.core.chunking import ChunkedSource, Tokens
from longattncomp_cli.core.model_files import BackboneSpec, EncodingName
from longattncomp_cli.errors import CheckpointError

LayerStates = dict[int, Tensor]
# Hears (context tokens finished, context tokens in all) while the backbone runs.
OnTokens = Callable[[int, int], None]

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


def load_backbone(
    spec: BackboneSpec,
    *,
    num_layers: int,
    window_tokens: int,
    device: torch.device,
    dtype: torch.dtype,
    encoding: EncodingName = "windowed",
    chat_template: bool = False,
    trust_remote_code: bool = False,
) -> Backbone:
    """Find, check and load a backbone.

    Args:
        spec: which model, and the hash its weights must have.
        num_layers: how many blocks are needed; the others are not kept.
        window_tokens: tokens read at once, special tokens not counted.
        device, dtype: where and in which precision to run.
        encoding: ``windowed``, or ``full`` (decoders only).
        chat_template: of a decoder: frame the prompt as the model's chat template does.
        trust_remote_code: of a decoder: run code that lies beside the model.

    Raises:
        ResourceError: the model is not on this machine and could not be fetched.
        CheckpointError: the files found are not the model that ``spec`` names, or do not fit.
    """
    if spec.kind == "decoder":
        from longattncomp_cli.core.decoders.decoder import load_decoder

        return load_decoder(
            spec,
            num_layers=num_layers,
            window_tokens=window_tokens,
            device=device,
            dtype=dtype,
            encoding=encoding,
            chat_template=chat_template,
            trust_remote_code=trust_remote_code,
        )
    if encoding != "windowed":
        raise CheckpointError(
            f"backbone {spec.id} reads both ways and has no {encoding} encoding",
            hint="use --encoding windowed, or a decoder: --backbone",
        )
    from longattncomp_cli.core.windowed_encoder import load_windowed_encoder

    return load_windowed_encoder(
        spec, num_layers=num_layers, window_tokens=window_tokens, device=device, dtype=dtype
    )


def title_tokens(backbone: Backbone, titles: Sequence[str]) -> tuple[list[int], ...]:
    """The first tokens of each title, as read before a source's first chunk."""
    return tuple(tokens.ids[:_TITLE_TOKENS].tolist() for tokens in backbone.tokenize(titles))
