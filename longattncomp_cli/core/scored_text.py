"""Pieces of the context with their text: what a Python caller wants to see of a result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from longattncomp_cli.core.types import Chunk, ChunkScores, KeptSpan, Request


@dataclass(frozen=True, slots=True)
class ScoredText:
    """A piece of the context: ``text`` is ``source[start:end]`` of the source of that number."""

    source: int
    start: int
    end: int
    text: str
    score: float
    rank: int


def scored_texts(
    request: Request, scores: ChunkScores, spans: Iterable[Chunk | KeptSpan]
) -> tuple[ScoredText, ...]:
    """Spans or whole chunks of a request with their text, score and rank."""
    result = []
    for span in spans:
        chunk = span if isinstance(span, Chunk) else span.chunk
        text = request.sources[chunk.source].text[span.start : span.end]
        score, rank = float(scores.scores[chunk.index]), int(scores.ranks[chunk.index])
        result.append(ScoredText(chunk.source, span.start, span.end, text, score, rank))
    return tuple(result)
