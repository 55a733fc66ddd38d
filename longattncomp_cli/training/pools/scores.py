"""Score many questions against one pool of encoded chunks, in training.

Shapes: M query tokens, C chunks, H heads, D backbone width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.attention.idf import idf
from longattncomp_cli.core.attention.pooling import (
    LogMass,
    normalise,
    pool_log_mass,
    pool_mean,
    smooth_over_neighbours,
    without_null,
)
from longattncomp_cli.core.backbones.base import SegmentStates
from longattncomp_cli.core.checkpoint.config import Pooling
from longattncomp_cli.training.pools.logsumexp import chunk_logsumexp
from longattncomp_cli.training.pools.states import PoolStates


@dataclass(frozen=True)
class QuestionScores:
    """What pooling made of one question.

    Attributes:
        chunks_C: log scores under log pooling (softmax over chunks and sink), masses under mean pooling.
        sink: likewise, or ``None``.
        allowed_C: the chunks that the question was asked over.
    """

    chunks_C: Tensor
    sink: Tensor | None
    allowed_C: Tensor


class PoolIdf:
    """Inverse document frequency of tokens among those chunks of a pool that a question may see."""

    def __init__(self, pool: PoolStates) -> None:
        """Index which chunks hold which token."""
        owner = np.repeat(np.arange(len(pool.sizes_C)), pool.sizes_C.cpu().numpy())
        # One number a pair sorts in a tenth of the time that rows of an array take.
        num_chunks = max(1, len(pool.sizes_C))
        pairs = np.unique(pool.ids_N.cpu().numpy().astype(np.int64) * num_chunks + owner)
        self._ids, self._chunks = np.divmod(pairs, num_chunks)

    def __call__(self, ids_M: Tensor, allowed_C: np.ndarray) -> Tensor:
        """(M,) the IDF of tokens among the allowed chunks."""
        frequency = self.frequency(ids_M.cpu().numpy(), allowed_C)
        return torch.from_numpy(idf(frequency, int(allowed_C.sum()))).float().to(ids_M.device)

    def frequency(self, ids: np.ndarray, allowed_C: np.ndarray) -> np.ndarray:
        """How many of the allowed chunks hold each of some token ids."""
        first, last = np.searchsorted(self._ids, ids), np.searchsorted(self._ids, ids, side="right")
        return np.array([allowed_C[self._chunks[a:b]].sum() for a, b in zip(first, last, strict=True)])


def score_questions(
    attention: CrossAttention,
    pool: PoolStates,
    queries: Sequence[SegmentStates],
    allowed: Sequence[np.ndarray],
    *,
    pooling: Pooling = "log",
    dropout: float = 0.0,
    null: SegmentStates | None = None,
) -> list[QuestionScores]:
    """Score every question over the chunks that it is allowed to see.

    Args:
        attention: the trained layer.
        pool: the chunks.
        queries: one a question.
        allowed: for each question (C,) booleans.
        pooling: ``log`` or ``mean``.
        dropout: share of the query states' numbers set to 0.
        null: the null query, whose mass is taken out under mean pooling.
    """
    asked = _read(attention, pool, queries if null is None else [*queries, null], dropout)
    null_asked = None if null is None else asked.pop()
    idf = PoolIdf(pool)
    results = []
    for query, each, may_see_C in zip(queries, asked, allowed, strict=True):
        allowed_C = torch.from_numpy(may_see_C).to(each.logits_CHM.device)
        mass = each.mass(allowed_C)
        if pooling == "mean":
            scores_C, sink = pool_mean(mass)
            if null_asked is not None:
                scores_C = without_null(scores_C, pool_mean(null_asked.mass(allowed_C))[0])
        else:
            weights_HM = attention.weights(each.unit_HMD, idf(query.ids, may_see_C))
            pooled = pool_log_mass(mass, weights_HM, attention.floor)
            neighbour_weight = attention.neighbour_weight(each.unit_HMD)
            scores_C, sink = smooth_over_neighbours(*pooled, neighbour_weight, pool.passage_C[allowed_C])
        results.append(QuestionScores(scores_C, sink, allowed_C))
    return results


@dataclass(frozen=True)
class _Asked:
    """What the layer makes of one query.

    Attributes:
        unit_HMD: its states as each head reads them.
        logits_CHM: the log-sum-exp of the logits of each chunk's tokens.
        sink_HM: the sink's logits.
    """

    unit_HMD: Tensor
    logits_CHM: Tensor
    sink_HM: Tensor | None

    def mass(self, allowed_C: Tensor) -> LogMass:
        """That of the chunks which it is allowed to see."""
        return normalise(self.logits_CHM[allowed_C], self.sink_HM)


def _read(
    attention: CrossAttention, pool: PoolStates, queries: Sequence[SegmentStates], dropout: float
) -> list[_Asked]:
    """Compare all queries with all chunks, multiplied together."""
    units = [torch.stack(attention.unit_states(query.states)) for query in queries]
    lengths = [unit_HMD.shape[1] for unit_HMD in units]
    # Dropout on the queries alone: the pool's states are shared by all questions.
    units = [F.dropout(unit_HMD, dropout) for unit_HMD in units] if dropout else units
    joined = {layer: torch.cat([query.states[layer] for query in queries]) for layer in attention.reads}
    projected_HMD = attention.project_queries(torch.cat(units, dim=1), joined)
    logits = torch.split(chunk_logsumexp(projected_HMD, pool), lengths, 2)
    projected = torch.split(projected_HMD, lengths, 1)
    sinks = (_sink_logits(attention, own_HMD, pool) for own_HMD in projected)
    return [_Asked(*each) for each in zip(units, logits, sinks, strict=True)]


def _sink_logits(attention: CrossAttention, projected_HMD: Tensor, pool: PoolStates) -> Tensor | None:
    """(H, M) of the trained sink, or of the instruction's tokens together."""
    if attention.learned_sink:
        return attention.sink_logits(projected_HMD)
    if pool.instruction is None:
        return None
    return attention.logits(projected_HMD, pool.instruction).logsumexp(dim=0)
