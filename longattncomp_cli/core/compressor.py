"""The one class that strings the steps together: request → scores → selection → text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from longattncomp_cli.core.assembly.conversation import ConversationRenderer, stub_of
from longattncomp_cli.core.assembly.renderer import DEFAULT_SEPARATOR, Renderer
from longattncomp_cli.core.backbones.cache.choice import NO_CACHE, CacheChoice
from longattncomp_cli.core.budget.amounts import budget_tokens
from longattncomp_cli.core.budget.tokenizers import (
    DEFAULT_TOKENIZER,
    BackboneTokenizer,
    TargetTokenizer,
    load_tokenizer,
)
from longattncomp_cli.core.checkpoint.by_language import OtherReader
from longattncomp_cli.core.checkpoint.shipped import MULTILINGUAL_CHECKPOINT
from longattncomp_cli.core.chunking.chunks import SnapLevel
from longattncomp_cli.core.inputs.conversations.model import Frame
from longattncomp_cli.core.prompts.conversations import spans_of_messages
from longattncomp_cli.core.prompts.folding import fold_request
from longattncomp_cli.core.prompts.growth import NO_SIZES, Sizes, measure, settled
from longattncomp_cli.core.prompts.leads import names_after
from longattncomp_cli.core.prompts.request import (
    DEFAULT_TAIL_TOKENS,
    Context,
    ParserName,
    Request,
    RequestBuilder,
    SourcesMemo,
)
from longattncomp_cli.core.results.compression import Compression, Scored
from longattncomp_cli.core.results.read_context import ReadContext
from longattncomp_cli.core.scoring.choice import ScorerChoice
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.cutting import FindStart
from longattncomp_cli.core.selection.focus import best_start
from longattncomp_cli.core.selection.keep_rules import KeepRules, find_required
from longattncomp_cli.core.selection.select import SelectionRule, select
from longattncomp_cli.errors import CheckpointError, InputError, UsageError

if TYPE_CHECKING:
    from longattncomp_cli.core.backbones.base import OnTokens
    from longattncomp_cli.core.scoring.scorer import Scorer

_ANY_QUERY = "?"


@dataclass(frozen=True, kw_only=True)
class CompressorSettings:
    """Everything besides checkpoint and tokenizer that decides what is kept."""

    rule: SelectionRule = field(default_factory=SelectionRule)
    """When selection stops."""
    budget: str | int | None = None
    """As the user writes it; a record's own wins."""
    separator: str = DEFAULT_SEPARATOR
    """Between kept spans that were not neighbours."""
    headers: bool = False
    """Print each source's name before its first kept span."""
    cut_marks: bool = True
    """Mark where a definition, record or turn is incomplete."""
    query_parser: ParserName = "auto"
    """How the query of a whole prompt is found."""
    tail_tokens: int = DEFAULT_TAIL_TOKENS
    """Backbone tokens at the end of the prompt that are the query, for the parser ``tail``."""
    keep: KeepRules = field(default_factory=KeepRules)
    """What must stay whatever its score."""
    as_text: bool = False
    """Print a conversation as one text instead of its JSON."""


class Compressor:
    """Scores and compresses requests with one checkpoint and one tokenizer.

    Args:
        scorer: see :func:`longattncomp_cli.core.scoring.loading.load_scorer`.
        tokenizer: counts the budget; ``None`` counts with the backbone's own.
        settings: what to keep.

    Attributes:
        requests: makes requests of what the user gives.
        other_scripts: gives the compressor of requests that this one's checkpoint does not read.
    """

    def __init__(
        self, scorer: Scorer, tokenizer: TargetTokenizer | None, settings: CompressorSettings
    ) -> None:
        """Derive what settings ask of the scorer."""
        self.settings = settings
        if settings.rule.mode == "auto":
            scorer = scorer.with_options(one_hop_above=settings.rule.auto.min_sufficiency)
        self.scorer = scorer
        self.tokenizer = tokenizer or BackboneTokenizer(self._count_backbone_tokens)
        self.other_scripts: OtherReader[Compressor] | None = None
        self.requests = RequestBuilder(
            parser=settings.query_parser, tail_tokens=settings.tail_tokens, token_starts=self._token_starts
        )

    def for_request(self, request: Request) -> Compressor:
        """Itself, or what reads a request in another script: see :mod:`..checkpoint.by_language`."""
        other = self.other_scripts.for_request(request) if self.other_scripts else None
        return other or self

    def _count_backbone_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(tokens.ids) for tokens in self.scorer.backbone.tokenize(texts)]

    def _token_starts(self, text: str) -> Sequence[int]:
        starts: list[int] = self.scorer.backbone.tokenize([text])[0].starts.tolist()
        return starts

    @classmethod
    def load(
        cls,
        checkpoint: str | None = None,
        *,
        tokenizer: str = DEFAULT_TOKENIZER,
        settings: CompressorSettings | None = None,
        device: str = "auto",
        dtype: str = "auto",
        chunk_tokens: int | None = None,
        snap: SnapLevel | None = None,
        hops: int | None = None,
        cache: str | Path | None = None,
        **decoder: Any,
    ) -> Compressor:
        """Load tokenizer, checkpoint and backbone, the quickest to fail first.

        Args:
            checkpoint: a shipped name or a directory; the default one where ``None``.
            tokenizer: what counts the budget: a tiktoken or Hugging Face name, a path, or ``backbone``.
            settings: what to keep; where ``None``, the usual, or with ``as_published`` Algorithm 1.
            device, dtype, chunk_tokens, snap, hops: see
                :class:`~longattncomp_cli.core.scoring.choice.ScorerChoice`.
            cache: a folder for what was read, as ``--cache``: another run on the same context reads it there.
            decoder: its other fields, such as ``backbone="meta-llama/Llama-3.1-8B-Instruct"``.

        Raises:
            ResourceError: a model, vocabulary or device is not there.
            CheckpointError: the checkpoint is not there, or broken.
        """
        choice = ScorerChoice(
            checkpoint=checkpoint,
            device=device,
            dtype=dtype,
            chunk_tokens=chunk_tokens,
            snap=snap,
            hops=hops,
            **decoder,
        )
        if settings is None:
            rule = SelectionRule(mode="top-p").as_published() if choice.as_published else SelectionRule()
            settings = CompressorSettings(rule=rule)
        folder = None if cache is None else Path(cache)
        return cls.of_choice(choice, tokenizer, settings, cache=CacheChoice(folder=folder))

    @classmethod
    def of_choice(
        cls,
        choice: ScorerChoice,
        tokenizer: str,
        settings: CompressorSettings,
        *,
        cache: CacheChoice = NO_CACHE,
        on_note: Callable[[str], None] = lambda note: None,
    ) -> Compressor:
        """The same of values that are made already.

        Args:
            choice: which scorer.
            tokenizer: what counts the budget; ``backbone`` is the scorer's own.
            settings: what to keep.
            cache: what is kept of contexts that were read.
            on_note: called with a sentence that the user should know.
        """
        target = None if tokenizer == "backbone" else load_tokenizer(tokenizer)
        compressor = cls(choice.load(on_note, cache), target, settings)
        if choice.is_default:
            other = replace(choice, checkpoint=MULTILINGUAL_CHECKPOINT)
            compressor.other_scripts = OtherReader(
                lambda: cls(other.load(on_note, cache), target, settings), on_note
            )
        return compressor

    def read(
        self, context: Context, *, instruction: str = "", on_tokens: OnTokens | None = None
    ) -> ReadContext:
        """Read a context once, for many queries: the second one costs a fraction of the first.

        What a query does not change is kept as long as what is given back: about 2.5 kB a token, of up to a
        million tokens. Longer contexts are read again for each query, and so is a conversation, whose parts
        to read depend on the budget.

        Args:
            context: one text or several, or a conversation.
            instruction: always kept, charged to the budget.
            on_tokens: called with (tokens done, tokens in total).

        Raises:
            InputError: there is no text.
        """
        first = self.requests.from_context(context, _ANY_QUERY, instruction=instruction)
        memo = None if first.frame is not None else SourcesMemo(first.sources)

        def request_of(query: str, budget: str | int | None) -> Request:
            if memo is None or not query.strip():
                return self.requests.from_context(context, query, budget, instruction=instruction)
            return replace(first, query=query, budget=budget, memo=memo)

        if memo is not None:
            request = replace(first, query="", memo=memo)
            self.for_request(request).scorer.read(request, on_tokens)
        reader = self._remembering()
        return ReadContext(request_of, reader.score, reader.compress)

    def _remembering(self) -> Compressor:
        """Itself; where query and context are read in one pass, with a memory of the context's part."""
        if not self.scorer.backbone.reads_whole_context:
            return self
        from longattncomp_cli.core.backbones.cache.backbone import MEMORY_BYTES, cached

        memory_bytes = MEMORY_BYTES[self.scorer.backbone.device.type]
        other = copy(self)
        other.scorer = self.scorer.with_backbone(cached(self.scorer.backbone, memory_bytes=memory_bytes))
        return other

    def score(
        self,
        context: Context | Request,
        query: str = "",
        budget: str | int | None = None,
        *,
        instruction: str = "",
        on_tokens: OnTokens | None = None,
    ) -> Scored:
        """Score every chunk; where a budget is set, also choose what it would keep.

        Args:
            context: one text or several; or a whole :class:`Request`, which leaves the next three out.
            query: what relevance is judged against; ``""`` where the context is a whole prompt.
            budget: such as ``4000``, ``"16k"`` or ``"12.5%"``; that of the settings where ``None``.
            instruction: always kept, charged to the budget.
            on_tokens: called with (tokens done, tokens in total).
        """
        request = self.requests.from_context(context, query, budget, instruction=instruction)
        chosen = self.for_request(request)
        if chosen is not self:
            return chosen.score(request, on_tokens=on_tokens)
        return self._scored(request, on_tokens, always_read=True)

    def _scored(self, request: Request, on_tokens: OnTokens | None, *, always_read: bool) -> Scored:
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
        if not sources and always_read:
            raise InputError(
                "the conversation holds nothing that may be shortened",
                hint="system text, tool calls, the last user turn and short texts stay: send it as it is",
                code="empty-context",
            )
        chunks = self.scorer.chunks(request) if sources else ()
        unread = ChunkScores(chunks, np.full(len(chunks), 1 / max(1, len(chunks))), None)
        renderer = self.renderer(request, unread, sizes)
        fits = budget is not None and renderer.original_tokens <= budget and not always_read
        if fits or not sources or (budget is not None and renderer.fixed_tokens > budget):
            return self._selected(Scored(request, unread, renderer), budget)
        scores = self._scores(request, on_tokens)
        # Kept spans, which nobody knew of before, come before what is held in reserve.
        has_room = budget is None or renderer.fixed_tokens <= budget - frame.reserve
        return self._selected(Scored(request, scores, renderer), budget, frame.reserve if has_room else 0)

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

    def compress(
        self,
        context: Context | Request,
        query: str = "",
        budget: str | int | None = None,
        *,
        instruction: str = "",
        on_tokens: OnTokens | None = None,
    ) -> Compression:
        """Keep what the query needs; the arguments are those of :meth:`score`.

        Raises:
            UsageError: no budget, and the selection mode needs one.
            BudgetError: the budget cannot hold what must be kept.
            InputError: the context is empty, or there is no query.
        """
        request = self.requests.from_context(context, query, budget, instruction=instruction)
        if request.budget is None and self.settings.budget is None and self.settings.rule.mode == "budget":
            raise UsageError(
                "no budget", hint="add --budget 4000, 16k or 12.5%, or --select top-p", code="missing-budget"
            )
        chosen = self.for_request(request)
        if chosen is not self:
            return chosen.compress(request, on_tokens=on_tokens)
        scored = self._scored(request, on_tokens, always_read=False)
        assert scored.selection is not None
        return Compression(
            scored.request,
            scored.scores,
            scored.renderer,
            scored.selection,
            scored.budget,
            self.settings.rule.mode,
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
