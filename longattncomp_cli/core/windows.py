"""Windows: the runs of tokens that a windowed backbone reads at once, each apart from the others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from longattncomp_cli.core.backbone import ContextTokens


def context_windows(context: ContextTokens, window_tokens: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (token ids, chunk indices) of windows: as many whole chunks of one paragraph as fit.

    A new paragraph begins a new window, so that unrelated passages do not color each other's states.
    A chunk longer than a window is read in several windows of about equal length.
    """
    for source, title in zip(context.sources, context.titles, strict=True):
        ids = np.concatenate([np.array(title, dtype=np.int64), source.tokens.ids])
        owner = np.concatenate(
            [np.full(n, chunk.index) for chunk, n in zip(source.chunks, np.diff(source.bounds), strict=True)]
        ).astype(np.int64)
        owner = np.concatenate([np.full(len(title), source.chunks[0].index, dtype=np.int64), owner])
        bounds = [0, *(bound + len(title) for bound in source.bounds[1:])]
        start = 0
        next_chunks = [*source.chunks[1:], None]
        for bound, following, chunk in zip(bounds[1:], [*bounds[2:], 0], next_chunks, strict=True):
            if chunk is not None and chunk.continues and following - start <= window_tokens:
                continue
            num_parts = -(-(bound - start) // window_tokens)
            edges = np.linspace(start, bound, num_parts + 1).astype(int) if num_parts else [start]
            for first, last in pairwise(edges):
                yield ids[first:last], owner[first:last]
            start = bound
