"""How many of the best chunks fit within a budget, whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from longattncomp_cli.core.assembly.kept_spans import KeptSpan
from longattncomp_cli.core.assembly.renderer import Renderer
from longattncomp_cli.core.text.arrays import IntArray


def num_fitting(order: IntArray, renderer: Renderer, budget: int) -> int:
    """How many of the best chunks fit, whole: estimated by adding up, settled by counting the text.

    For a larger budget the result is never smaller: the estimate is not, and from it the count is only
    lowered to a prefix that fits or raised while the next one does.
    """
    num = _additive_prefix(order, renderer, budget)
    fits = renderer.count(renderer.full_chunks(order[:num].tolist())) <= budget
    while not fits and num > 0:
        num -= 1
        fits = renderer.count(renderer.full_chunks(order[:num].tolist())) <= budget
        if fits:
            return num
    while num < len(order) and renderer.count(renderer.full_chunks(order[: num + 1].tolist())) <= budget:
        num += 1
    return num


def _additive_prefix(order: IntArray, renderer: Renderer, budget: int) -> int:
    """How many of the best chunks fit if every part counted alone."""
    for position, total in enumerate(tokens_of_best(order, renderer)):
        if total > budget:
            return position
    return len(order)


def tokens_of_best(order: IntArray, renderer: Renderer) -> Iterator[int]:
    """Tokens of the best 1, 2, … chunks, added up: with heading lines, separators and what must stay.

    Every part is counted alone; that of the text as it is printed may be a little more or less.
    """
    chunks, tokens = renderer.chunks, renderer.tokens_to_keep
    total = renderer.fixed_tokens
    # Heading lines and kept spans: each is paid for once, with a separator.
    parts = {(span.chunk.index, span.start) for span in renderer.required_spans}
    paid = Counter[int]()
    for span in renderer.required_spans:
        paid[span.chunk.index] += _tokens_of(span, renderer)
    runs = {span.chunk.index for span in renderer.required_spans if not span.is_cut}
    for index in order.tolist():
        if index in runs:
            yield total
            continue
        neighbours = (index - 1 in runs) + (index + 1 in runs)
        gaps = (index not in paid) - neighbours if parts or runs else 0
        opens_source = index > 0 and chunks[index - 1].source != chunks[index].source
        for owner in renderer.owners_of(chunks[index]):
            if (owner.chunk.index, owner.start) not in parts and owner.chunk.index not in runs:
                parts.add((owner.chunk.index, owner.start))
                paid[owner.chunk.index] += _tokens_of(owner, renderer)
                total += _tokens_of(owner, renderer) + 1
        own = max(0, tokens[index] - paid[index])
        total += own + gaps * renderer.separator_tokens + opens_source
        runs.add(index)
        yield total


def _tokens_of(span: KeptSpan, renderer: Renderer) -> int:
    text = renderer.request.sources[span.chunk.source].text
    return renderer.tokenizer.count(text[span.start : span.end])
