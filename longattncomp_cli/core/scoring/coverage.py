"""A query asks for several things: what a better chunk already answers counts less in the next one.

Log pooling is a conjunction, so of two films that a question compares, or of four functions that it names,
chunks about the best-matched one fill the budget. Here chunks are taken greedily; the words of the query
that the taken ones answer (relative to the chunk that answers them best) lose part of their weight for those
that follow. Coverage only grows, so the scores in order of taking never rise.

Shapes: C chunks, M query tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor

MAX_RERANKED = 200
"""Chunks taken one by one; those after them keep the order that coverage has then."""


def rerank_for_coverage(shares_C: Tensor, gains_CM: Tensor, strength: float) -> Tensor:
    """Score each chunk by what it adds to the better ones.

    Args:
        shares_C: the chunks' scores.
        gains_CM: what each query token adds to each chunk's log score, never negative.
        strength: the share of a token's weight that is lost where it is answered fully, in [0, 1].

    Returns:
        (C,) new scores of the same sum; the best chunk stays the best.
    """
    num_scored = int(torch.count_nonzero(shares_C))
    if not num_scored:
        return shares_C
    log_C = shares_C.double().log()
    gains_CM = gains_CM.double()
    best_M = gains_CM.amax(dim=0).clamp_min(1e-9)
    covered_M = torch.zeros_like(best_M)
    result_C = torch.full_like(log_C, float("-inf"))
    left_C = log_C.clone()
    for _ in range(min(MAX_RERANKED, num_scored)):
        now_C = left_C - gains_CM @ (strength * covered_M)
        taken = int(now_C.argmax())
        result_C[taken] = now_C[taken]
        left_C[taken] = float("-inf")
        covered_M = torch.maximum(covered_M, gains_CM[taken] / best_M)
    rest_C = log_C - gains_CM @ (strength * covered_M)
    new_C = torch.where(result_C.isinf(), rest_C, result_C).softmax(dim=0)
    return (new_C * shares_C.double().sum()).to(shares_C)
