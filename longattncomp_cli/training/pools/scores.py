"""Score many questions against one pool of encoded chunks, with gradients and without N × M in memory.

The gradient of a chunk's log-sum-exp is the softmax inside the chunk. Where the logits would take too much
memory they are not kept, but computed a second time, block by block, on the way back. W_K is absorbed into
the queries, so the frozen context states need no gradient and no projection; heads that read the same states
are multiplied together, and layer 0, a table by token id, once for each id.

Shapes: N context tokens, U distinct ones, M query tokens, C chunks, H heads, X query tokens of the heads that
read the same states, D backbone width, B block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
KEPT_LOGITS_BYTES = 256 * 2**20
"""The logits of a pool that take more are computed a second time for the gradient."""


@dataclass(frozen=True)
class PoolStates:
    """A pool's tokens as the heads read them.

    Attributes:
        ids_N: token ids.
        unit_states: the distinct states (N, D) of length 1, or keys (N, K), in the dtype that is multiplied
            in; of those in ``row_N`` one for each distinct token (U, D).
        head_inputs: for each head its index in ``unit_states``.
        sizes_C: tokens of each chunk, in order.
        document_C: the document each chunk belongs to.
        passage_C: the running text each chunk belongs to, ascending: neighbours share their scores.
        instruction: states of the instruction's tokens, where they are the sink.
        row_N: of some ``unit_states``, by index, where each token stands in them.
    """

    ids_N: Tensor
    unit_states: tuple[Tensor, ...]
    head_inputs: tuple[int, ...]
    sizes_C: Tensor
    document_C: Tensor
    passage_C: Tensor
    instruction: LayerStates | None = None
    row_N: Mapping[int, Tensor] = field(default_factory=dict)

    def of_each_token(self, head: int) -> Tensor:
        """(N, D) what a head reads."""
        index = self.head_inputs[head]
        states = self.unit_states[index]
        return states[self.row_N[index]] if index in self.row_N else states


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
        num_bytes = len(pool.ids_N) * num_heads * num_query * chunks_CHM.element_size()
        keeps = ctx.needs_input_grad[0] and num_bytes <= KEPT_LOGITS_BYTES
        kept: list[Tensor] = []
        for group in _groups(projected_HMD, pool):
            for (_, chunks, local_B), logits_BX in zip(_blocks(pool.sizes_C), group.logits(), strict=True):
                if keeps:
                    kept.append(logits_BX)
                onehot_CB = F.one_hot(local_B, chunks.stop - chunks.start).T.float()
                # Each query's highest logit of the block is taken out, so that no exponential overflows.
                highest_X = logits_BX.amax(dim=0)
                weights_BX = (logits_BX - highest_X).clamp_min_(LOWEST_EXPONENT).exp_()
                sums_CX = (onehot_CB @ weights_BX).log_().add_(highest_X)
                chunks_CHM[chunks, group.heads] = sums_CX.view(-1, len(group.heads), num_query)
        ctx.pool, ctx.kept = pool, kept
        ctx.save_for_backward(projected_HMD, chunks_CHM)
        return chunks_CHM

    @staticmethod
    def backward(ctx: Any, grad_CHM: Tensor) -> tuple[Tensor, None]:
        projected_HMD, chunks_CHM = ctx.saved_tensors
        pool: PoolStates = ctx.pool
        grad_HMD = torch.zeros_like(projected_HMD)
        blocks = _blocks(pool.sizes_C)
        for number, group in enumerate(_groups(projected_HMD, pool)):
            # dy[c]/dlogit[n] = exp(logit[n] − y[c]): the token's share of its chunk. With
            # logit = states · projected, the queries' gradient is the states weighted by these shares.
            sums_CX = chunks_CHM[:, group.heads].flatten(1)
            grad_CX = grad_CHM[:, group.heads].flatten(1)
            kept = ctx.kept[number * len(blocks) : (number + 1) * len(blocks)]
            shares = (
                (logits_BX - sums_CX[chunks][local_B])
                .clamp_(LOWEST_EXPONENT, 0)
                .exp_()
                .mul_(grad_CX[chunks][local_B])
                for (_, chunks, local_B), logits_BX in zip(blocks, kept or group.logits(), strict=True)
            )
            grad_HMD[group.heads] = group.gradient(shares).view(len(group.heads), *grad_HMD.shape[1:])
        return grad_HMD, None


def chunk_logsumexp(projected_HMD: Tensor, pool: PoolStates) -> Tensor:
    """Return (C, H, M): what ``CrossAttention.chunk_logsumexp`` returns, differentiable in the queries."""
    result: Tensor = _ChunkLogSumExp.apply(projected_HMD, pool)  # type: ignore[no-untyped-call]
    return result


@dataclass(frozen=True)
class _Group:
    """Heads that read the same states, multiplied together.

    Attributes:
        heads: which.
        asked_XD: their projected queries, head after head.
        states: (N, D), or (U, D) with ``row_N``.
        row_N: where each token stands in them.
        blocks: the tokens of each block.
    """

    heads: list[int]
    asked_XD: Tensor
    states: Tensor
    row_N: Tensor | None
    blocks: list[slice]

    def logits(self) -> Iterator[Tensor]:
        """Yield (B, X) for each block."""
        asked_DX = self.asked_XD.T.to(self.states.dtype)
        if self.row_N is None:
            for tokens in self.blocks:
                yield (self.states[tokens] @ asked_DX).float()
        else:
            logits_UX = (self.states @ asked_DX).float()
            for tokens in self.blocks:
                yield logits_UX[self.row_N[tokens]]

    def gradient(self, shares: Iterator[Tensor]) -> Tensor:
        """(X, D) the states weighted by the shares (B, X) of each block."""
        if self.row_N is None:
            grad_XD = torch.zeros_like(self.asked_XD)
            for tokens, shares_BX in zip(self.blocks, shares, strict=True):
                grad_XD += shares_BX.T.to(self.states.dtype) @ self.states[tokens]
            return grad_XD
        shares_UX = self.asked_XD.new_zeros((len(self.states), len(self.asked_XD)))
        for tokens, shares_BX in zip(self.blocks, shares, strict=True):
            shares_UX.index_add_(0, self.row_N[tokens], shares_BX)
        return (shares_UX.T.to(self.states.dtype) @ self.states).to(self.asked_XD.dtype)


def _groups(projected_HMD: Tensor, pool: PoolStates) -> list[_Group]:
    """One for each of the pool's distinct inputs."""
    blocks = [tokens for tokens, _, _ in _blocks(pool.sizes_C)]
    groups = []
    for index, states in enumerate(pool.unit_states):
        heads = [head for head, own in enumerate(pool.head_inputs) if own == index]
        asked_XD = projected_HMD[heads].flatten(0, 1)
        groups.append(_Group(heads, asked_XD, states, pool.row_N.get(index), blocks))
    return groups


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
