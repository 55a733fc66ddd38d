"""The one interface of all methods: scores of the chunks of an item; selecting is the same for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Protocol

from longattncomp_cli.benchmark.setup.workbench import ChunkedItem, Workbench
from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.core.backbones.base import Encoding
from longattncomp_cli.core.chunking.chunks import SnapLevel
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.cutting import FindStart, at_chunk_start
from longattncomp_cli.core.selection.focus import best_start
from longattncomp_cli.core.selection.select import SelectionRule
from longattncomp_cli.core.text.arrays import FloatArray


@dataclass(frozen=True)
class MethodScores:
    """Scores, and by which rule they select.

    Attributes:
        scores: of every chunk; usually those of the chunked item.
        rule: the method's own; ``None`` is the rule that all share.
    """

    scores: ChunkScores
    rule: SelectionRule | None = None


class Method(Protocol):
    """A way to choose what is kept.

    Attributes:
        name: as on the command line.
        checkpoint: the name of the checkpoint it uses, or ``""``.
        identity: changes with whatever decides its scores; resumed reports compare it.
        note: what it is, in a line.
        caveat: in what it is not what its paper describes, where it is not; stands below the tables.
        digests: by name, the digests of the checkpoints that it uses.
        is_budgeted: whether a budget limits it.
        refines_cut: whether a chunk that must be cut is scored once more, in small pieces, to find its
            best sentence, as ``compress`` does.
        times_chunking: whether its seconds include cutting the context into chunks already.
    """

    name: str
    checkpoint: str
    identity: str
    note: str
    caveat: str
    digests: Mapping[str, str]
    is_budgeted: bool
    refines_cut: bool
    times_chunking: bool

    def score(self, item: Item, chunked: ChunkedItem) -> MethodScores:
        """Score the chunks of one item."""

    def focus(self, item: Item, bench: Workbench) -> FindStart:
        """Where to begin in a chunk that must be cut."""


class MethodBase:
    """Defaults of :class:`Method`, and a cut at the sentence that the method itself scores best."""

    name = ""
    checkpoint = ""
    identity = ""
    note = ""
    caveat = ""
    digests: Mapping[str, str] = MappingProxyType({})
    is_budgeted = True
    refines_cut = True
    times_chunking = False

    def score(self, item: Item, chunked: ChunkedItem) -> MethodScores:
        """See :class:`Method`."""
        raise NotImplementedError

    def focus(self, item: Item, bench: Workbench) -> FindStart:
        """See :class:`Method`."""
        if not self.refines_cut:
            return at_chunk_start

        def score_pieces(request: Request, snap: SnapLevel, chunk_tokens: int) -> ChunkScores:
            piece = replace(item, request=request, evidence=())
            return self.score(piece, bench.chunk(request, chunk_tokens=chunk_tokens, snap=snap)).scores

        return partial(best_start, item.request, snap=bench.scorer.options.snap, score_pieces=score_pieces)


class ChunkMethod(MethodBase):
    """A method that gives each chunk a score, and nothing else."""

    def chunk_scores(self, item: Item, chunked: ChunkedItem) -> FloatArray:
        """(C,) higher is more relevant."""
        raise NotImplementedError

    def score(self, item: Item, chunked: ChunkedItem) -> MethodScores:
        """See :class:`Method`."""
        return MethodScores(ChunkScores(chunked.chunks, self.chunk_scores(item, chunked), None))


class StateMethod(ChunkMethod):
    """A method over the token states of the deepest layer that the first checkpoint reads."""

    def __init__(self, bench: Workbench) -> None:
        """Read the layer that the first checkpoint reads last."""
        self._bench = bench
        self._layer = max(bench.checkpoints[0].config.layers)
        self.identity = f"{bench.checkpoints[0].config.backbone.sha256[:12]}:{self._layer}"

    def encode(self, item: Item, chunked: ChunkedItem) -> Encoding:
        """The query's and the context's states of that layer."""
        return self._bench.backbone.encode(chunked.context, item.request.query, "", [self._layer])
