"""Training the hop alone: the layer stays as it is, and the best chunks of its scores ask on.

The loss is the same cross-entropy over chunks, of the scores after the hop, without the sink: a hop leaves it
alone, and beside a large sink the loss would ask to take from the best chunk instead of from the irrelevant
ones. Shapes: N tokens, C chunks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from longattncomp_cli.core.attention.hop_layer import HopLayer
from longattncomp_cli.core.attention.hops import hop, hop_query
from longattncomp_cli.core.attention.pooling import softmax_with_sink
from longattncomp_cli.core.backbones.base import SegmentStates, StateBlock
from longattncomp_cli.training.judging import PoolReader, ReadPool
from longattncomp_cli.training.pool_scores import QuestionScores, Rarity

HOP_RANK = 8
"""Chosen on held-out training questions: 16 was no better."""


@dataclass(frozen=True)
class _ReadPoolStates:
    """The chunks of a pool that a question may see, as one block."""

    layer: int
    block: StateBlock

    def replay(self) -> Iterator[StateBlock]:
        """Give the block."""
        return iter([self.block])


@dataclass(frozen=True, kw_only=True)
class HopReader(PoolReader):
    """Scores questions by two hops."""

    hop_layer: HopLayer

    @property
    def judges_sink(self) -> bool:
        """A hop leaves the sink alone."""
        return False

    def score(
        self, read: ReadPool, allowed: Sequence[np.ndarray], dropout: float = 0.0
    ) -> list[QuestionScores]:
        """Ask every question over the chunks (C,) that it may see; gradients reach the hop alone."""
        queries = self.queries(read)
        with torch.no_grad():
            first = self.score_queries(read, queries, allowed)
        rarity = Rarity(read.states)
        states = [self._visible(read, scores.allowed_C) for scores in first]
        hopped = []
        for (ids_M, query_states), scores, may, seen in zip(queries, first, allowed, states, strict=True):
            share_C, _ = softmax_with_sink(scores.chunks_C, scores.sink)
            raised_C = hop(
                share_C,
                hop_query(SegmentStates(ids_M, query_states), seen.layer),
                partial(rarity.frequency, allowed_C=may),
                seen,
                self.hop_layer,
                dropout=dropout,
            )
            log_C = raised_C.clamp_min(torch.finfo(raised_C.dtype).tiny).log()
            hopped.append(QuestionScores(log_C, None, scores.allowed_C))
        return hopped

    def _visible(self, read: ReadPool, allowed_C: torch.Tensor) -> _ReadPoolStates:
        """The states that the hop reads: the deepest heads', which are not centred."""
        pool = read.states
        layer = max(self.attention.layers)
        unit_ND = pool.normal[pool.head_inputs[self.attention.layers.index(layer)]]
        owner_N = torch.arange(len(pool.sizes_C), device=allowed_C.device).repeat_interleave(pool.sizes_C)
        if allowed_C.all():
            return _ReadPoolStates(layer, StateBlock(owner_N, {layer: unit_ND}, pool.ids_N))
        visible_N = allowed_C[owner_N]
        local_N = (allowed_C.cumsum(0) - 1)[owner_N[visible_N]]
        block = StateBlock(local_N, {layer: unit_ND[visible_N]}, pool.ids_N[visible_N.cpu()])
        return _ReadPoolStates(layer, block)
