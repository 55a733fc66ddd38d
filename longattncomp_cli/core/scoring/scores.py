"""What the scorer gives: chunks with one score each. Plain data, no torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from longattncomp_cli.core.checkpoint.logistic import Features
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.text.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class ChunkScores:
    """The scores of all chunks of one request.

    Attributes:
        chunks: in source order; their spans partition each source's context.
        scores: (C,) one float a chunk, higher is more relevant; together with ``sink`` they sum to 1.
        sink: the mass that no chunk drew, or ``None`` where the checkpoint has no sink.
        confidence: the probability that the context holds what is asked; ``1 − sink`` where the checkpoint
            has no confidence model; ``None`` without a sink.
        features: what that model reads, see :mod:`longattncomp_cli.core.scoring.confidence`.
        sufficiency: the probability that few chunks hold all that is needed, see
            :mod:`longattncomp_cli.core.selection.auto`; ``None`` where it is not known.
        unknown_share: the share of the context's tokens that the backbone's vocabulary lacks.
    """

    chunks: tuple[Chunk, ...]
    scores: FloatArray
    sink: float | None
    confidence: float | None = None
    features: Features | None = None
    sufficiency: float | None = None
    unknown_share: float = 0.0

    @cached_property
    def order(self) -> IntArray:
        """(C,) chunk indices, best first; of equal scores the earlier chunk is better."""
        return np.argsort(-self.scores, kind="stable")

    @cached_property
    def ranks(self) -> IntArray:
        """(C,) the rank of each chunk, from 1."""
        ranks = np.empty(len(self.chunks), dtype=np.int64)
        ranks[self.order] = np.arange(1, len(self.chunks) + 1)
        return ranks
