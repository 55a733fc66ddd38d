"""Choose chunks: token-budget top-p, budget-only, AttnComp's threshold rule, and an adaptive one.

Everything is a prefix of the ranking, plus a cut of the first chunk that does not fit, so a larger budget
always keeps a superset. No torch here, and no scores are changed.

Sources: Algorithm 1 of LongAttnComp (arXiv:2606.01336); the threshold rule of AttnComp (arXiv:2509.17486).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from longattncomp_cli.core.adaptive import AutoRule, stop_rank
from longattncomp_cli.core.assembly import Renderer
from longattncomp_cli.core.boundaries import word_starts
from longattncomp_cli.core.types import (
    Chunk,
    ChunkScores,
    IntArray,
    KeptSpan,
    Selection,
    SelectMode,
    StopReason,
)
from longattncomp_cli.errors import BudgetError, UsageError

_LEAST_MASS = 1e-300

# Tells the character offset, in its source, at which the best part of a chunk begins.
Focus = Callable[[Chunk], int]


@dataclass(frozen=True, kw_only=True)
class SelectionRule:
    """When to stop adding chunks in the order of their rank."""

    mode: SelectMode = "budget"
    """``budget`` fills the budget; ``top-p`` also stops where the chunks
    taken hold ``top_p`` of all chunks' mass;
    ``threshold`` is AttnComp's rule: the sum starts at the sink, and no score below ``epsilon`` is taken;
    ``auto`` stops where the scores say that nothing more is to be found."""
    top_p: float = 0.95
    """Of ``top-p`` and ``threshold``."""
    epsilon: float = 0.01
    """Of ``threshold``."""
    auto: AutoRule = field(default_factory=AutoRule)
    """Of ``auto``."""
    fill: bool = True
    """Cut the first chunk that does not fit at a sentence, line or word end, instead of dropping it."""

    def __post_init__(self) -> None:
        """Refuse values outside their range."""
        if not 0 < self.top_p <= 1:
            raise UsageError(f"--top-p {self.top_p} is outside (0, 1]", hint="0.95 is the paper's value")
        if not 0 <= self.epsilon < 1:
            raise UsageError(f"--epsilon {self.epsilon} is outside [0, 1)", hint="0.01 is AttnComp's value")


def chunk_begin(chunk: Chunk) -> int:
    """The focus of a chunk of which nothing is known: where it begins."""
    return chunk.start


def select(
    scores: ChunkScores,
    rule: SelectionRule,
    renderer: Renderer,
    budget: int | None,
    focus: Focus = chunk_begin,
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
    num_chunks = len(scores.chunks)
    if budget is not None:
        if renderer.fixed_tokens > budget:
            what = "instruction, query and kept spans" if renderer.must_spans else "instruction and query"
            raise BudgetError(
                f"the budget of {budget} tokens cannot hold what is always kept: {what} "
                f"have {renderer.fixed_tokens}",
                hint=f"use --budget {renderer.fixed_tokens * 2} or more",
            )
        if renderer.original_tokens <= budget:
            return _selection(scores, renderer.whole(range(num_chunks)), "passthrough")
    limit, reason = rank_limit(scores, rule)
    if budget is None:
        return _selection(scores, renderer.whole(scores.order[:limit].tolist()), reason)
    num_whole = _fitting_prefix(scores.order[:limit], renderer, budget)
    best = scores.order[:num_whole].tolist()
    kept = renderer.whole(best)
    if num_whole == limit:
        return _selection(scores, kept, reason)
    if rule.fill:
        kept = _fill(best, scores, int(scores.order[num_whole]), renderer, budget, focus)
    if not kept:
        raise BudgetError(
            f"the budget of {budget} tokens cannot hold any of the best chunk",
            hint="use a larger --budget, without --no-fill",
        )
    return _selection(scores, kept, "budget")


def rank_limit(scores: ChunkScores, rule: SelectionRule) -> tuple[int, StopReason]:
    """How many chunks the rule takes where no budget binds, and why it stops there."""
    ranked = scores.scores[scores.order]
    if rule.mode == "budget":
        return len(ranked), "exhausted"
    if rule.mode == "top-p":
        # Add while the sum so far is below p: the chunk that crosses p is taken. The sum is of shares of
        # what the chunks drew together: the sink's mass says whether to look here at all, not how far.
        shares = ranked / max(float(ranked.sum()), _LEAST_MASS)
        before = np.cumsum(shares) - shares
        limit, reason = int(np.count_nonzero(before < rule.top_p - 1e-12)), "top_p"
    elif rule.mode == "auto":
        limit, reason = stop_rank(ranked, scores.sink, rule.auto, scores.enough), "auto"
    else:
        before = (scores.sink or 0.0) + np.cumsum(ranked) - ranked
        taken = (before < rule.top_p - 1e-12) & (ranked >= rule.epsilon)
        limit, reason = int(np.cumprod(taken).sum()), "threshold"
    return limit, "exhausted" if limit == len(ranked) else reason  # type: ignore[return-value]


def _fitting_prefix(order: IntArray, renderer: Renderer, budget: int) -> int:
    """How many of the best chunks fit, whole: estimated by adding up, settled by counting the text.

    For a larger budget the result is never smaller: the estimate is not, and from it the count is only
    lowered to a prefix that fits or raised while the next one does.
    """
    num = _additive_prefix(order, renderer, budget)
    fits = renderer.count(renderer.whole(order[:num].tolist())) <= budget
    while not fits and num > 0:
        num -= 1
        fits = renderer.count(renderer.whole(order[:num].tolist())) <= budget
        if fits:
            return num
    while num < len(order) and renderer.count(renderer.whole(order[: num + 1].tolist())) <= budget:
        num += 1
    return num


def _additive_prefix(order: IntArray, renderer: Renderer, budget: int) -> int:
    """How many of the best chunks fit if every part counted alone."""
    chunks, tokens = renderer.chunks, renderer.chunk_tokens
    total = renderer.fixed_tokens
    runs: set[int] = set()
    # Heading lines and kept spans: each is paid for once, with a separator.
    parts = {(span.chunk.index, span.start) for span in renderer.must_spans}
    paid = {span.chunk.index for span in renderer.must_spans if not span.is_cut}
    for position, index in enumerate(order.tolist()):
        neighbours = (index - 1 in runs) + (index + 1 in runs)
        gaps = (1 - neighbours) if runs else 0
        opens_source = index > 0 and chunks[index - 1].source != chunks[index].source
        for head in renderer.heads_of(chunks[index]):
            if (head.chunk.index, head.start) not in parts and head.chunk.index not in runs:
                parts.add((head.chunk.index, head.start))
                text = renderer.request.sources[head.chunk.source].text[head.start : head.end]
                total += renderer.tokenizer.count(text) + renderer.separator_tokens
        own = 0 if index in paid else tokens[index]
        total += own + gaps * renderer.separator_tokens + opens_source
        if total > budget:
            return position
        runs.add(index)
    return len(order)


def _fill(
    whole: Sequence[int], scores: ChunkScores, index: int, renderer: Renderer, budget: int, focus: Focus
) -> tuple[KeptSpan, ...]:
    """Add as much of chunk ``index`` as fits: from its focus to the end, then backwards from there.

    A larger budget only ever moves the end out, and then the start, so it keeps a superset.
    """
    chunk = scores.chunks[index]
    text = renderer.request.sources[chunk.source].text
    anchor = min(max(focus(chunk), chunk.start), chunk.end - 1)
    heads = renderer.heads_at(chunk.source, anchor)

    def with_part(start: int, end: int) -> tuple[KeptSpan, ...]:
        return renderer.whole(whole, [KeptSpan(chunk, start, end), *heads])

    def fits(start: int, end: int) -> bool:
        return renderer.count(with_part(start, end)) <= budget

    if not fits(anchor, chunk.end):
        edges = renderer.good_edges(chunk.source, anchor, chunk.end)
        ends = _good_ends(text[anchor : chunk.end], edges, lambda end: fits(anchor, anchor + end))
        return with_part(anchor, anchor + ends) if ends else _with_heads(whole, heads, renderer, budget)
    edges = renderer.good_edges(chunk.source, chunk.start, anchor)
    before = text[chunk.start : anchor]
    kept_before = _good_starts(before, edges, lambda start: fits(chunk.start + start, chunk.end))
    return with_part(chunk.start + kept_before, chunk.end)


def _with_heads(
    whole: Sequence[int], heads: Sequence[KeptSpan], renderer: Renderer, budget: int
) -> tuple[KeptSpan, ...]:
    """Where nothing of a chunk fits beside the lines that head it: as many of these as fit.

    Where nothing else is kept, at least the beginning of the first.
    """
    for num_heads in range(len(heads), 0, -1):
        kept = renderer.whole(whole, heads[:num_heads])
        if renderer.count(kept) <= budget:
            return kept
    if whole or not heads:
        return renderer.whole(whole)
    text = renderer.request.sources[heads[0].chunk.source].text[heads[0].start : heads[0].end]

    def beginning(length: int) -> tuple[KeptSpan, ...]:
        return renderer.whole((), [replace(heads[0], end=heads[0].start + length)])

    fitting = _longest(
        _trimmed(text, word_starts(text)), lambda length: renderer.count(beginning(length)) <= budget
    )
    return beginning(fitting) if fitting else ()


def _good_ends(text: str, edges: Sequence[IntArray], fits: Callable[[int], bool]) -> int:
    """The length of the longest beginning that fits and ends well; 0 where not one character fits.

    The best kind of edge (a sentence or unit end) serves if it fills half of what a word end would, else
    the next kind (a line end), else a word end, else any character.
    """
    longest = _longest(_trimmed(text, word_starts(text)), fits) or _longest(range(1, len(text)), fits)
    for starts in edges:
        ends = _trimmed(text, starts)
        place = bisect_right(ends, longest)
        if place and ends[place - 1] * 2 >= longest and fits(ends[place - 1]):
            return ends[place - 1]
    return longest


def _good_starts(text: str, edges: Sequence[IntArray], fits: Callable[[int], bool]) -> int:
    """Where the longest ending of ``text`` begins that fits and begins with a sentence, unit or line."""
    for starts in edges:
        farthest_first = [len(text) - start for start in reversed(starts.tolist())]
        length = _longest(farthest_first, lambda length: fits(len(text) - length))
        if length:
            return len(text) - length
    return len(text)


def _trimmed(text: str, starts: IntArray) -> list[int]:
    """Where the units that end at ``starts`` end without their white space, ascending; never 0."""
    ends = {len(text[:start].rstrip()) for start in starts.tolist()}
    return sorted(ends - {0})


def _longest(ends: Sequence[int], fits: Callable[[int], bool]) -> int:
    """The largest end that fits (0: none), by bisection; counts are as good as monotone in it."""
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high) // 2
        if fits(ends[middle]):
            low = middle + 1
        else:
            high = middle
    return ends[low - 1] if low else 0


def _selection(scores: ChunkScores, kept: tuple[KeptSpan, ...], stop: StopReason) -> Selection:
    """Attach the retained share of all chunks' mass; a cut chunk counts by its characters."""
    mass = sum(
        float(scores.scores[span.chunk.index])
        * (span.end - span.start)
        / max(1, span.chunk.end - span.chunk.start)
        for span in kept
    )
    return Selection(kept, stop, min(1.0, mass / max(float(scores.scores.sum()), _LEAST_MASS)))
