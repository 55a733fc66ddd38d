"""What the scorer gives: chunks with one score each. Plain data, no torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.text.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    from longattncomp_cli.core.checkpoint.logistic import Features, LogisticModel


@dataclass(frozen=True)
class ChunkScores:
    """The scorer's verdict on every chunk of one request.

    Attributes:
        chunks: in source order; their spans partition each source's context.
        scores: (C,) one float a chunk, higher is more relevant; together with ``sink`` they sum to 1.
        sink: the mass that no chunk drew, or ``None`` where the checkpoint has no sink.
        calibration: of the checkpoint, see :mod:`longattncomp_cli.core.checkpoint.logistic`.
        signs: what a calibration may read, see :mod:`longattncomp_cli.core.scoring.confidence`.
        enough: the probability that few chunks hold all that is needed; see
            :mod:`longattncomp_cli.core.selection.auto`.
    """

    chunks: tuple[Chunk, ...]
    scores: FloatArray
    sink: float | None
    calibration: LogisticModel | None = None
    signs: Features | None = None
    enough: float | None = None

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

    @property
    def confidence(self) -> float | None:
        """The probability that the context holds what is asked; ``1 − sink`` where nothing is fitted."""
        from longattncomp_cli.core.checkpoint.logistic import calibrated

        return None if self.sink is None else calibrated(1.0 - self.sink, self.calibration, self.signs)
