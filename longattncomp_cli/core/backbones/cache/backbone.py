"""A backbone that reads a context once: the states are kept in memory for a batch, on disk for the next run.

What is kept is what the backbone gave, in the same blocks, so results are the same bytes as without.
Layer 0 is a table lookup and is never kept. In ``full`` encoding the keys and values of all layers are
kept as well: a query must be read after its context.

Shapes: N context tokens of a block, D width.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import orjson
import torch
from torch import Tensor

from longattncomp_cli.core.backbones.base import Backbone, Encoding, OnTokens, StateBlock
from longattncomp_cli.core.backbones.cache.disk import NotKeptError, StateFiles, TensorWriter
from longattncomp_cli.core.backbones.cache.memory import ByteLRU
from longattncomp_cli.core.backbones.decoder.pass_memory import PassMemory
from longattncomp_cli.core.backbones.windowed import context_windows
from longattncomp_cli.core.chunking.chunks import ContextTokens, Tokens

if TYPE_CHECKING:
    from longattncomp_cli.core.backbones.decoder.backbone import DecoderBackbone

MEMORY_BYTES = {"cpu": 512 * 2**20, "mps": 512 * 2**20, "cuda": 8 * 2**30}
"""Of the contexts kept in memory, by device."""
_LEAST_TOKENS_ON_DISK = 512
_FORMAT = 3


def cached(
    backbone: Backbone,
    *,
    memory_bytes: int = 0,
    files: StateFiles | None = None,
    on_note: Callable[[str], None] = lambda text: None,
) -> Backbone:
    """The same backbone, which reads a context once.

    Args:
        backbone: does the work.
        memory_bytes: room for contexts in memory.
        files: room for contexts on disk, or ``None``.
        on_note: called with a sentence when the disk could not be used.
    """
    if backbone.reads_whole_context:
        decoder = cast("DecoderBackbone", backbone)
        return decoder.with_memory(PassMemory(ByteLRU(memory_bytes), files, on_note))
    return CachedBackbone(backbone, memory_bytes=memory_bytes, files=files, on_note=on_note)


class CachedBackbone:
    """Wraps a backbone that reads windows; what it gives is the same.

    Args:
        backbone: does the work; one that reads whole contexts is passed through.
        memory_bytes: room for contexts in memory.
        files: room for contexts on disk, or ``None``.
        layers: read with every context besides those that are asked for, so that scorers of different
            layers share one pass.
        on_note: called with a sentence when the disk could not be used.

    Attributes:
        saved_seconds: what the passes that were taken from memory cost when they were made; grows with
            every use. Of passes from disk it is not known.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        memory_bytes: int = 0,
        files: StateFiles | None = None,
        layers: Sequence[int] = (),
        on_note: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Begin with an empty memory."""
        self.backbone = backbone
        self.spec = backbone.spec
        self.width = backbone.width
        self.num_layers = backbone.num_layers
        self.device = backbone.device
        self.files = files
        self.on_note = on_note
        self.layers = tuple(sorted(set(layers)))
        self.saved_seconds = 0.0
        self._memory: ByteLRU[tuple[list[StateBlock], float]] = ByteLRU(memory_bytes)
        self.window_tokens = backbone.window_tokens
        self.reads_whole_context = backbone.reads_whole_context
        self.unknown_id = backbone.unknown_id

    @property
    def identity(self) -> tuple[object, ...]:
        """That of the backbone."""
        return self.backbone.identity

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenise texts without special tokens."""
        return self.backbone.tokenize(texts)

    def embed(self, ids: Tensor) -> Tensor:
        """Look up layer 0: (N,) token ids → (N, D)."""
        return self.backbone.embed(ids)

    def token_mean(self) -> Tensor:
        """(D,) the mean of layer 0 over the vocabulary."""
        return self.backbone.token_mean()

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
        """Encode a request; a context that was read before is not read again."""
        if self.reads_whole_context or not context.sources:
            return self.backbone.encode(context, query, instruction, layers, on_tokens, null_query=null_query)
        layers = sorted({*layers, *self.layers})
        key = self._key(context, layers)
        known = self._recall(key, layers)
        if known is not None:
            nothing = ContextTokens((), ())
            asked = self.backbone.encode(nothing, query, instruction, layers, null_query=null_query)
            return replace(asked, blocks=known)
        fresh = self.backbone.encode(context, query, instruction, layers, on_tokens, null_query=null_query)
        num_tokens = sum(len(source.tokens.ids) for source in context.sources)
        files = self.files if num_tokens >= _LEAST_TOKENS_ON_DISK else None
        return replace(fresh, blocks=self._keep(key, fresh.blocks, files))

    def _key(self, context: ContextTokens, layers: Sequence[int]) -> str:
        """A hash of everything that the states depend on: the tokens, their windows and what reads them."""
        about = [_FORMAT, *self.identity, sorted(layers)]
        digest = hashlib.sha256(orjson.dumps(about))
        for window in context_windows(context, self.window_tokens):
            digest.update(len(window.ids).to_bytes(8, "little"))
            digest.update(window.ids.tobytes() + window.chunk_index.tobytes())
        return digest.hexdigest()

    def _recall(self, key: str, layers: Sequence[int]) -> Iterator[StateBlock] | None:
        known = self._memory.get(key)
        if known is not None:
            blocks, seconds = known
            self.saved_seconds += seconds
            return (self._complete(block, layers) for block in blocks)
        stored = None if self.files is None else self.files.read(key)
        if stored is None:
            return None
        return (self._complete(block, layers) for block in _blocks_of(stored, layers, self.device))

    def _complete(self, block: StateBlock, layers: Sequence[int]) -> StateBlock:
        """Look layer 0 up again."""
        if 0 not in layers or 0 in block.states:
            return block
        assert block.ids_N is not None
        return replace(block, states={**block.states, 0: self.embed(block.ids_N)})

    def _keep(self, key: str, blocks: Iterator[StateBlock], files: StateFiles | None) -> Iterator[StateBlock]:
        """Hand the blocks on and keep them, in memory while there is room and on disk."""
        kept: list[StateBlock] | None = []
        num_bytes = 0
        clock = _Clock()
        with ExitStack() as stack:
            writer: TensorWriter | None = None
            try:
                writer = stack.enter_context(files.write(key)) if files else None
            except OSError as error:
                self._tell(error)
            for number, block in enumerate(clock.timed(blocks)):
                bare = _without_layer_0(block)
                num_bytes += _size(bare)
                if kept is not None and num_bytes <= self._memory.max_bytes:
                    kept.append(bare)
                else:
                    kept = None
                if writer is not None and not self._write(writer, number, bare):
                    _give_up(stack)
                    writer = None
                yield block
        if kept is not None:
            self._memory.put(key, (kept, clock.seconds), num_bytes)

    def _write(self, writer: TensorWriter, number: int, block: StateBlock) -> bool:
        parts = {"owner": block.chunk_index_N.int()}
        for name, value in (("ids", block.ids_N), ("tokens", block.token_N)):
            if value is not None:
                parts[name] = value.int()
        parts |= {str(layer): value for layer, value in block.states.items()}
        try:
            return all(writer.add(f"{number}/{name}", value) for name, value in parts.items())
        except OSError as error:
            self._tell(error)
            return False

    def _tell(self, error: OSError) -> None:
        self.on_note(f"the context could not be kept in --cache ({error.strerror or error})")


class _Clock:
    """Adds up the seconds that an iterator takes, without those of its consumer."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, blocks: Iterator[StateBlock]) -> Iterator[StateBlock]:
        """Yield the same blocks."""
        while True:
            start = time.perf_counter()
            block = next(blocks, None)
            self.seconds += time.perf_counter() - start
            if block is None:
                return
            yield block


def _give_up(stack: ExitStack) -> None:
    """Leave the file without finishing it."""
    leave = stack.pop_all()
    leave.__exit__(NotKeptError, NotKeptError(), None)


def _without_layer_0(block: StateBlock) -> StateBlock:
    if block.ids_N is None:
        return block
    states = {layer: value for layer, value in block.states.items() if layer}
    return replace(block, states=states)


def _size(block: StateBlock) -> int:
    parts = [block.chunk_index_N, *block.states.values()]
    return sum(part.numel() * part.element_size() for part in parts)


def _blocks_of(
    stored: dict[str, Tensor], layers: Sequence[int], device: torch.device
) -> Iterator[StateBlock]:
    number = 0
    while f"{number}/owner" in stored:
        ids, tokens = stored.get(f"{number}/ids"), stored.get(f"{number}/tokens")
        names = {layer: f"{number}/{layer}" for layer in layers}
        yield StateBlock(
            stored[f"{number}/owner"].to(device, torch.long),
            {layer: stored[name].to(device) for layer, name in names.items() if name in stored},
            None if ids is None else ids.to(device, torch.long),
            None if tokens is None else tokens.to(device, torch.long),
        )
        number += 1
