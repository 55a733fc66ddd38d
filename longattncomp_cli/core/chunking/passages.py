"""Passages: runs of chunks that continue one another (a paragraph, a definition, a turn)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.text.arrays import IntArray

MAX_PASSAGE_CHUNKS = 16
"""Chunks; in what goes on for longer (a list, a text without paragraphs) nearness says little."""


def passage_numbers(chunks: Sequence[Chunk]) -> IntArray:
    """(C,) the number of the passage that each chunk lies in, ascending."""
    return np.cumsum([not chunk.continues for chunk in chunks])


def continuing_chunks(passage_C: IntArray) -> IntArray:
    """The indices of chunks that go on in the passage of the one before, where it is not endless."""
    is_short_C = np.bincount(passage_C)[passage_C] <= MAX_PASSAGE_CHUNKS
    return np.flatnonzero((passage_C[1:] == passage_C[:-1]) & is_short_C[1:]) + 1
