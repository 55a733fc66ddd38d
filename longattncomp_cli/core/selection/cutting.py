"""Cut the first chunk that does not fit, so that the budget is used: at sentence, unit, line or word ends.

A larger budget only ever moves the end of a part out, and then its start, so it keeps a superset.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from longattncomp_cli.core.assembly.kept_spans import KeptSpan
from longattncomp_cli.core.assembly.renderer import Renderer
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.selection.part_ends import PartEnds, longest_end, word_ends
from longattncomp_cli.core.text.arrays import IntArray
from longattncomp_cli.core.text.boundaries import past_empty_lines
from longattncomp_cli.core.text.graphemes import cluster_ends
from longattncomp_cli.core.text.structure.kinds import CODE_KINDS
from longattncomp_cli.core.text.words import Spelling, word_set

_SHORT_LETTERS = 3


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

    What is added begins and ends well, and has its heading lines; where it cannot, nothing is added. Where
    nothing else is kept, at least the first words are, then one after the other what :func:`_step_by_step`
    says.

    Returns:
        All that is kept, in source order; nothing where not one character fits.
    """
    renderer, parts = room.renderer, room.renderer.parts
    source = chunk.source
    text = renderer.request.sources[source].text
    anchor = _anchor(chunk, renderer, focus)
    before = parts.rest_before(source, anchor)
    headings = parts.headings_at(source, anchor)
    corrections = renderer.corrections.get(chunk.index, ())
    owners = [*headings, *before, *corrections]

    def part(start: int, end: int) -> list[KeptSpan]:
        rest = parts.rest_after(source, end) if end == chunk.end else []
        above = parts.headings_at(source, start) if start < anchor else []
        return [KeptSpan(chunk, start, end), *owners, *rest, *above]

    if room.fits(part(anchor, chunk.end)):
        earlier = text[chunk.start : anchor]
        edges = [_past_empty_lines(earlier, each) for each in parts.cut_points(source, chunk.start, anchor)]
        kept = _good_starts(earlier, edges, lambda start: room.fits(part(chunk.start + start, chunk.end)))
        return renderer.full_chunks(room.whole, part(chunk.start + kept, chunk.end))
    ends = PartEnds.of(anchor, chunk, renderer)
    alone = not room.whole and not renderer.required_spans
    shortest = ends.whole if alone else 0
    length = ends.best(lambda length: room.fits(part(anchor, anchor + length)), least=shortest)
    if length:
        return renderer.full_chunks(room.whole, part(anchor, anchor + length))
    if not alone:
        return renderer.full_chunks(room.whole) if room.whole or renderer.required_spans else ()
    first = beginning(KeptSpan(chunk, anchor, anchor + ends.first), room)
    if first and first[0].end == anchor + ends.first:
        first = _step_by_step(first[0], ends, [*before, *headings], room, corrections)
    return renderer.full_chunks((), first)


def _step_by_step(
    first: KeptSpan,
    ends: PartEnds,
    owners: Sequence[KeptSpan],
    room: Remaining,
    corrections: Sequence[KeptSpan] = (),
) -> Sequence[KeptSpan]:
    """The first words of a part, and of what they need as much as fits, in an order that no budget changes.

    What takes the part back; the innermost heading line, which may say of whom or whether at all; the line
    above that names what the query names; the rest of the sentence; the other heading lines, the innermost
    first. In code, whose statements are long and whose heading lines are short, these come before the rest.
    """
    is_code = room.renderer.request.sources[first.chunk.source].kind in CODE_KINDS
    outer = owners[:-1]
    kept = [first]
    naming = _naming_line(outer, room.renderer)
    for owner in [*corrections, *owners[-1:], *naming, *(reversed(outer) if is_code else ())]:
        if not room.fits([*kept, owner]):
            return kept
        kept.append(owner)
    later = [end for end in ends.later if ends.first < end < ends.whole] + [ends.whole]
    length = longest_end(later, lambda end: room.fits([replace(first, end=first.start + end), *kept[1:]]))
    kept[0] = replace(first, end=first.start + max(length, ends.first))
    for owner in reversed(outer) if length == ends.whole and not is_code else ():
        if not room.fits([*kept, owner]):
            break
        kept.append(owner)
    return kept


def _naming_line(headings: Sequence[KeptSpan], renderer: Renderer) -> list[KeptSpan]:
    """The line of heading lines that has most words of the query, the innermost of several; none without."""
    wanted = word_set(renderer.request.query)
    lines = [line for heading in reversed(headings) for line in lines_of(heading, renderer)]
    shared = [_num_shared(wanted, _text_of(line, renderer)) for line in lines]
    return [lines[shared.index(max(shared))]] if any(shared) else []


def lines_of(span: KeptSpan, renderer: Renderer) -> list[KeptSpan]:
    """The lines of a heading, each alone."""
    starts = renderer.parts.line_starts(span.chunk.source, span.start, span.end)
    edges = [span.start, *(span.start + int(at) for at in starts), span.end]
    return [replace(span, start=a, end=b) for a, b in pairwise(edges) if a < b]


def _num_shared(wanted: Collection[str], text: str) -> int:
    """How many words stand in a text, the longer ones as parts of others too (``valveNote``)."""
    own, plain = word_set(text), Spelling.of(text, any_case=True).text
    return sum(word in own or (len(word) > _SHORT_LETTERS and word in plain) for word in wanted)


def _text_of(span: KeptSpan, renderer: Renderer) -> str:
    return renderer.request.sources[span.chunk.source].text[span.start : span.end]


def least_tokens(chunk: Chunk, room: Remaining, focus: FindStart) -> int:
    """A budget with which :func:`fill_remaining` keeps something of ``chunk``."""
    return least(KeptSpan(chunk, _anchor(chunk, room.renderer, focus), chunk.end), room)


def _anchor(chunk: Chunk, renderer: Renderer, focus: FindStart) -> int:
    """Where the part to keep begins: at the focus, or where the record of the focus does."""
    anchor = min(max(focus(chunk), chunk.start), chunk.end - 1)
    return max(chunk.start, renderer.parts.record_at(chunk.source, anchor)[0])


def beginning(span: KeptSpan, room: Remaining) -> Sequence[KeptSpan]:
    """As much of ``span`` as fits, from where it begins; nothing where not one character does.

    It is all that is kept: a mark that the text ends inside of something takes at most half of the room, and
    is left out where more of the text fits without it. In a conversation, where a mark alone may stand for a
    text, none is left out: nobody said "Who".
    """
    renderer = room.renderer
    text = renderer.request.sources[span.chunk.source].text[span.start : span.end]
    words = word_ends(text)

    def longest(room: Remaining, *, unmarked: bool) -> KeptSpan:
        def first(length: int) -> KeptSpan:
            return replace(span, end=span.start + length, unmarked=unmarked)

        def fits(length: int) -> bool:
            return room.fits([first(length)])

        return first(longest_end(words, fits) or longest_end(cluster_ends(text), fits))

    marked = longest(room, unmarked=False)
    if renderer.stands_empty:
        return [marked] if marked.end > marked.start else []
    enough = max(renderer.fixed_tokens + renderer.tokenizer.count(renderer.cut_mark), least(span, room))
    bare = longest(replace(room, budget=min(room.budget, enough)), unmarked=True)
    # Where all of it fits with no mark, none comes later in the way of the heading lines.
    kept = bare if bare.end == span.end else max(marked, bare, key=lambda kept: kept.end)
    return [kept] if kept.end > kept.start else []


def least(span: KeptSpan, room: Remaining) -> int:
    """The tokens of the text with the first grapheme cluster of ``span`` and no mark."""
    text = room.renderer.request.sources[span.chunk.source].text[span.start : span.end]
    first = replace(span, end=span.start + int(cluster_ends(text)[0]), unmarked=True)
    return room.renderer.count(room.renderer.full_chunks(room.whole, [first]))


def _past_empty_lines(text: str, starts: IntArray) -> IntArray:
    """Where parts begin that begin at the end of a unit: with the next line."""
    return np.unique([past_empty_lines(text, start) for start in starts.tolist()]).astype(np.int64)


def _good_starts(text: str, edges: Sequence[IntArray], fits: Callable[[int], bool]) -> int:
    """Where the longest ending of ``text`` begins that fits and begins with a sentence, unit or line."""
    for starts in edges:
        farthest_first = [len(text) - start for start in reversed(starts.tolist())]
        length = longest_end(farthest_first, lambda length: fits(len(text) - length))
        if length:
            return len(text) - length
    return len(text)
