"""The project's own scorer, ``longattncomp`` with any checkpoint, and AttnComp's rule over documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from longattncomp_cli.benchmark.items import Item
from longattncomp_cli.benchmark.methods.base import MethodBase, Verdict
from longattncomp_cli.benchmark.workbench import Grid, Workbench
from longattncomp_cli.core.checkpoint import Checkpoint, build_attention
from longattncomp_cli.core.filling import Focus
from longattncomp_cli.core.selection import SelectionRule
from longattncomp_cli.core.types import Chunk, ChunkScores, Request, Source, Span

_BLANK_LINES = re.compile(r"\n[ \t\r]*\n\s*")
_INSTRUCTION = "Answer the question with the documents that are relevant to it."


class LongAttnComp(MethodBase):
    """The trained cross-attention layer (arXiv:2606.01336)."""

    counts_chunking = True

    def __init__(self, bench: Workbench, checkpoint: Checkpoint, name: str = "longattncomp") -> None:
        """Put the checkpoint on its backbone."""
        self.name = name
        self.checkpoint = checkpoint.config.name if name == "longattncomp" else ""
        self.identity = checkpoint.digest
        self.note = f"checkpoint {checkpoint.config.name}, {checkpoint.digest}"
        self._compressor = bench.compressor_of(checkpoint)

    def judge(self, item: Item, grid: Grid) -> Verdict:
        """What ``compress`` scores; on another backbone, over chunks of its own tokens."""
        return Verdict(self._compressor.score(item.request).scores)

    def focus(self, item: Item, bench: Workbench) -> Focus:
        """Where ``compress`` begins in a chunk that must be cut."""
        return self._compressor.focus(item.request)


class AttnComp(MethodBase):
    """AttnComp (arXiv:2509.17486): whole documents, its threshold rule, no budget.

    Documents are the records' sources, or what blank lines separate. A document's score is its share of
    the attention mass: the mean over heads and query tokens, summed over its tokens; the instruction's
    tokens are the sink, at which the cumulative sum begins.
    """

    name = "attncomp"
    is_budgeted = False
    cuts_closely = False
    counts_chunking = True

    def __init__(self, bench: Workbench, checkpoint: Checkpoint) -> None:
        """Use the checkpoint's projections with AttnComp's pooling and sink."""
        plain = replace(checkpoint.config, names=0, per_token=False, reach=None, coverage=0)
        plain = replace(plain, hops=1, hop_rank=0, calibration=None, enough=None)
        config = replace(plain, pooling="mean", sink="instruction")
        names = set(build_attention(config).state_dict())
        tensors = {name: tensor for name, tensor in checkpoint.tensors.items() if name in names}
        self._scorer = bench.scorer_of(Checkpoint(config, tensors))
        self.identity = checkpoint.digest
        self.note = (
            f"documents, threshold p = 0.95, ε = 0.01, no budget; projections of {checkpoint.config.name}"
        )

    def judge(self, item: Item, grid: Grid) -> Verdict:
        """Score each document by the masses of its chunks, which add up."""
        documents = list(_documents(item.request))
        sources = item.request.sources
        apart = tuple(Source(sources[d.source].text, region=Span(d.start, d.end)) for d in documents)
        request = Request(apart, item.request.query, instruction=item.request.instruction or _INSTRUCTION)
        verdict = self._scorer.score(request)
        owner = np.array([chunk.source for chunk in verdict.chunks])
        scores = np.bincount(owner, weights=verdict.scores, minlength=len(documents)).astype(np.float64)
        return Verdict(
            ChunkScores(tuple(documents), scores, verdict.sink),
            rule=SelectionRule(mode="threshold", top_p=0.95, epsilon=0.01),
        )


def _documents(request: Request) -> Iterator[Chunk]:
    """Yield the documents, which partition the context: sources, or the parts of a lone one."""
    index = 0
    for number, source in enumerate(request.sources):
        region = source.context
        edges = [region.start, region.end]
        if len(request.sources) == 1:
            inner = (match.end() for match in _BLANK_LINES.finditer(source.text, region.start, region.end))
            edges = [region.start, *(edge for edge in inner if region.start < edge < region.end), region.end]
        for start, end in pairwise(edges):
            yield Chunk(index, number, start, end, 0)
            index += 1
