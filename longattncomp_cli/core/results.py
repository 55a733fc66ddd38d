"""What scoring and compressing a request give, with what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from longattncomp_cli.core.assembly import Renderer
from longattncomp_cli.core.doubts import Doubt, doubts
from longattncomp_cli.core.scored_text import ScoredText, scored_texts
from longattncomp_cli.core.types import ChunkScores, Request, Selection, SelectMode


@dataclass(frozen=True)
class Scored:
    """Chunk scores of a request, and what a budget would keep where one was given."""

    request: Request
    scores: ChunkScores
    renderer: Renderer
    selection: Selection | None = None
    budget: int | None = None

    @cached_property
    def warnings(self) -> tuple[Doubt, ...]:
        """What a reader should know: nothing found, a guessed query, a named source dropped."""
        return doubts(self.request, self.scores, self.selection)

    @cached_property
    def chunks(self) -> tuple[ScoredText, ...]:
        """Every chunk, best first."""
        ranked = (self.scores.chunks[index] for index in self.scores.order)
        return scored_texts(self.request, self.scores, ranked)


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
        """Its tokens, counted as printed."""
        return self.renderer.tokenizer.count(self.text)

    @cached_property
    def spans(self) -> tuple[ScoredText, ...]:
        """What was kept, in source order."""
        return scored_texts(self.request, self.scores, self.selection.kept)

    def text_of(self, source: int) -> str:
        """What was kept of one source; ``""`` where nothing was."""
        return self.renderer.body([span for span in self.selection.kept if span.chunk.source == source])

    @cached_property
    def warnings(self) -> tuple[Doubt, ...]:
        """What a reader should know: nothing found, a guessed query, a named source dropped."""
        return doubts(self.request, self.scores, self.selection)

    @property
    def kept_ratio(self) -> float:
        """Kept tokens over original tokens."""
        return self.num_tokens / max(1, self.renderer.original_tokens)

    @property
    def scored(self) -> Scored:
        """The same result, for the chunk-score report."""
        return Scored(self.request, self.scores, self.renderer, self.selection, self.budget)
