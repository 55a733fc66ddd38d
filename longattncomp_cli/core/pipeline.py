"""One request through the steps: scores → renderer → selection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from longattncomp_cli.core.assembly.conversation import ConversationRenderer, stub_of
from longattncomp_cli.core.assembly.renderer import Renderer
from longattncomp_cli.core.budget.amounts import budget_tokens
from longattncomp_cli.core.budget.tokenizers import TargetTokenizer
from longattncomp_cli.core.chunking.chunks import SnapLevel
from longattncomp_cli.core.inputs.conversations.model import Frame
from longattncomp_cli.core.prompts.conversations import spans_of_messages
from longattncomp_cli.core.prompts.folding import fold_request
from longattncomp_cli.core.prompts.growth import NO_SIZES, Sizes, measure, settled
from longattncomp_cli.core.prompts.leads import names_after
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.results.compression import Scored
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.cutting import FindStart
from longattncomp_cli.core.selection.focus import best_start
from longattncomp_cli.core.selection.keep_rules import KeepRules, find_required
from longattncomp_cli.core.selection.select import select
from longattncomp_cli.core.settings import CompressorSettings
from longattncomp_cli.errors import BudgetError, CheckpointError, InputError

if TYPE_CHECKING:
    from longattncomp_cli.core.backbones.base import OnTokens
    from longattncomp_cli.core.scoring.scorer import Scorer


@dataclass(frozen=True)
class Pipeline:
    """What a request goes through.

    Attributes:
        scorer: gives its chunks their scores.
        tokenizer: counts the budget.
        settings: what to keep.
    """

    scorer: Scorer
    tokenizer: TargetTokenizer
    settings: CompressorSettings

    def scored(self, request: Request, on_tokens: OnTokens | None, *, always_read: bool) -> Scored:
        """Score a request's chunks; where a budget is set, also choose what it keeps.

        Args:
            request: what to score.
            on_tokens: called with (tokens done, tokens in total).
            always_read: score a conversation even where all of it fits.
        """
        if request.frame is not None:
            return self._scored_conversation(request, request.frame, on_tokens, always_read=always_read)
        scores = self._scores(request, on_tokens)
        scored = Scored(request, scores, self.renderer(request, scores))
        return self._selected(scored, self._budget(request, scored.renderer.original_tokens))

    def _scored_conversation(
        self, request: Request, frame: Frame, on_tokens: OnTokens | None, *, always_read: bool
    ) -> Scored:
        """Score a conversation; where all of it fits, or what must stay does not, it need not be read."""
        sizes = measure(
            frame.conversation, self.tokenizer, stub_of(self.settings.separator), request.instruction
        )
        budget = self._budget(request, sizes.total)
        growing = None if self.settings.as_text else budget
        keeps_more = bool(request.keep) or self.settings.keep != KeepRules()
        unread: Scored | None = None
        try:
            unread = self._unread(request, frame, sizes, budget, growing)
        except BudgetError:
            if not keeps_more:
                raise
        if unread is None or (keeps_more and growing and unread.renderer.fixed_tokens > growing):
            # Kept spans are known of chunks alone. Where they need it the newest part is open too, and only
            # with them can be said what is needed.
            unread = self._unread(request, frame, sizes, budget, None)
        request, renderer = unread.request, unread.renderer
        if not request.sources and always_read:
            raise InputError(
                "the conversation holds nothing that may be shortened",
                hint="system text, tool calls, the last user turn and short texts stay: send it as it is",
                code="empty-context",
            )
        fits = budget is not None and renderer.original_tokens <= budget and not always_read
        if fits or not request.sources or (budget is not None and renderer.fixed_tokens > budget):
            return self._selected(unread, budget)
        scores = self._scores(request, on_tokens)
        # Kept spans, which nobody knew of before, come before what is held in reserve.
        reserve = 0 if request.frame is None else request.frame.reserve
        has_room = budget is None or renderer.fixed_tokens <= budget - reserve
        return self._selected(Scored(request, scores, renderer), budget, reserve if has_room else 0)

    def _unread(
        self, request: Request, frame: Frame, sizes: Sizes, budget: int | None, growing: int | None
    ) -> Scored:
        """A conversation cut into chunks, all of one score.

        Args:
            request, frame, sizes, budget: of the conversation.
            growing: the budget where the newest part may stay whole; ``None`` decides everything.

        Raises:
            BudgetError: see :func:`settled`.
        """
        sources, frame = settled(request.sources, frame, sizes, growing)
        request = replace(
            request,
            sources=sources,
            frame=frame,
            keep=spans_of_messages(request.keep, frame),
            names_after=names_after(frame, request.query),
        )
        if budget is None or sizes.total > budget:  # what fits comes back to the byte
            request = fold_request(request, self.settings.keep.matches)
        chunks = self.scorer.chunks(request) if sources else ()
        scores = ChunkScores(chunks, np.full(len(chunks), 1 / max(1, len(chunks))), None)
        return Scored(request, scores, self.renderer(request, scores, sizes))

    def _scores(self, request: Request, on_tokens: OnTokens | None) -> ChunkScores:
        scores = self.scorer.score(request, on_tokens)
        if not np.isfinite(scores.scores).all():
            name = self.scorer.checkpoint.config.name
            raise CheckpointError(f"checkpoint {name} computes scores that are not finite", code="bad-scores")
        return scores

    def _selected(self, scored: Scored, budget: int | None, reserve: int = 0) -> Scored:
        """Choose what the budget keeps, but for the tokens in reserve."""
        if budget is None and self.settings.rule.mode == "budget":
            return scored
        room = None if budget is None else budget - reserve
        focus = self.focus(scored.request)
        selection = select(scored.scores, self.settings.rule, scored.renderer, room, focus)
        return replace(scored, selection=selection, budget=budget)

    def renderer(self, request: Request, scores: ChunkScores, sizes: Sizes = NO_SIZES) -> Renderer:
        """What renders and counts selections of a scored request.

        Args:
            request: what was scored.
            scores: of its chunks.
            sizes: of a conversation.
        """
        required = find_required(request, self.settings.keep, self.tokenizer)
        make: Callable[..., Renderer] = Renderer
        if request.frame is not None:
            make = partial(ConversationRenderer, sizes=sizes, as_text=self.settings.as_text)
        return make(
            request,
            scores.chunks,
            self.settings.separator,
            self.tokenizer,
            headers=self.settings.headers and request.frame is None,
            cut_marks=self.settings.cut_marks,
            required=required.spans,
            unmatched=required.unmatched,
            structures=tuple(source.structure for source in request.sources),
        )

    def focus(self, request: Request) -> FindStart:
        """The function that finds where the best part of a chunk of ``request`` begins."""
        return partial(best_start, request, snap=self.scorer.options.snap, score_pieces=self._score_pieces)

    def _score_pieces(self, request: Request, snap: SnapLevel, chunk_tokens: int) -> ChunkScores:
        """Scores by the query alone: pieces of one chunk are neither ranked among others nor followed."""
        fine = self.scorer.with_options(
            chunk_tokens=chunk_tokens, snap=snap, hops=1, hops_are_required=True, rerank=False
        )
        return fine.score(request)

    def _budget(self, request: Request, original_tokens: int) -> int | None:
        written = self.settings.budget if request.budget is None else request.budget
        return None if written is None else budget_tokens(written, original_tokens)
