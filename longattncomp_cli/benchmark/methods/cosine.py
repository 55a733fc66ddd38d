"""Pooled cosine: the mean state of a chunk against that of the query, over the backbone's own states."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from longattncomp_cli.benchmark.methods.base import StateMethod
from longattncomp_cli.benchmark.setup.workbench import ChunkedItem
from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.core.text.arrays import FloatArray


class Cosine(StateMethod):
    """Dense retrieval without another package: states are those of the deepest layer that is read."""

    name = "cosine"
    note = "cosine of mean states of the backbone's last layer, in the context's own windows"

    @torch.inference_mode()
    def chunk_scores(self, item: Item, chunked: ChunkedItem) -> FloatArray:
        """(C,) cosines; the sums of a chunk's states point where their mean does."""
        encoding = self.encode(item, chunked)
        query_D = encoding.query.states[self._layer].float().mean(dim=0)
        sums_CD = query_D.new_zeros((len(chunked.chunks), len(query_D)))
        for block in encoding.blocks:
            sums_CD.index_add_(0, block.chunk_index_N, block.states[self._layer].float())
        scores: FloatArray = (
            (F.normalize(sums_CD, dim=-1) @ F.normalize(query_D, dim=-1)).double().cpu().numpy()
        )
        return scores
