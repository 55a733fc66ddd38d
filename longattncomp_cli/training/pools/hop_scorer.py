"""Training the second hop alone: the layer is fixed, and tokens of its best chunks are the hop's feedback.

The loss is the same cross-entropy over chunks, of the scores after the hop, without the sink: a hop does not
change it, and beside a large sink the gradient would lower the best chunk's score instead of the irrelevant
ones'. Shapes: M query tokens, N context tokens, C chunks, D width.
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
from longattncomp_cli.core.backbones.base import StateBlock
from longattncomp_cli.training.pools.scorer import EncodedPool, PoolScorer
from longattncomp_cli.training.pools.scores import PoolIdf, QuestionScores

HOP_RANK = 8
"""Rank of the learned relation. Chosen on held-out training questions: 16 was no better."""


@dataclass(frozen=True)
class _VisibleStates:
    """The states of the chunks that a question may see, as one block."""

    layer: int
    block: StateBlock

    def replay(self) -> Iterator[StateBlock]:
        """Yield the block; a hop reads the states more than once."""
        return iter([self.block])


@dataclass(frozen=True, kw_only=True)
class HopScorer(PoolScorer):
    """Scores questions by two hops."""

    hop_layer: HopLayer

    @property
    def evaluates_sink(self) -> bool:
        """Whether the sink is trained; a hop does not change it."""
        return False

    def score(
        self, encoded: EncodedPool, allowed: Sequence[np.ndarray], dropout: float = 0.0
    ) -> list[QuestionScores]:
        """Score the chunks (C,) that each question may see; gradients reach the hop alone."""
        queries = self.queries(encoded)
        with torch.no_grad():
            first = self.score_queries(encoded, queries, allowed)
        idf = PoolIdf(encoded.states)
        visible = [self._visible(encoded, scores.allowed_C) for scores in first]
        hopped = []
        for query, scores, may_see_C, states in zip(queries, first, allowed, visible, strict=True):
            share_C, _ = softmax_with_sink(scores.chunks_C, scores.sink)
            boosted_C = hop(
                share_C,
                hop_query(query, states.layer),
                partial(idf.frequency, allowed_C=may_see_C),
                states,
                self.hop_layer,
                dropout=dropout,
            )
            log_C = boosted_C.clamp_min(torch.finfo(boosted_C.dtype).tiny).log()
            hopped.append(QuestionScores(log_C, None, scores.allowed_C))
        return hopped

    def _visible(self, encoded: EncodedPool, allowed_C: torch.Tensor) -> _VisibleStates:
        """The states that the hop reads: the deepest layer's, which are not centred."""
        pool = encoded.states
        layer = max(self.attention.layers)
        unit_ND = pool.of_each_token(self.attention.layers.index(layer))
        chunk_N = torch.arange(len(pool.sizes_C), device=allowed_C.device).repeat_interleave(pool.sizes_C)
        ids_N = pool.ids_N.to(allowed_C.device)
        if allowed_C.all():
            return _VisibleStates(layer, StateBlock(chunk_N, {layer: unit_ND}, ids_N))
        visible_N = allowed_C[chunk_N]
        # Chunks that may be seen are numbered anew, from 0 and without gaps.
        local_N = (allowed_C.cumsum(0) - 1)[chunk_N[visible_N]]
        block = StateBlock(local_N, {layer: unit_ND[visible_N]}, ids_N[visible_N])
        return _VisibleStates(layer, block)
