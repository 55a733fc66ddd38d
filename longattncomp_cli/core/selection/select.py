"""Choose chunks: token-budget top-p, budget-only, AttnComp's threshold rule, and an adaptive one.

Everything is a prefix of the ranking, plus a cut of the first chunk that does not fit, so a larger budget
always keeps a superset. No torch here, and no scores are changed.

Sources: Algorithm 1 of LongAttnComp (arXiv:2606.01336); the threshold rule of AttnComp (arXiv:2509.17486).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from longattncomp_cli.core.assembly.fitting import num_fitting
from longattncomp_cli.core.assembly.kept_spans import KeptSpan
from longattncomp_cli.core.assembly.renderer import Renderer
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.auto import AutoRule, num_chunks_to_keep
from longattncomp_cli.core.selection.copies import Copies, beside_copies, find_copies, without_copies
from longattncomp_cli.core.selection.cutting import FindStart, Remaining, at_chunk_start
from longattncomp_cli.core.selection.leads import raise_names
from longattncomp_cli.core.selection.line_parts import fill_chunk, least_tokens, raise_line
from longattncomp_cli.core.selection.pointers import (
    Pointed,
    corrections_of_best,
    follow_pointers,
    raise_entry,
)
from longattncomp_cli.core.text.arrays import IntArray
from longattncomp_cli.core.text.spans import SourceSpan
from longattncomp_cli.errors import BudgetError, UsageError

SelectMode = Literal["top-p", "budget", "threshold", "auto"]
StopReason = Literal["budget", "top_p", "threshold", "auto", "exhausted", "passthrough"]

_LEAST_MASS = 1e-300


@dataclass(frozen=True)
class Selection:
    """What was chosen.

    Attributes:
        kept: spans in source order.
        stop: why nothing more was.
        retained_mass: their share of all chunks' mass.
        copies: what was left out because it repeats what is kept, in source order.
    """

    kept: tuple[KeptSpan, ...]
    stop: StopReason
    retained_mass: float
    copies: tuple[SourceSpan, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SelectionRule:
    """When to stop adding chunks in the order of their rank."""

    mode: SelectMode = "budget"
    """``budget`` fills the budget; ``top-p`` also stops where the chunks taken hold ``top_p`` of their mass;
    ``threshold`` is AttnComp's rule: the sum starts at the sink, and no score below ``epsilon`` is taken;
    ``auto`` stops where the scores say that nothing more is to be found."""
    top_p: float = 0.95
    """Where ``top-p`` and ``threshold`` stop."""
    epsilon: float = 0.01
    """The least score that ``threshold`` takes."""
    auto: AutoRule = field(default_factory=AutoRule)
    """The fitted numbers of ``auto``."""
    count_sink: bool = False
    """Whether the sum of ``top-p`` starts at the sink's mass, as published; else it is of the chunks'
    shares of what they drew together."""
    fill: bool = True
    """Cut the first chunk that does not fit at a sentence, line or word end, instead of dropping it."""
    copies_count_once: bool = True
    """Leave out what repeats a better chunk word for word."""
    follows_pointers: bool = True
    """Raise what the best chunks point to by number, and the entry that is asked for as the newest."""

    def as_published(self) -> SelectionRule:
        """As Algorithm 1 of arXiv:2606.01336: from the sink's mass on, chunks stay whole, copies as well."""
        return replace(self, count_sink=True, fill=False, copies_count_once=False, follows_pointers=False)

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        if not 0 < self.top_p <= 1:
            raise UsageError(f"--top-p {self.top_p} is outside (0, 1]", hint="0.95 is the paper's value")
        if not 0 <= self.epsilon < 1:
            raise UsageError(f"epsilon {self.epsilon} is outside [0, 1)", hint="0.01 is AttnComp's value")


def select(
    scores: ChunkScores,
    rule: SelectionRule,
    renderer: Renderer,
    budget: int | None,
    focus: FindStart = at_chunk_start,
) -> Selection:
    """Choose what to keep of one request.

    Args:
        scores: of every chunk.
        rule: when to stop.
        renderer: of the same chunks; it counts.
        budget: the most tokens that the rendered text may have, or ``None`` for no limit.
        focus: where the best part of a chunk begins; asked for the one chunk that must be cut.

    Returns:
        Kept spans in source order whose rendered text has at most ``budget`` tokens.

    Raises:
        BudgetError: the budget cannot hold what is always kept, or not one character more.
    """
    if budget is not None:
        if renderer.fixed_tokens > budget:
            raise BudgetError(
                f"the budget of {budget} tokens cannot hold what is always kept: {renderer.always_kept} "
                f"have {renderer.fixed_tokens}",
                hint=f"use --budget {_least_budget(scores, rule, renderer, focus)} or more",
            )
        if renderer.original_tokens <= budget:
            return _selection(scores, renderer.full_chunks(range(len(scores.chunks))), "passthrough")
    ranked = _rank(scores, rule, renderer, focus, leaves_copies=budget is None)
    order, renderer, focus = ranked.order, ranked.renderer, ranked.focus
    num_whole = len(order) if budget is None else num_fitting(order, renderer, budget)
    best = order[:num_whole].tolist()
    if budget is None or num_whole == len(order):
        return _selection(scores, renderer.full_chunks(best), ranked.stop, ranked.copies)
    room = Remaining(renderer=renderer, whole=best, budget=budget)
    cut = scores.chunks[order[num_whole]]
    kept = fill_chunk(cut, room, focus) if rule.fill else renderer.full_chunks(best)
    if not kept and not renderer.stands_empty:
        held = "one character" if rule.fill else "all"
        way = "" if rule.fill or not fill_chunk(cut, room, focus) else "drop --as-published, or "
        raise BudgetError(
            f"the budget of {budget} tokens cannot hold {held} of the best chunk",
            hint=f"{way}use --budget {_least_budget(scores, rule, renderer, focus)} or more",
        )
    return _selection(scores, kept, "budget", ranked.copies)


@dataclass(frozen=True)
class _Ranking:
    """What a rule takes where no budget binds.

    Attributes:
        order: the chunks, best first.
        stop: why there are no more.
        copies: what is left out because it repeats better chunks.
        renderer: leaves these parts out, and keeps corrections with what they correct.
        focus: finds the target in a chunk that has risen, and never lies in a copy.
    """

    order: IntArray
    stop: StopReason
    copies: Copies
    renderer: Renderer
    focus: FindStart


def _rank(
    scores: ChunkScores, rule: SelectionRule, renderer: Renderer, focus: FindStart, *, leaves_copies: bool
) -> _Ranking:
    """Order the chunks: what is asked for by place and pointed to rises, copies go."""
    limit, stop = num_chunks_by_rule(scores, rule)
    pointed = Pointed(scores.order)
    if rule.follows_pointers:
        pointed = raise_entry(follow_pointers(scores, renderer.request), scores, renderer.request)
        pointed = raise_line(raise_names(pointed, scores, renderer.request), scores, renderer.request)
        renderer = replace(renderer, corrections=corrections_of_best(scores, renderer.request))
    # Without a budget a copy takes no room from anything else.
    once = rule.copies_count_once and not leaves_copies
    copies = find_copies(pointed.order, renderer) if once else Copies(pointed.order, {})
    ranks = scores.ranks
    order = [each for each in copies.order.tolist() if ranks[pointed.raised.get(each, each)] <= limit]
    return _Ranking(
        np.array(order, np.int64),
        stop,
        copies,
        without_copies(renderer, copies),
        beside_copies(pointed.focus(focus), copies),
    )


def _least_budget(scores: ChunkScores, rule: SelectionRule, renderer: Renderer, focus: FindStart) -> int:
    """A budget that surely keeps something."""
    if renderer.required_spans or renderer.stands_empty or not len(scores.order):
        return renderer.fixed_tokens
    best = scores.chunks[scores.order[0]]
    if not rule.fill:
        return renderer.count(renderer.full_chunks([best.index]))
    return least_tokens(best, Remaining(renderer=renderer, whole=(), budget=0), focus)


def num_chunks_by_rule(scores: ChunkScores, rule: SelectionRule) -> tuple[int, StopReason]:
    """How many chunks the rule takes where no budget binds, and why it stops there."""
    ranked = scores.scores[scores.order]
    limit, reason = len(ranked), "exhausted"
    if rule.mode == "top-p":
        # Add while the sum so far is below p: the chunk that crosses p is taken. The sum is of shares of
        # what the chunks drew together: the sink's mass says whether to look here at all, not how far.
        shares = ranked if rule.count_sink else ranked / max(float(ranked.sum()), _LEAST_MASS)
        before = np.cumsum(shares) - shares + ((scores.sink or 0.0) if rule.count_sink else 0.0)
        limit, reason = int(np.count_nonzero(before < rule.top_p - 1e-12)), "top_p"
    elif rule.mode == "auto":
        limit, reason = num_chunks_to_keep(ranked, scores.sink, rule.auto, scores.sufficiency), "auto"
    elif rule.mode == "threshold":
        before = (scores.sink or 0.0) + np.cumsum(ranked) - ranked
        taken = (before < rule.top_p - 1e-12) & (ranked >= rule.epsilon)
        limit, reason = int(np.cumprod(taken).sum()), "threshold"
    return limit, "exhausted" if limit == len(ranked) else reason  # type: ignore[return-value]


def _selection(
    scores: ChunkScores, kept: tuple[KeptSpan, ...], stop: StopReason, copies: Copies | None = None
) -> Selection:
    """Attach the retained share of all chunks' mass, a cut chunk by its characters, and the copies."""
    mass = sum(
        float(scores.scores[span.chunk.index])
        * (span.end - span.start)
        / max(1, span.chunk.end - span.chunk.start)
        for span in kept
    )
    retained = min(1.0, mass / max(float(scores.scores.sum()), _LEAST_MASS))
    left_out = copies.left_out(frozenset(span.chunk.index for span in kept)) if copies else ()
    return Selection(kept, stop, retained, left_out)
