"""The one interface of all methods: a verdict on the chunks of an item; selecting is the same for all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from longattncomp_cli.benchmark.items import Item
from longattncomp_cli.benchmark.workbench import Grid, Workbench
from longattncomp_cli.core.boundaries import SnapLevel
from longattncomp_cli.core.filling import Focus, chunk_begin
from longattncomp_cli.core.selection import SelectionRule
from longattncomp_cli.core.selection_focus import FOCUS_TOKENS, best_start
from longattncomp_cli.core.types import ChunkScores, FloatArray, Request


@dataclass(frozen=True)
class Verdict:
    """Scores, and by which rule they select.

    Attributes:
        scores: of every chunk; usually those of the grid.
        rule: the method's own; ``None`` is the rule that all share.
    """

    scores: ChunkScores
    rule: SelectionRule | None = None


class Method(Protocol):
    """A way to choose what is kept.

    Attributes:
        name: as on the command line.
        checkpoint: the name of the checkpoint it uses, or ``""``.
        identity: changes with whatever decides its verdict; resumed reports compare it.
        note: what a reader of the table must know.
        is_budgeted: whether a budget limits it.
        cuts_closely: whether a chunk that must be cut is scored once more, in small pieces, to find its
            best sentence, as ``compress`` does.
        counts_chunking: whether its seconds include cutting the context into chunks already.
    """

    name: str
    checkpoint: str
    identity: str
    note: str
    is_budgeted: bool
    cuts_closely: bool
    counts_chunking: bool

    def judge(self, item: Item, grid: Grid) -> Verdict:
        """Score the chunks of one item."""

    def focus(self, item: Item, bench: Workbench) -> Focus:
        """Where to begin in a chunk that must be cut."""


class MethodBase:
    """Defaults of :class:`Method`, and a cut at the sentence that the method itself scores best."""

    name = ""
    checkpoint = ""
    identity = ""
    note = ""
    is_budgeted = True
    cuts_closely = True
    counts_chunking = False

    def judge(self, item: Item, grid: Grid) -> Verdict:
        """See :class:`Method`."""
        raise NotImplementedError

    def focus(self, item: Item, bench: Workbench) -> Focus:
        """See :class:`Method`."""
        if not self.cuts_closely:
            return chunk_begin

        def score_pieces(request: Request, snap: SnapLevel) -> ChunkScores:
            piece = replace(item, request=request, evidence=())
            return self.judge(piece, bench.grid(request, FOCUS_TOKENS, snap)).scores

        return partial(best_start, item.request, snap=bench.scorer.snap, score_pieces=score_pieces)


class ChunkMethod(MethodBase):
    """A method that gives each chunk of the grid a score, and nothing else."""

    def scores(self, item: Item, grid: Grid) -> FloatArray:
        """(C,) higher is more relevant."""
        raise NotImplementedError

    def judge(self, item: Item, grid: Grid) -> Verdict:
        """See :class:`Method`."""
        return Verdict(ChunkScores(grid.chunks, self.scores(item, grid), None))
