"""Cut the first chunk that does not fit, so that the budget is used: at sentence, unit, line or word ends.

A larger budget only ever moves the end of a part out, and then its start, so it keeps a superset.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from longattncomp_cli.core.assembly.kept_spans import KeptSpan
from longattncomp_cli.core.assembly.renderer import Renderer
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.text.arrays import IntArray
from longattncomp_cli.core.text.boundaries import word_starts
from longattncomp_cli.core.text.graphemes import cluster_ends

# Tells the character offset, in its source, at which the best part of a chunk begins.
FindStart = Callable[[Chunk], int]


def at_chunk_start(chunk: Chunk) -> int:
    """The focus of a chunk of which nothing is known: where it begins."""
    return chunk.start


@dataclass(frozen=True, kw_only=True)
class Remaining:
    """What a part is added to.

    Attributes:
        renderer: of the request; it counts.
        whole: the chunks that are kept entire.
        budget: the most tokens that the rendered text may have.
    """

    renderer: Renderer
    whole: Sequence[int]
    budget: int

    def fits(self, part: Sequence[KeptSpan]) -> bool:
        """Whether the text with ``part`` keeps the budget."""
        return self.renderer.count(self.renderer.full_chunks(self.whole, part)) <= self.budget


def fill_remaining(chunk: Chunk, room: Remaining, focus: FindStart) -> tuple[KeptSpan, ...]:
    """Add as much of ``chunk`` as fits: from its focus to the end, then backwards from there.

    Returns:
        All that is kept, in source order; nothing where not one character fits.
    """
    renderer = room.renderer
    text = renderer.request.sources[chunk.source].text
    anchor, headings = _begin(chunk, renderer, focus)

    def part(start: int, end: int) -> list[KeptSpan]:
        return [KeptSpan(chunk, start, end), *headings]

    if room.fits(part(anchor, chunk.end)):
        edges = renderer.cut_points(chunk.source, chunk.start, anchor)
        before = text[chunk.start : anchor]
        kept = _good_starts(before, edges, lambda start: room.fits(part(chunk.start + start, chunk.end)))
        return renderer.full_chunks(room.whole, part(chunk.start + kept, chunk.end))
    if not headings:
        return renderer.full_chunks(room.whole, _beginning(KeptSpan(chunk, anchor, chunk.end), room))
    edges = renderer.cut_points(chunk.source, anchor, chunk.end)
    length = _longest_prefix(
        text[anchor : chunk.end], edges, lambda end: room.fits(part(anchor, anchor + end))
    )
    if length:
        return renderer.full_chunks(room.whole, part(anchor, anchor + length))
    return renderer.full_chunks(room.whole, _headings_alone(headings, room))


def least_tokens(chunk: Chunk, room: Remaining, focus: FindStart) -> int:
    """A budget with which :func:`fill_remaining` keeps something of ``chunk``."""
    anchor, headings = _begin(chunk, room.renderer, focus)
    return _least(headings[0] if headings else KeptSpan(chunk, anchor, chunk.end), room)


def _begin(chunk: Chunk, renderer: Renderer, focus: FindStart) -> tuple[int, list[KeptSpan]]:
    """Where the part to keep begins, and the lines that head it."""
    anchor = min(max(focus(chunk), chunk.start), chunk.end - 1)
    return anchor, renderer.headings_at(chunk.source, anchor)


def _headings_alone(headings: Sequence[KeptSpan], room: Remaining) -> Sequence[KeptSpan]:
    """Where nothing of a chunk fits beside the lines that head it: as many of these as fit.

    Where nothing else is kept, at least the beginning of the first.
    """
    for num_headings in range(len(headings), 0, -1):
        if room.fits(headings[:num_headings]):
            return headings[:num_headings]
    return [] if room.whole else _beginning(headings[0], room)


def _beginning(span: KeptSpan, room: Remaining) -> Sequence[KeptSpan]:
    """As much of ``span`` as fits, from where it begins; nothing where not one character does.

    Where it is all that is kept, a mark that the text ends inside of something takes at most half of the
    room: it is left out where more of the text fits without it.
    """
    renderer = room.renderer
    text = renderer.request.sources[span.chunk.source].text[span.start : span.end]
    edges = renderer.cut_points(span.chunk.source, span.start, span.end)

    def longest(room: Remaining, *, unmarked: bool) -> KeptSpan:
        def first(length: int) -> KeptSpan:
            return replace(span, end=span.start + length, unmarked=unmarked)

        return first(_longest_prefix(text, edges, lambda length: room.fits([first(length)])))

    marked = longest(room, unmarked=False)
    if not room.whole and not renderer.required_spans:
        mark_tokens = renderer.tokenizer.count(renderer.cut_mark)
        enough = max(renderer.fixed_tokens + mark_tokens, _least(span, room))
        bare = longest(replace(room, budget=min(room.budget, enough)), unmarked=True)
        marked = max(marked, bare, key=lambda kept: kept.end)
    return [marked] if marked.end > marked.start else []


def _least(span: KeptSpan, room: Remaining) -> int:
    """The tokens of the text with the first grapheme cluster of ``span`` and no mark."""
    text = room.renderer.request.sources[span.chunk.source].text[span.start : span.end]
    first = replace(span, end=span.start + int(cluster_ends(text)[0]), unmarked=True)
    return room.renderer.count(room.renderer.full_chunks(room.whole, [first]))


def _longest_prefix(text: str, edges: Sequence[IntArray], fits: Callable[[int], bool]) -> int:
    """The length of the longest beginning that fits and ends well; 0 where not one character fits.

    The best kind of edge (a sentence or unit end) serves if it fills half of what a word end would, else
    the next kind (a line end), else a word end, else any grapheme cluster.
    """
    words = _trimmed(text, np.append(word_starts(text), len(text)))
    longest = _longest(words, fits) or _longest(cluster_ends(text), fits)
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


def _longest(ends: Sequence[int] | IntArray, fits: Callable[[int], bool]) -> int:
    """The largest end that fits (0: none), by bisection; counts are as good as monotone in it."""
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high) // 2
        if fits(ends[middle]):
            low = middle + 1
        else:
            high = middle
    return int(ends[low - 1]) if low else 0
