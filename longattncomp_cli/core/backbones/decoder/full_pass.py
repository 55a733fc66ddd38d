"""The ``full`` encoding: one causal pass ``[instruction][context][query]`` through a decoder, in parts.

What comes before the query does not depend on it, so its states and its cache can serve another query.

A context that is longer than the model's positions is read in segments that overlap, each behind the
instruction and before the query. A token counts in one segment, where more stands before it, and is compared
with the query as it reads there; the softmax goes over all of them. Cost grows with the context's length.

Shapes: N context tokens of a block, M query tokens, T all tokens before the query, D width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
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
from longattncomp_cli.core.backbones.decoder.model import DecoderModel
from longattncomp_cli.core.backbones.decoder.pass_memory import ContextPass, PassMemory
from longattncomp_cli.core.backbones.decoder.prefill import KVCache
from longattncomp_cli.core.backbones.decoder.prompt_layout import PromptLayout, prompt_layout
from longattncomp_cli.core.chunking.chunks import ContextTokens
from longattncomp_cli.errors import InputError

_BLOCK_TOKENS = 4096
# Room in the cache for queries, so that another one seldom makes it grow.
_QUERY_ROOM = 512


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
        about = (model.spec.sha256, sorted(layers), str(model.dtype), model.device.type)
        key = hashlib.sha256(repr(about).encode() + layout.ids.tobytes()).hexdigest()
        known = self.memory.recall(key, self._room(len(layout.ids), num_query), model.device)
        if known is None:
            known = self.read(layout.ids, num_query, layers, on_tokens)
            self.memory.keep(key, known)
        return known

    def _room(self, num_tokens: int, num_query: int) -> int:
        """How many tokens the cache of a context holds before it must grow."""
        return min(self.model.max_positions, num_tokens + max(num_query, _QUERY_ROOM))

    def read(
        self, ids: np.ndarray, num_query: int, layers: Sequence[int], on_tokens: OnTokens | None = None
    ) -> ContextPass:
        """Read everything before the query; in smaller parts where memory runs out.

        Args:
            ids: (T,) of the tokens.
            num_query: tokens of the longest query that is read behind them.
            layers: whose states are wanted.
            on_tokens: called with (tokens done, tokens in total).

        Raises:
            ResourceError: the device's memory is too small even for small parts.
        """
        total = len(ids)
        room = self._room(total, num_query)
        part_tokens = self.model.part_tokens
        while True:
            cache = KVCache(room)
            try:
                parts = []
                for start in range(0, total, part_tokens):
                    part = ids[start : start + part_tokens]
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
