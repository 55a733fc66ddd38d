"""Score many questions against one pool of encoded chunks, with gradients and without N × M in memory.

The gradient of a chunk's log-sum-exp is the softmax inside the chunk, so the logits need not be kept:
they are computed a second time, block by block, on the way back. W_K is absorbed into the queries, so the
frozen context states need no gradient and no projection.

Shapes: N context tokens, M query tokens, C chunks, H heads, D backbone width, B block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import LOWEST_EXPONENT, CrossAttention
from longattncomp_cli.core.attention.idf import idf
from longattncomp_cli.core.attention.pooling import (
    normalise,
    pool_log_mass,
    pool_mean,
    smooth_over_neighbours,
    without_null,
)
from longattncomp_cli.core.backbones.base import LayerStates

_BLOCK_TOKENS = 1024


@dataclass(frozen=True)
class PoolStates:
    """A pool's tokens as the heads read them.

    Attributes:
        ids_N: token ids.
        unit_states: the distinct states (N, D) of length 1, or keys (N, K), in the dtype that is multiplied
            in.
        head_inputs: for each head its index in ``unit_states``.
        sizes_C: tokens of each chunk, in order.
        document_C: the document each chunk belongs to.
        passage_C: the running text each chunk belongs to, ascending: neighbours share their scores.
        instruction: states of the instruction's tokens, where they are the sink.
    """

    ids_N: Tensor
    unit_states: tuple[Tensor, ...]
    head_inputs: tuple[int, ...]
    sizes_C: Tensor
    document_C: Tensor
    passage_C: Tensor
    instruction: LayerStates | None = None


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


class _ChunkLogSumExp(torch.autograd.Function):
    """``y[c] = log Σ exp(logit[n])`` over the tokens n of chunk c, block by block in both directions."""

    @staticmethod
    def forward(ctx: Any, projected_HMD: Tensor, pool: PoolStates) -> Tensor:
        num_heads, num_query, _ = projected_HMD.shape
        chunks_CHM = projected_HMD.new_empty((len(pool.sizes_C), num_heads, num_query))
        for tokens, chunks, local_B in _blocks(pool.sizes_C):
            onehot_CB = F.one_hot(local_B, chunks.stop - chunks.start).T.float()
            for head, logits_BM in enumerate(_logits(projected_HMD, pool, tokens)):
                # Each query's highest logit of the block is taken out, so that no exponential overflows.
                highest_M = logits_BM.amax(dim=0)
                weights_BM = (logits_BM - highest_M).clamp_min_(LOWEST_EXPONENT).exp_()
                chunks_CHM[chunks, head] = (onehot_CB @ weights_BM).log_().add_(highest_M)
        ctx.pool = pool
        ctx.save_for_backward(projected_HMD, chunks_CHM)
        return chunks_CHM

    @staticmethod
    def backward(ctx: Any, grad_CHM: Tensor) -> tuple[Tensor, None]:
        projected_HMD, chunks_CHM = ctx.saved_tensors
        pool: PoolStates = ctx.pool
        grad_HMD = torch.zeros_like(projected_HMD)
        for tokens, chunks, local_B in _blocks(pool.sizes_C):
            for head, logits_BM in enumerate(_logits(projected_HMD, pool, tokens)):
                # dy[c]/dlogit[n] = exp(logit[n] − y[c]): the token's share of its chunk. With
                # logit = states · projected, the queries' gradient is the states weighted by these shares.
                shares_BM = (logits_BM - chunks_CHM[chunks, head][local_B]).clamp_(LOWEST_EXPONENT, 0).exp_()
                shares_BM *= grad_CHM[chunks, head][local_B]
                states_BD = pool.unit_states[pool.head_inputs[head]][tokens]
                grad_HMD[head] += shares_BM.T.to(states_BD.dtype) @ states_BD
        return grad_HMD, None


def chunk_logsumexp(projected_HMD: Tensor, pool: PoolStates) -> Tensor:
    """Return (C, H, M): what ``CrossAttention.chunk_logsumexp`` returns, differentiable in the queries."""
    result: Tensor = _ChunkLogSumExp.apply(projected_HMD, pool)  # type: ignore[no-untyped-call]
    return result


def _logits(projected_HMD: Tensor, pool: PoolStates, tokens: slice) -> list[Tensor]:
    """For each head (B, M)."""
    return [
        (pool.unit_states[index][tokens] @ projected_HMD[head].T.to(pool.unit_states[index].dtype)).float()
        for head, index in enumerate(pool.head_inputs)
    ]


def _blocks(sizes_C: Tensor) -> list[tuple[slice, slice, Tensor]]:
    """Token range, chunk range and each token's chunk inside it, for runs of about ``_BLOCK_TOKENS``."""
    blocks = []
    sizes = sizes_C.tolist()
    token = chunk = 0
    while chunk < len(sizes):
        end, count = chunk, 0
        while end < len(sizes) and (end == chunk or count + sizes[end] <= _BLOCK_TOKENS):
            count += sizes[end]
            end += 1
        local_B = torch.repeat_interleave(
            torch.arange(end - chunk, device=sizes_C.device), sizes_C[chunk:end]
        )
        blocks.append((slice(token, token + count), slice(chunk, end), local_B))
        token, chunk = token + count, end
    return blocks


class PoolIdf:
    """Inverse document frequency of tokens among those chunks of a pool that a question may see."""

    def __init__(self, pool: PoolStates) -> None:
        """Index which chunks hold which token."""
        owner = np.repeat(np.arange(len(pool.sizes_C)), pool.sizes_C.cpu().numpy())
        pairs = np.unique(np.stack([pool.ids_N.cpu().numpy(), owner]), axis=1)
        self._ids, self._chunks = pairs

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
    query_ids: Sequence[Tensor],
    query_states: Sequence[LayerStates],
    allowed: Sequence[np.ndarray],
    *,
    pooling: str = "log",
    dropout: float = 0.0,
    null: LayerStates | None = None,
) -> list[QuestionScores]:
    """Score every question over the chunks that it is allowed to see.

    Args:
        attention: the trained layer.
        pool: the chunks.
        query_ids, query_states: of each question.
        allowed: for each question (C,) booleans.
        pooling: ``log`` or ``mean``.
        dropout: share of the query states' numbers set to 0.
        null: states of the null query, whose mass is taken out under mean pooling.
    """
    asked = [*query_states, *([] if null is None else [null])]
    units = [torch.stack(attention.unit_states(states)) for states in asked]
    lengths = [unit_HMD.shape[1] for unit_HMD in units]
    # Dropout on the queries alone: the pool's states are shared by all questions.
    dropped = [F.dropout(unit_HMD, dropout) for unit_HMD in units] if dropout else units
    joined = {layer: torch.cat([states[layer] for states in asked]) for layer in attention.reads}
    projected_HMD = attention.project_queries(torch.cat(dropped, dim=1), joined)
    logits_of = torch.split(chunk_logsumexp(projected_HMD, pool), lengths, 2)
    projected_of = torch.split(projected_HMD, lengths, 1)
    idf = PoolIdf(pool)
    results = []
    own = slice(len(query_states))
    parts = zip(logits_of[own], projected_of[own], dropped[own], query_ids, allowed, strict=True)
    for logits_CHM, own_HMD, unit_HMD, ids_M, may_see_C in parts:
        allowed_C = torch.from_numpy(may_see_C).to(logits_CHM.device)
        mass = normalise(logits_CHM[allowed_C], _sink_logits(attention, own_HMD, pool))
        if pooling == "mean":
            scores_C, sink = pool_mean(mass)
            if null is not None:
                null_sink_HM = _sink_logits(attention, projected_of[-1], pool)
                null_C, _ = pool_mean(normalise(logits_of[-1][allowed_C], null_sink_HM))
                scores_C = without_null(scores_C, null_C)
        else:
            weights_HM = attention.weights(unit_HMD, idf(ids_M, may_see_C))
            scored = pool_log_mass(mass, weights_HM, attention.floor)
            passage_C = pool.passage_C[allowed_C]
            scores_C, sink = smooth_over_neighbours(*scored, attention.neighbour_weight(unit_HMD), passage_C)
        results.append(QuestionScores(scores_C, sink, allowed_C))
    return results


def _sink_logits(attention: CrossAttention, projected_HMD: Tensor, pool: PoolStates) -> Tensor | None:
    """(H, M) of the trained sink, or of the instruction's tokens together."""
    if attention.learned_sink:
        return attention.sink_logits(projected_HMD)
    if pool.instruction is None:
        return None
    return attention.logits(projected_HMD, pool.instruction).logsumexp(dim=0)
