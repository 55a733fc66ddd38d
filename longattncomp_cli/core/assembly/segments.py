"""A selection as a partition of the context: what is kept and what is left out, in source order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from longattncomp_cli.core.assembly.kept_spans import KeptSpan
from longattncomp_cli.core.inputs.source import Source


@dataclass(frozen=True, slots=True)
class Segment:
    """A range of one source that is kept or left out as a whole."""

    source: int
    start: int
    end: int
    kept: bool


def segments(sources: Sequence[Source], kept: Sequence[KeptSpan]) -> Iterator[Segment]:
    """Cut every source's context at the ends of what is kept; neighbours of one kind are one segment.

    Args:
        sources: of the request.
        kept: in source order.
    """
    for number, source in enumerate(sources):
        context = source.context_span
        at = context.start
        pending: Segment | None = None
        for span in kept:
            if span.chunk.source != number:
                continue
            if pending is not None and span.start == pending.end:
                pending = Segment(number, pending.start, span.end, True)
            else:
                if pending is not None:
                    yield pending
                if span.start > at:
                    yield Segment(number, at, span.start, False)
                pending = Segment(number, span.start, span.end, True)
            at = span.end
        if pending is not None:
            yield pending
        if at < context.end:
            yield Segment(number, at, context.end, False)
