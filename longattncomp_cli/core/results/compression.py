"""What scoring and compressing a request give, with what follows from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from longattncomp_cli.core.assembly.conversation import ConversationRenderer
from longattncomp_cli.core.assembly.kept_spans import KeptSpan
from longattncomp_cli.core.assembly.renderer import Renderer
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.results.warnings import ResultWarning, find_warnings
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.select import Selection, SelectMode


@dataclass(frozen=True)
class Scored:
    """Chunk scores of a request, and what a budget would keep where one was given."""

    request: Request
    scores: ChunkScores
    renderer: Renderer
    selection: Selection | None = None
    budget: int | None = None

    @cached_property
    def warnings(self) -> tuple[ResultWarning, ...]:
        """What a reader should know: nothing found, a guessed query, a named source dropped."""
        return find_warnings(self.request, self.scores, self.selection, self.renderer.unmatched)

    @cached_property
    def chunks(self) -> tuple[ScoredText, ...]:
        """Every chunk, best first."""
        ranked = (self.scores.chunks[index] for index in self.scores.order)
        return scored_texts(self.request, self.scores, ranked)

    def compression(self, mode: SelectMode) -> Compression:
        """The same result as a text, of what the selection keeps."""
        assert self.selection is not None
        return Compression(self.request, self.scores, self.renderer, self.selection, self.budget, mode)


@dataclass(frozen=True)
class Compression:
    """A compressed request."""

    request: Request
    scores: ChunkScores
    renderer: Renderer
    selection: Selection
    budget: int | None
    mode: SelectMode

    @cached_property
    def text(self) -> str:
        """The text to send to the target model."""
        return self.renderer.render(self.selection.kept)

    @cached_property
    def num_tokens(self) -> int:
        """Its tokens, counted as the budget is."""
        return self.renderer.count(self.selection.kept)

    @cached_property
    def conversation(self) -> Any:
        """The messages, or the body, with shortened contents; ``None`` of what is printed as a text."""
        if not isinstance(self.renderer, ConversationRenderer) or self.renderer.as_text:
            return None
        frame = self.renderer.frame
        return frame.conversation.with_texts(self.renderer.changed(self.selection.kept))

    @cached_property
    def spans(self) -> tuple[ScoredText, ...]:
        """What was kept, in source order."""
        return scored_texts(self.request, self.scores, self.selection.kept)

    def text_of(self, source: int) -> str:
        """What was kept of one source; ``""`` where nothing was."""
        return self.renderer.body([span for span in self.selection.kept if span.chunk.source == source])

    @cached_property
    def warnings(self) -> tuple[ResultWarning, ...]:
        """What a reader should know: nothing found, a guessed query, a named source dropped."""
        return find_warnings(self.request, self.scores, self.selection, self.renderer.unmatched)

    @property
    def kept_ratio(self) -> float:
        """Kept tokens over original tokens."""
        return self.num_tokens / max(1, self.renderer.original_tokens)

    @property
    def scored(self) -> Scored:
        """The same result, for the chunk-score report."""
        return Scored(self.request, self.scores, self.renderer, self.selection, self.budget)


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
