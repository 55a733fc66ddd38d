"""The values that travel between the steps. All are frozen; none holds a tensor."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from longattncomp_cli.errors import UsageError

if TYPE_CHECKING:
    from longattncomp_cli.core.calibration import Calibration
    from longattncomp_cli.core.signs import Signs
    from longattncomp_cli.core.structure import Structure

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SelectMode = Literal["top-p", "budget", "threshold", "auto"]
_MOST_TOKENS = 10**15
StopReason = Literal["budget", "top_p", "threshold", "auto", "exhausted", "passthrough"]


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open character range ``[start, end)`` of one source's text."""

    start: int
    end: int

    def __len__(self) -> int:
        """Return the number of characters."""
        return self.end - self.start


@dataclass(frozen=True)
class Source:
    """One input document or file.

    Attributes:
        text: the whole text; every span is relative to it.
        name: what to call it in tables and notes (a path, ``stdin``, a document's title).
        title: read by the scorer as the source's first line; never part of a span or of the output.
        region: the part that may be compressed; ``None`` means all of it. A parsed prompt keeps the
            text before and after its region.
    """

    text: str
    name: str = ""
    title: str = ""
    region: Span | None = None

    @property
    def context(self) -> Span:
        """The range to compress."""
        return Span(0, len(self.text)) if self.region is None else self.region

    @cached_property
    def _newlines(self) -> list[int]:
        return [match.start() for match in re.finditer("\n", self.text)]

    @cached_property
    def kind(self) -> str | None:
        """What the text holds (``python``, ``markdown``, …); ``None`` for prose."""
        from longattncomp_cli.core.structure import kind_of

        return kind_of(self.text, self.name)

    @cached_property
    def structure(self) -> Structure | None:
        """The definitions, sections, records or turns of the text; ``None`` for prose."""
        from longattncomp_cli.core.structure import structure_of

        return structure_of(self.text, self.name)

    def offset_of_line(self, line: int) -> int:
        """Return where a line, counted from 1, begins; the text's end for one beyond the last."""
        if line <= 1:
            return 0
        return self._newlines[line - 2] + 1 if line - 2 < len(self._newlines) else len(self.text)

    def line_of(self, offset: int) -> int:
        """Return the line number, from 1, of the character at ``offset``."""
        return bisect_right(self._newlines, offset - 1) + 1


@dataclass(frozen=True)
class Request:
    """What one run of the scorer works on: the context, the query, and what is always kept.

    Attributes:
        sources: the context. Of a whole prompt: one source whose ``region`` is the context.
        query: what relevance is judged against.
        query_parser: how the query was found: ``given``, ``auto:<layout>`` or ``tail``.
        instruction: kept before the context, charged to the budget; ``""`` where there is none.
        budget: overrides the run's budget, as the user wrote it (``4000``, ``"16k"``, ``"12.5%"``).
        id: the record's id, or its line number.
        keep: ``(source, start, end)`` of what must be kept whatever its score.
        extra: fields of the record that pass through to the output.
    """

    sources: tuple[Source, ...]
    query: str
    query_parser: str = "given"
    instruction: str = ""
    budget: str | int | None = None
    id: str | int | None = None
    keep: tuple[tuple[int, int, int], ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """The text that is kept before the context."""
        head = self.sources[0]
        before = head.text[: head.context.start]
        if self.instruction:
            return f"{self.instruction}\n\n{before}"
        return before

    @property
    def suffix(self) -> str:
        """The text that is kept after the context."""
        tail = self.sources[-1]
        return tail.text[tail.context.end :]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A contiguous run of backbone tokens of one source: the unit of selection.

    Attributes:
        index: its place in the context, from 0.
        source: the index of its source.
        start, end: its characters, ``source.text[start:end]``.
        num_backbone_tokens: how many backbone tokens it holds (0 where there is only white space).
        continues: whether it begins inside a paragraph, which the chunk before it began.
    """

    index: int
    source: int
    start: int
    end: int
    num_backbone_tokens: int
    continues: bool = False


@dataclass(frozen=True)
class ChunkScores:
    """The scorer's verdict on every chunk of one request.

    Attributes:
        chunks: in source order; their spans partition each source's context.
        scores: (C,) one float a chunk, higher is more relevant; together with ``sink`` they sum to 1.
        sink: the mass that no chunk drew, or ``None`` where the checkpoint has no sink.
        calibration: of the checkpoint, see :mod:`longattncomp_cli.core.calibration`.
        signs: what a calibration may read, see :mod:`longattncomp_cli.core.signs`.
        enough: the probability that few chunks hold all that is needed; see
            :mod:`longattncomp_cli.core.adaptive`.
    """

    chunks: tuple[Chunk, ...]
    scores: FloatArray
    sink: float | None
    calibration: Calibration | None = None
    signs: Signs | None = None
    enough: float | None = None

    @cached_property
    def order(self) -> IntArray:
        """(C,) chunk indices, best first; of equal scores the earlier chunk is better."""
        return np.argsort(-self.scores, kind="stable")

    @cached_property
    def ranks(self) -> IntArray:
        """(C,) the rank of each chunk, from 1."""
        ranks = np.empty(len(self.chunks), dtype=np.int64)
        ranks[self.order] = np.arange(1, len(self.chunks) + 1)
        return ranks

    @property
    def confidence(self) -> float | None:
        """The probability that the context holds what is asked; ``1 − sink`` where nothing is fitted."""
        from longattncomp_cli.core.calibration import calibrated

        return None if self.sink is None else calibrated(1.0 - self.sink, self.calibration, self.signs)


@dataclass(frozen=True, slots=True)
class KeptSpan:
    """A kept range with the chunk it comes from; shorter than its chunk where the budget cut it.

    Attributes:
        chunk: the one it lies in.
        start, end: its characters.
        reason: ``""`` where its score kept it, ``keep`` where a rule of the user did, ``head`` where it is
            the heading line of what is kept.
        bare: no mark follows where it ends inside of something: the budget has no room for one.
    """

    chunk: Chunk
    start: int
    end: int
    reason: str = ""
    bare: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether a part of the chunk was left out."""
        return self.end < self.chunk.end or self.start > self.chunk.start


@dataclass(frozen=True)
class Selection:
    """The kept spans in source order, why the selection stopped, and their share of all chunks' mass."""

    kept: tuple[KeptSpan, ...]
    stop: StopReason
    retained_mass: float


def parse_budget(value: str | int) -> int | float:
    """Read a budget as the user writes it.

    Args:
        value: ``4000``, ``"4000"``, ``"16k"``, ``"1.5k"``, ``"2m"``, or a share such as ``"12.5%"``.

    Returns:
        An ``int`` of tokens (1 or more), or a ``float`` share of the input in (0, 1].

    Raises:
        UsageError: the value is not a budget.
    """
    hint = "use a number of tokens (4000, 16k) or a share of the input (12.5%)"
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise UsageError(f"budget {value!r} is not a number of tokens", hint=hint, code="bad-budget")
    text = str(value).strip().lower().replace("_", "")
    scale, number = {"k": (1_000, text[:-1]), "m": (1_000_000, text[:-1]), "%": (0, text[:-1])}.get(
        text[-1:], (1, text)
    )
    try:
        amount = float(number)
    except ValueError:
        amount = float("nan")
    if not np.isfinite(amount) or number != number.strip() or "e" in number:
        raise UsageError(f"cannot read the budget {value!r}", hint=hint, code="bad-budget")
    if scale == 0:
        if not 0 < amount <= 100:
            raise UsageError(f"budget {value!r} is outside (0%, 100%]", hint=hint, code="bad-budget")
        return amount / 100
    tokens = amount * scale
    if not 1 <= tokens <= _MOST_TOKENS or tokens != int(tokens):
        raise UsageError(
            f"budget {value!r} is not a whole number of at least 1", hint=hint, code="bad-budget"
        )
    return int(tokens)


def budget_tokens(budget: str | int, original_tokens: int) -> int:
    """A budget as the user writes it, in tokens of an input that has ``original_tokens``.

    Raises:
        UsageError: it is not a budget.
    """
    amount = parse_budget(budget)
    return amount if isinstance(amount, int) else max(1, int(amount * original_tokens))
