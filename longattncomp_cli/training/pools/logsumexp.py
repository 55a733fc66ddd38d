"""The log-sum-exp of each chunk's logits over a pool, with gradients and without N × M in memory.

The gradient of a chunk's log-sum-exp is the softmax inside the chunk. Where the logits would take too much
memory they are not kept, but computed a second time, block by block, on the way back. W_K is absorbed into
the queries, so the frozen context states need no gradient and no projection; heads that read the same states
are multiplied together, and layer 0, a table by token id, once for each id.

Shapes: N context tokens, U distinct ones, M query tokens, C chunks, H heads, X query tokens of the heads that
read the same states, D backbone width, B block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import LOWEST_EXPONENT
from longattncomp_cli.training.pools.states import PoolStates

_BLOCK_TOKENS = 1024
KEPT_LOGITS_BYTES = 256 * 2**20
"""The logits of a pool that take more are computed a second time for the gradient."""


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
