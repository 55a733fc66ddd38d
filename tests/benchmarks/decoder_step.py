"""How long a training step of the cross-attention layer takes on a large decoder's states."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.backbones.base import SegmentStates
from longattncomp_cli.training.pools.scores import score_questions
from longattncomp_cli.training.pools.states import PoolStates

NUM_HEADS, HEAD_WIDTH, QUERY_TOKENS, CHUNK_TOKENS = 16, 128, 64, 128


def synchronise(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def training(
    width: int, num_tokens: int, device: torch.device, dtype: torch.dtype, clock: Callable[[], float]
) -> float:
    """Seconds of a step of the layer: 16 heads of 128, one question of 64 tokens, chunks of 128 tokens."""
    attention = CrossAttention([1] * NUM_HEADS, width, HEAD_WIDTH).to(device)
    optimizer = torch.optim.AdamW(attention.parameters(), lr=1e-4)
    num_chunks = num_tokens // CHUNK_TOKENS
    context = {1: torch.randn(num_chunks * CHUNK_TOKENS, width, device=device, dtype=dtype)}
    query = {1: torch.randn(QUERY_TOKENS, width, device=device, dtype=dtype)}
    chunk_C = torch.arange(num_chunks, device=device)
    allowed_C = np.ones(num_chunks, dtype=bool)
    relevant_C = chunk_C < 2

    def step() -> float:
        synchronise(device)
        start = clock()
        units = tuple(unit.to(dtype) for unit in attention.unit_states(context)[:1])
        sizes_C = torch.full_like(chunk_C, CHUNK_TOKENS)
        ids_N = torch.arange(len(context[1]))
        pool = PoolStates(ids_N, units, (0,) * NUM_HEADS, sizes_C, chunk_C, chunk_C)
        asked = SegmentStates(ids_N[:QUERY_TOKENS], query)
        scores = score_questions(attention, pool, [asked], [allowed_C], pooling="mean", dropout=0.1)
        loss = -scores[0].chunks_C[relevant_C].clamp_min(1e-9).log().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        synchronise(device)
        return clock() - start

    step()
    return min(step() for _ in range(3))
