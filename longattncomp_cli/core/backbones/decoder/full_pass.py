"""The ``full`` encoding: one causal pass ``[instruction][context][query]`` through a decoder, in parts.

What comes before the query does not depend on it, so its states and its cache can serve another query.

A context that is longer than the model's positions is read in segments that overlap, each behind the
instruction and before the query. A token counts in one segment, where more stands before it, and is compared
with the query as it reads there; the softmax goes over all of them. Cost grows with the context's length.

Shapes: N context tokens of a block, M query tokens, T all tokens before the query, D width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce

import numpy as np
import torch
from torch import Tensor

from longattncomp_cli.core.backbones.base import (
    Encoding,
    LayerStates,
    OnTokens,
    SegmentStates,
    StateBlock,
    joined,
)
from longattncomp_cli.core.backbones.cache.disk import NotKeptError, StateFiles
from longattncomp_cli.core.backbones.cache.memory import ByteLRU
from longattncomp_cli.core.backbones.decoder.model import DecoderModel
from longattncomp_cli.core.backbones.decoder.prefill import KVCache
from longattncomp_cli.core.backbones.decoder.prompt_layout import PromptLayout, prompt_layout
from longattncomp_cli.core.chunking.chunks import ContextTokens
from longattncomp_cli.errors import InputError

_BLOCK_TOKENS = 4096
# Room in the cache for queries, so that another one seldom makes it grow.
_QUERY_ROOM = 512


@dataclass(frozen=True)
class ContextPass:
    """The part of a full pass that does not depend on the query: states (T, D) and the cache."""

    states: LayerStates
    cache: KVCache
    num_tokens: int

    @property
    def num_bytes(self) -> int:
        """In memory."""
        states = sum(part.numel() * part.element_size() for part in self.states.values())
        return states + self.cache.num_bytes


@dataclass(frozen=True)
class PassMemory:
    """Where contexts that were read are kept.

    Attributes:
        passes: in memory; room for none unless its ``max_bytes`` is more than 0.
        files: on disk, or ``None``.
        on_note: called with what the user should know.
    """

    passes: ByteLRU[ContextPass] = field(default_factory=lambda: ByteLRU(0))
    files: StateFiles | None = None
    on_note: Callable[[str], None] = lambda text: None


class FullPass:
    """Runs the pass of a decoder, and remembers the latest contexts.

    Args:
        model: the decoder's blocks.
        memory: where contexts are kept.
        segment_tokens: of the context, read at once; 0: as many as there are positions for.
    """

    def __init__(self, model: DecoderModel, memory: PassMemory, segment_tokens: int = 0) -> None:
        """Read with ``model``, look in ``memory`` first."""
        self.model = model
        self.segment_tokens = segment_tokens or model.max_positions
        self.memory = memory

    @torch.inference_mode()
    def encode(
        self,
        context: ContextTokens,
        query: str,
        instruction: str,
        layers: Sequence[int],
        on_tokens: OnTokens | None,
        null_query: str = "",
    ) -> Encoding:
        """Read the context, or recall it, and each query after it; later segments while blocks are read.

        Raises:
            InputError: the instruction and the query fill the model's positions.
            ResourceError: the device's memory is too small even for small parts.
        """
        layout = prompt_layout(self.model.text, context, instruction)
        queries = [
            tokens.ids for tokens in self.model.text.tokenize([query, null_query][: 1 + bool(null_query)])
        ]
        longest = max(map(len, queries))
        try:
            capacity = min(layout.num_opening + self.segment_tokens, self.model.max_positions - longest)
            segments = layout.segments(capacity)
        except ValueError:
            raise InputError(
                f"{self.model.spec.id} has {self.model.max_positions:,} positions, too few for the query of "
                f"{longest:,} tokens and an instruction of {layout.num_opening:,}",
                hint="use a shorter query, or --encoding windowed",
                code="too-long",
            ) from None
        reading = self._segments(segments, queries, layers, on_tokens)
        states, asked = next(reading)
        own = layout.instruction
        query_states, *null_states = (
            SegmentStates(torch.from_numpy(ids).to(self.model.device), found)
            for ids, found in zip(queries, asked, strict=True)
        )
        return Encoding(
            query=query_states,
            null=null_states[0] if null_states else None,
            instruction=SegmentStates(
                torch.from_numpy(layout.ids[own]).to(self.model.device),
                {layer: states[layer][own] for layer in layers},
            )
            if own.stop > own.start
            else None,
            blocks=self._blocks(segments, states, reading),
        )

    def _segments(
        self,
        segments: Sequence[PromptLayout],
        queries: Sequence[np.ndarray],
        layers: Sequence[int],
        on_tokens: OnTokens | None,
    ) -> Iterator[tuple[LayerStates, list[LayerStates]]]:
        """For each segment the states of its tokens (T, D), and of each query behind it (M, D)."""
        longest = max(map(len, queries))
        total = sum(len(segment.ids) for segment in segments)
        done = 0
        for segment in segments:
            progress = partial(_further, on_tokens, done, total) if on_tokens else None
            with torch.inference_mode():
                known = self._context(segment, longest, layers, progress)
                asked = [self._continue(known, ids, layers) for ids in queries]
            done += len(segment.ids)
            yield known.states, asked

    def _blocks(
        self,
        segments: Sequence[PromptLayout],
        first: LayerStates,
        others: Iterator[tuple[LayerStates, list[LayerStates]]],
    ) -> Iterator[StateBlock]:
        """The blocks of all segments; those after the first name the query that belongs to them."""
        device = self.model.device
        query: LayerStates | None = None
        states = first
        for number, segment in enumerate(segments):
            if number:
                states, asked = next(others)
                query = reduce(joined, asked)
            chunk_index_T = torch.from_numpy(segment.chunk_index).to(device)
            token_T = torch.from_numpy(segment.token_index).to(device)
            yield from _stored_blocks(chunk_index_T, token_T, states, query)

    def _context(
        self, layout: PromptLayout, num_query: int, layers: Sequence[int], on_tokens: OnTokens | None
    ) -> ContextPass:
        """Recall the context from memory or disk, or read it and keep it."""
        model = self.model
        dtype = model.dtype
        about = (model.spec.sha256, sorted(layers), str(dtype), model.device.type)
        key = hashlib.sha256(repr(about).encode() + layout.ids.tobytes()).hexdigest()
        known = self.memory.passes.get(key)
        if known is not None:
            return known
        room = min(model.max_positions, len(layout.ids) + max(num_query, _QUERY_ROOM))
        stored = None if self.memory.files is None else self.memory.files.read(key)
        if stored is not None:
            known = _restored(stored, room, model.device)
        else:
            known = self._read_context(layout, num_query, layers, on_tokens)
            if self.memory.files is not None:
                self._store(self.memory.files, key, known)
        self.memory.passes.put(key, known, known.num_bytes)
        return known

    def _store(self, files: StateFiles, key: str, known: ContextPass) -> None:
        """Write a context to disk, unless it is too large for it."""
        parts = {f"state/{layer}": value for layer, value in known.states.items()}
        for layer, pair in known.cache.buffers.items():
            for name, buffer in zip(("key", "value"), pair, strict=True):
                parts[f"{name}/{layer}"] = buffer[:, :, : known.num_tokens]
        try:
            with files.write(key) as writer:
                if not all(writer.add(name, value) for name, value in parts.items()):
                    raise NotKeptError
        except OSError as error:
            self.memory.on_note(f"the context could not be kept in --cache ({error.strerror or error})")

    def _read_context(
        self, layout: PromptLayout, num_query: int, layers: Sequence[int], on_tokens: OnTokens | None
    ) -> ContextPass:
        """Read everything before the query; in smaller parts where memory runs out."""
        total = len(layout.ids)
        room = min(self.model.max_positions, total + max(num_query, _QUERY_ROOM))
        part_tokens = self.model.part_tokens
        while True:
            cache = KVCache(room)
            try:
                parts = []
                for start in range(0, total, part_tokens):
                    part = layout.ids[start : start + part_tokens]
                    parts.append(self.model.forward(torch.from_numpy(part)[None], layers, cache))
                    if on_tokens:
                        on_tokens(start + len(part), total)
                states = {layer: torch.cat([part[layer][0] for part in parts]) for layer in layers}
                return ContextPass(states, cache, total)
            except torch.OutOfMemoryError as error:
                del cache
                parts = []
                part_tokens = self.model.halved_part(part_tokens, error)

    def _continue(self, known: ContextPass, query_ids: np.ndarray, layers: Sequence[int]) -> LayerStates:
        """States (M, D) of the query after the context; the cache is as before afterwards."""
        try:
            ids_M = torch.from_numpy(query_ids)
            parts = [
                self.model.forward(part[None], layers, known.cache)
                for part in torch.split(ids_M, self.model.part_tokens)
            ]
        finally:
            known.cache.rewind(known.num_tokens)
        return {layer: torch.cat([part[layer][0] for part in parts]) for layer in layers}


def _restored(stored: dict[str, Tensor], room: int, device: torch.device) -> ContextPass:
    """A context as it was written, its cache with room for a query."""
    states = {
        int(name.removeprefix("state/")): value.to(device)
        for name, value in stored.items()
        if name.startswith("state/")
    }
    cache = KVCache(room)
    for name, key in stored.items():
        if name.startswith("key/"):
            layer = int(name.removeprefix("key/"))
            cache.update(key.to(device), stored[f"value/{layer}"].to(device), layer)
    num_tokens = len(next(iter(states.values())))
    cache.advance(num_tokens)
    return ContextPass(states, cache, num_tokens)


def _stored_blocks(
    chunk_index_T: Tensor, token_T: Tensor, states: LayerStates, query: LayerStates | None
) -> Iterator[StateBlock]:
    """Hand out stored states in blocks, without the frame's tokens."""
    for start in range(0, len(chunk_index_T), _BLOCK_TOKENS):
        block = slice(start, start + _BLOCK_TOKENS)
        own_N = chunk_index_T[block] >= 0
        if own_N.any():
            part = {layer: value[block][own_N] for layer, value in states.items()}
            yield StateBlock(chunk_index_T[block][own_N], part, token_N=token_T[block][own_N], query=query)


def _further(on_tokens: OnTokens, before: int, total: int, done: int, _: int) -> None:
    """Tell of one segment's progress as a part of all."""
    on_tokens(before + done, total)
