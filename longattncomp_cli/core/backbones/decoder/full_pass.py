"""The ``full`` encoding: one causal pass ``[instruction][context][query]`` through a decoder, in parts.

What comes before the query does not depend on it, so its states and its cache can serve another query.

Shapes: N context tokens of a block, M query tokens, T all tokens before the query, D width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from longattncomp_cli.core.backbones.base import Encoding, LayerStates, OnTokens, SegmentStates, StateBlock
from longattncomp_cli.core.backbones.cache.disk import NotKeptError, StateFiles
from longattncomp_cli.core.backbones.cache.memory import ByteLRU
from longattncomp_cli.core.backbones.decoder.model import DecoderModel
from longattncomp_cli.core.backbones.decoder.prefill import KVCache
from longattncomp_cli.core.chunking.chunks import ContextTokens
from longattncomp_cli.errors import InputError

_BLOCK_TOKENS = 4096
# Room in the cache for queries, so that another one seldom makes it grow.
_QUERY_ROOM = 512


@dataclass(frozen=True)
class _Layout:
    """What ``full`` reads before the query.

    Attributes:
        ids: (T,) token ids.
        chunk_index: (T,) each token's chunk; -1: none.
        token_index: (T,) its index among the tokens of its source; -1: none, or in a title.
        instruction: where the instruction stands.
    """

    ids: np.ndarray
    chunk_index: np.ndarray
    token_index: np.ndarray
    instruction: slice


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
    """

    def __init__(self, model: DecoderModel, memory: PassMemory) -> None:
        """Read with ``model``, look in ``memory`` first."""
        self.model = model
        self.memory = memory

    @torch.inference_mode()
    def encode(
        self,
        context: ContextTokens,
        query: str,
        instruction: str,
        layers: Sequence[int],
        on_tokens: OnTokens | None,
    ) -> Encoding:
        """Read the context, or recall it, and the query after it.

        Raises:
            InputError: the request is longer than the model's positions.
            ResourceError: the device's memory is too small even for small parts.
        """
        layout = self._layout(context, instruction)
        query_ids = self.model.text.tokenize([query])[0].ids
        num_tokens = len(layout.ids) + len(query_ids)
        if num_tokens > self.model.max_positions:
            raise InputError(
                f"{num_tokens:,} tokens are more than the {self.model.max_positions:,} positions "
                f"of {self.model.spec.id}",
                hint="use --encoding windowed, which reads any length",
                code="too-long",
            )
        known = self._context(layout, len(query_ids), layers, on_tokens)
        query_states = self._continue(known, query_ids, layers)
        chunk_index_T = torch.from_numpy(layout.chunk_index).to(self.model.device)
        token_T = torch.from_numpy(layout.token_index).to(self.model.device)
        own = layout.instruction
        return Encoding(
            query=SegmentStates(torch.from_numpy(query_ids).to(self.model.device), query_states),
            instruction=SegmentStates(
                torch.from_numpy(layout.ids[own]).to(self.model.device),
                {layer: known.states[layer][own] for layer in layers},
            )
            if own.stop > own.start
            else None,
            blocks=_stored_blocks(chunk_index_T, token_T, known.states),
        )

    def _context(
        self, layout: _Layout, num_query: int, layers: Sequence[int], on_tokens: OnTokens | None
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

    def _layout(self, context: ContextTokens, instruction: str) -> _Layout:
        """The frame's opening, the instruction and each source, with the frame's separator between them."""
        between = self.model.text.between
        parts = [_frame(self.model.text.opening)]
        instruction_ids: Sequence[int] = ()
        if instruction.strip():
            instruction_ids = self.model.text.tokenize([instruction])[0].ids.tolist()
        start = len(self.model.text.opening)
        if instruction_ids:
            parts += [_frame(instruction_ids), _frame(between)]
        for source, title in zip(context.sources, context.titles, strict=True):
            first = source.chunks[0].index
            chunk_index = np.repeat([chunk.index for chunk in source.chunks], np.diff(source.bounds))
            parts.append((np.array(title), np.full(len(title), first), np.full(len(title), -1)))
            parts.append((source.tokens.ids, chunk_index, np.arange(len(chunk_index))))
            parts.append(_frame(between))
        ids, chunk_index, token_index = (
            np.concatenate(part).astype(np.int64) for part in zip(*parts, strict=True)
        )
        return _Layout(ids, chunk_index, token_index, slice(start, start + len(instruction_ids)))

    def _read_context(
        self, layout: _Layout, num_query: int, layers: Sequence[int], on_tokens: OnTokens | None
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
        none = torch.zeros(0, self.model.width, device=self.model.device, dtype=self.model.dtype)
        return {layer: torch.cat([none, *(part[layer][0] for part in parts)]) for layer in layers}


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


def _stored_blocks(chunk_index_T: Tensor, token_T: Tensor, states: LayerStates) -> Iterator[StateBlock]:
    """Hand out stored states in blocks, without the frame's tokens."""
    for start in range(0, len(chunk_index_T), _BLOCK_TOKENS):
        block = slice(start, start + _BLOCK_TOKENS)
        own_N = chunk_index_T[block] >= 0
        if own_N.any():
            part = {layer: value[block][own_N] for layer, value in states.items()}
            yield StateBlock(chunk_index_T[block][own_N], part, token_N=token_T[block][own_N])


def _frame(ids: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids, chunks and token indices of tokens that belong to no source."""
    nothing = np.full(len(ids), -1)
    return np.array(ids, dtype=np.int64), nothing, nothing
