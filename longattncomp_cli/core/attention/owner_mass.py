"""Chunks are read with what they stand under: tokens of the heading lines over a chunk count to it as well.

Late interaction has the tokens' states already, in their own place: a heading's log-sum-exp is computed
beside those of the chunks and added to each chunk under it, at a share. Nothing is read twice.

Shapes: N context tokens of a block, H heads, M query tokens, C chunks, G headings, P pairs of both.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import accumulate_block
from longattncomp_cli.core.backbones.base import StateBlock
from longattncomp_cli.core.chunking.chunks import ContextTokens
from longattncomp_cli.core.chunking.owners import Owners, first_tokens

_BLOCK = 4096


class OwnerMass:
    """Gathers the log-sum-exp of the headings over the blocks of one reading.

    Args:
        owners: of the context's chunks.
        context: the tokens.
    """

    def __init__(self, owners: Owners, context: ContextTokens) -> None:
        """Number the tokens of headings."""
        self.owners = owners
        self._first_of = first_tokens(context)
        self._source_of_C = np.array(
            [chunk.source for source in context.sources for chunk in source.chunks], dtype=np.int64
        )
        self._token_T, self._heading_T = owners.tokens(context)
        self._is_heading = np.zeros(int(self._first_of[-1]), dtype=bool)
        self._is_heading[self._token_T] = True
        self._sums_GHM: Tensor | None = None

    def __call__(self, logits_NHM: Tensor, block: StateBlock) -> None:
        """Add the logits of one block."""
        row_R, heading_R = self.rows(block)
        if not len(row_R):
            return
        if self._sums_GHM is None:
            shape = (len(self.owners.headings), *logits_NHM.shape[1:])
            self._sums_GHM = logits_NHM.new_full(shape, float("-inf"))
        device = logits_NHM.device
        rows = torch.from_numpy(row_R).to(device)
        accumulate_block(self._sums_GHM, logits_NHM[rows], torch.from_numpy(heading_R).to(device))

    def rows(self, block: StateBlock) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a block that are tokens of headings, and the heading of each."""
        if block.token_N is None or not len(self._token_T):
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        local_N = block.token_N.cpu().numpy().astype(np.int64)
        token_N = self._first_of[self._source_of_C[block.chunk_index_N.cpu().numpy()]] + local_N
        row_R = np.flatnonzero((local_N >= 0) & self._is_heading[np.maximum(token_N, 0)])
        low_R, high_R = (np.searchsorted(self._token_T, token_N[row_R], side) for side in ("left", "right"))
        times_R = high_R - low_R
        before_R = np.repeat(np.cumsum(times_R) - times_R, times_R)
        at = np.arange(int(times_R.sum())) - before_R + np.repeat(low_R, times_R)
        return np.repeat(row_R, times_R), self._heading_T[at]

    def over(self, chunk_index: int, logits_NHM: Tensor, block: StateBlock) -> tuple[Tensor, Tensor]:
        """Of tokens of headings over a chunk: rows in a block, and logits (R, H, M) at their share."""
        over = self.owners.heading_P[self.owners.chunk_P == chunk_index]
        row_R, heading_R = self.rows(block)
        own_R = np.isin(heading_R, over)
        log_share_R = torch.from_numpy(np.log(self.owners.share_G[heading_R[own_R]])).to(logits_NHM)
        rows = torch.from_numpy(row_R[own_R]).to(logits_NHM.device)
        return rows, logits_NHM[rows] + log_share_R[:, None, None]

    def added_to(self, chunks_CHM: Tensor) -> Tensor:
        """(C, H, M) the log-sum-exp of each chunk's tokens and, at their share, of the headings over it."""
        if self._sums_GHM is None:
            return chunks_CHM
        chunks_CHM = chunks_CHM.clone()
        chunk_P, heading_P = (
            torch.from_numpy(each).to(chunks_CHM.device)
            for each in (self.owners.chunk_P, self.owners.heading_P)
        )
        log_share_G = torch.from_numpy(np.log(self.owners.share_G)).to(chunks_CHM)
        filled_C = ~torch.isneginf(chunks_CHM).flatten(1).all(dim=1)
        for first in range(0, len(chunk_P), _BLOCK):
            own = slice(first, first + _BLOCK)
            has = filled_C[chunk_P[own]]
            owing_P = heading_P[own][has]
            owed_PHM = self._sums_GHM[owing_P] + log_share_G[owing_P, None, None]
            if len(owed_PHM):
                accumulate_block(chunks_CHM, owed_PHM, chunk_P[own][has])
        return chunks_CHM
