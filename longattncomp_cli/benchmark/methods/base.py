"""The one interface of all methods: a verdict on the chunks of an item; selecting is the same for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from longattncomp_cli.benchmark.items import Item
from longattncomp_cli.benchmark.workbench import Grid
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.select import SelectionRule
from longattncomp_cli.core.text.arrays import FloatArray


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


class MethodBase:
    """The usual answers."""

    name = ""
    checkpoint = ""
    identity = ""
    note = ""
    is_budgeted = True
    cuts_closely = True
    counts_chunking = False


class ChunkMethod(MethodBase):
    """A method that gives each chunk of the grid a score, and nothing else."""

    def scores(self, item: Item, grid: Grid) -> FloatArray:
        """(C,) higher is more relevant."""
        raise NotImplementedError

    def judge(self, item: Item, grid: Grid) -> Verdict:
        """See :class:`Method`."""
        return Verdict(ChunkScores(grid.chunks, self.scores(item, grid), None))
