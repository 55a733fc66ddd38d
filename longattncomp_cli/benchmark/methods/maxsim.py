"""Late interaction: each query token finds its best context token (MaxSim of ColBERT, arXiv:2004.12832)."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from longattncomp_cli.benchmark.methods.base import StateMethod
from longattncomp_cli.benchmark.setup.workbench import ChunkedItem
from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.core.text.arrays import FloatArray


class MaxSim(StateMethod):
    """The mean over query tokens of the best cosine in the chunk, over the backbone's deepest layer read."""

    name = "maxsim"
    note = "MaxSim over the backbone's last layer, untrained for it"

    @torch.inference_mode()
    def chunk_scores(self, item: Item, chunked: ChunkedItem) -> FloatArray:
        """(C,) one block of the context at a time."""
        encoding = self.encode(item, chunked)
        query_MD = F.normalize(encoding.query.states[self._layer].float(), dim=-1)
        best_CM = query_MD.new_full((len(chunked.chunks), len(query_MD)), -1.0)
        for block in encoding.blocks:
            similar_NM = F.normalize(block.states[self._layer].float(), dim=-1) @ query_MD.T
            owner_NM = block.chunk_index_N[:, None].expand_as(similar_NM)
            best_CM.scatter_reduce_(0, owner_NM, similar_NM, "amax")
        scores: FloatArray = best_CM.mean(dim=1).double().cpu().numpy()
        return scores
