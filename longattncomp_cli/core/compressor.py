"""What users hold: one checkpoint and one tokenizer, loaded once, for any number of contexts and queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longattncomp_cli.core.backbones.cache.choice import NO_CACHE, CacheChoice
from longattncomp_cli.core.budget.tokenizers import (
    DEFAULT_TOKENIZER,
    BackboneTokenizer,
    TargetTokenizer,
    load_tokenizer,
)
from longattncomp_cli.core.checkpoint.by_language import OtherReader
from longattncomp_cli.core.checkpoint.shipped import MULTILINGUAL_CHECKPOINT
from longattncomp_cli.core.chunking.chunks import SnapLevel
from longattncomp_cli.core.pipeline import Pipeline
from longattncomp_cli.core.prompts.request import Context, Request, RequestBuilder, SourcesMemo
from longattncomp_cli.core.results.compression import Compression, Scored
from longattncomp_cli.core.results.read_context import ReadContext
from longattncomp_cli.core.scoring.choice import ScorerChoice
from longattncomp_cli.core.selection.select import SelectionRule
from longattncomp_cli.core.settings import CompressorSettings
from longattncomp_cli.errors import UsageError

if TYPE_CHECKING:
    from longattncomp_cli.core.backbones.base import OnTokens
    from longattncomp_cli.core.scoring.scorer import Scorer

_ANY_QUERY = "?"


class Compressor:
    """Scores and compresses requests with one checkpoint and one tokenizer.

    Args:
        scorer: see :func:`longattncomp_cli.core.scoring.loading.load_scorer`.
        tokenizer: counts the budget; ``None`` counts with the backbone's own.
        settings: what to keep.

    Attributes:
        pipeline: what a request goes through.
        requests: makes requests of what the user gives.
        other_scripts: gives the compressor of requests that this one's checkpoint does not read.
    """

    def __init__(
        self, scorer: Scorer, tokenizer: TargetTokenizer | None, settings: CompressorSettings
    ) -> None:
        """Derive what settings ask of the scorer."""
        if settings.rule.mode == "auto":
            scorer = scorer.with_options(one_hop_above=settings.rule.auto.min_sufficiency)
        tokenizer = tokenizer or BackboneTokenizer(self._count_backbone_tokens)
        self.pipeline = Pipeline(scorer, tokenizer, settings)
        self.other_scripts: OtherReader[Compressor] | None = None
        self.requests = RequestBuilder(
            parser=settings.query_parser, tail_tokens=settings.tail_tokens, token_starts=self._token_starts
        )

    @property
    def scorer(self) -> Scorer:
        """Of the pipeline."""
        return self.pipeline.scorer

    @property
    def tokenizer(self) -> TargetTokenizer:
        """Of the pipeline."""
        return self.pipeline.tokenizer

    @property
    def settings(self) -> CompressorSettings:
        """Of the pipeline."""
        return self.pipeline.settings

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
        reader = self.remembering() if self.scorer.backbone.reads_whole_context else self
        return ReadContext(request_of, reader.score, reader.compress)

    def remembering(self, memory_bytes: int | None = None) -> Compressor:
        """A copy that remembers the states of what it read, in memory.

        Args:
            memory_bytes: at most so many; what suits the device where ``None``.
        """
        from longattncomp_cli.core.backbones.cache.backbone import MEMORY_BYTES, cached

        backbone = self.scorer.backbone
        limit = MEMORY_BYTES[backbone.device.type] if memory_bytes is None else memory_bytes
        other = copy(self)
        scorer = self.scorer.with_backbone(cached(backbone, memory_bytes=limit))
        other.pipeline = replace(self.pipeline, scorer=scorer)
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
        return self.pipeline.scored(request, on_tokens, always_read=True)

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
        return self.pipeline.scored(request, on_tokens, always_read=False).compression(
            self.settings.rule.mode
        )
