"""The project's own scorer, ``longattncomp``: what ``compress`` runs, with any checkpoint."""

from __future__ import annotations

from longattncomp_cli.benchmark.methods.base import MethodBase, MethodScores
from longattncomp_cli.benchmark.setup.workbench import ChunkedItem, Workbench
from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.core.checkpoint.store import Checkpoint
from longattncomp_cli.core.selection.cutting import FindStart


class LongAttnComp(MethodBase):
    """The trained cross-attention layer (arXiv:2606.01336)."""

    times_chunking = True

    def __init__(self, bench: Workbench, checkpoint: Checkpoint, name: str = "longattncomp") -> None:
        """Put the checkpoint on its backbone."""
        self.name = name
        self.checkpoint = checkpoint.config.name if name == "longattncomp" else ""
        self.identity = checkpoint.digest
        self.digests = {checkpoint.config.name: checkpoint.digest}
        self.note = f"checkpoint {checkpoint.config.name}, {checkpoint.digest}"
        self._compressor = bench.compressor_of(checkpoint)

    def score(self, item: Item, chunked: ChunkedItem) -> MethodScores:
        """What ``compress`` scores; on another backbone, over chunks of its own tokens."""
        return MethodScores(self._compressor.score(item.request).scores)

    def focus(self, item: Item, bench: Workbench) -> FindStart:
        """Where ``compress`` begins in a chunk that must be cut."""
        return self._compressor.pipeline.focus(item.request)
