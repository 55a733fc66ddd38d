"""AttnComp's scores and threshold rule over whole documents (arXiv:2509.17486)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from longattncomp_cli.benchmark.methods.base import MethodBase, MethodScores
from longattncomp_cli.benchmark.setup.workbench import ChunkedItem, Workbench
from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.core.checkpoint.store import Checkpoint
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.select import SelectionRule
from longattncomp_cli.core.text.spans import Span

_BLANK_LINES = re.compile(r"\n[ \t\r]*\n\s*")


class AttnComp(MethodBase):
    """AttnComp (arXiv:2509.17486): whole documents, its threshold rule, no budget.

    Documents are the records' sources, or what blank lines separate. A document's score is its share of
    the attention mass: the mean over heads and query tokens, summed over its tokens; the instruction's
    tokens are the sink, at which the cumulative sum begins. Where an item has no instruction there is no
    sink, and the sum begins at 0.
    """

    name = "attncomp"
    is_budgeted = False
    refines_cut = False
    times_chunking = True

    def __init__(self, bench: Workbench, checkpoint: Checkpoint) -> None:
        """Use the checkpoint's projections with AttnComp's pooling and sink."""
        name = checkpoint.config.name
        self._scorer = bench.scorer_of(checkpoint.as_published())
        self.identity = checkpoint.digest
        self.digests = {name: checkpoint.digest}
        self.note = f"documents, threshold p = 0.95, ε = 0.01, no budget; projections of {name}"
        self.caveat = (
            f"the projections are those of {name}, which were not trained for this pooling; "
            "no sink where an item has no instruction"
        )

    def score(self, item: Item, chunked: ChunkedItem) -> MethodScores:
        """Score each document by the masses of its chunks, which add up."""
        documents = list(_documents(item.request))
        sources = item.request.sources
        apart = tuple(Source(sources[d.source].text, context_region=Span(d.start, d.end)) for d in documents)
        request = Request(apart, item.request.query, instruction=item.request.instruction)
        scored = self._scorer.score(request)
        owner = np.array([chunk.source for chunk in scored.chunks])
        scores = np.bincount(owner, weights=scored.scores, minlength=len(documents)).astype(np.float64)
        return MethodScores(
            ChunkScores(tuple(documents), scores, scored.sink),
            rule=SelectionRule(mode="threshold", top_p=0.95, epsilon=0.01),
        )


def _documents(request: Request) -> Iterator[Chunk]:
    """Yield the documents, which partition the context: sources, or the parts of a lone one."""
    index = 0
    for number, source in enumerate(request.sources):
        region = source.context_span
        edges = [region.start, region.end]
        if len(request.sources) == 1:
            inner = (match.end() for match in _BLANK_LINES.finditer(source.text, region.start, region.end))
            edges = [region.start, *(edge for edge in inner if region.start < edge < region.end), region.end]
        for start, end in pairwise(edges):
            yield Chunk(index, number, start, end, 0)
            index += 1
