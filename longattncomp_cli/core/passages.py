"""What is relevant is longer than a chunk: a chunk's score reaches on to what follows it in its passage.

A passage is a paragraph, a definition, a turn: as many chunks as go on in one another. What follows the
relevant beginning of a passage rarely repeats the query's words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from longattncomp_cli.core.types import Chunk, IntArray


def passage_numbers(chunks: Sequence[Chunk]) -> IntArray:
    """(C,) the number of the passage that each chunk lies in, ascending."""
    return np.cumsum([not chunk.continues for chunk in chunks])


def reach(shares_C: Tensor, passage_C: IntArray, fall: float) -> Tensor:
    """Raise chunks to what reaches them from before, in their passage.

    Args:
        shares_C: the chunks' scores.
        passage_C: from :func:`passage_numbers`.
        fall: by how much a log score falls from each chunk to the next, in standard deviations of all.

    Returns:
        (C,) new scores of the same sum, none of which fell against the best; what had none still has none.
    """
    share_C = shares_C.double().cpu().numpy()
    scored_C = share_C > 0
    if not scored_C.any():
        return shares_C
    with np.errstate(divide="ignore"):
        log_C = np.log(share_C)
    step = fall * log_C[scored_C].std()
    for index in np.flatnonzero((passage_C[1:] == passage_C[:-1]) & scored_C[1:]) + 1:
        log_C[index] = max(log_C[index], log_C[index - 1] - step)
    return of_same_sum(torch.from_numpy(log_C), shares_C)


def of_same_sum(log_C: Tensor, shares_C: Tensor) -> Tensor:
    """Turn log scores (C,), not all ``-inf``, into scores whose sum is that of ``shares_C``."""
    return (log_C.softmax(dim=0) * shares_C.sum().double().cpu()).to(shares_C)
