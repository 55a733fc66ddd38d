"""From attention to chunk scores, in the order of Speculative Prefill (arXiv:2502.02789).

Softmax in fp32 for each layer, head and step, over the prompt's tokens only → average pooling along the text
(kernel 13, padding 6) → maximum over layers and heads → mean over steps → mean over each chunk. Chunks are
its own: ``CHUNK_TOKENS`` tokens each, wherever they end, as in Cross-Family Speculative Prefill
(arXiv:2603.02631). The budget is the benchmark's, as for every method.

Shapes: N prompt or context tokens, M query tokens or steps, A attention heads, L layers, C chunks.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from longattncomp_cli.core.text.arrays import FloatArray

CHUNK_TOKENS = 128
_KERNEL, _PADDING = 13, 6


def pooled(attention_MN: Tensor) -> Tensor:
    """Smooth along the text: (M, N) → (M, N)."""
    return F.avg_pool1d(attention_MN[:, None], _KERNEL, stride=1, padding=_PADDING)[:, 0]


def step_scores(attention_LAMN: Tensor) -> Tensor:
    """Token scores of a whole stack of attentions: (L, A, M, N), rows that sum to 1 → (N,)."""
    rows = attention_LAMN.flatten(0, 1)
    smooth = torch.stack([pooled(head_MN) for head_MN in rows])
    return smooth.amax(dim=0).mean(dim=0)


def chunk_means(scores_N: Tensor, owner_N: Tensor, num_chunks: int) -> FloatArray:
    """(C,) the mean over each chunk's tokens; 0 where it has none."""
    sums_C = torch.zeros(num_chunks, dtype=torch.float64).index_add_(0, owner_N, scores_N.double())
    counts_C = torch.bincount(owner_N, minlength=num_chunks)
    means: FloatArray = (sums_C / counts_C.clamp_min(1)).numpy()
    return means
