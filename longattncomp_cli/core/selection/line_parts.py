"""Cut a chunk of what is read line by line: settings, logs, records.

The line that answers comes first, then what it stands under, those lines before others that the query names,
then the rest of its section or record, then what is around that. Each step holds the one before, and which
steps there are depends on no budget.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from longattncomp_cli.core.assembly.kept_spans import KeptSpan, chunk_map
from longattncomp_cli.core.assembly.readable_parts import ReadableParts
from longattncomp_cli.core.assembly.renderer import Renderer
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection import cutting
from longattncomp_cli.core.selection.cutting import FindStart, Remaining
from longattncomp_cli.core.selection.part_ends import longest_end
from longattncomp_cli.core.selection.pointers import Pointed
from longattncomp_cli.core.text.spans import SourceSpan, Span
from longattncomp_cli.core.text.structure.asked_lines import asked_lines, asked_words, matched
from longattncomp_cli.core.text.structure.kinds import CODE_KINDS, LINE_KINDS
from longattncomp_cli.core.text.structure.line_pieces import is_long_line, line_pieces

# A record of fewer lines is not parted.
_FEWEST_RECORD_LINES = 3
_LONGEST_SECTION = 6_000


def raise_line(pointed: Pointed, scores: ChunkScores, request: Request) -> Pointed:
    """Put the chunk before all others that has the line of a section of which the best chunk has a part.

    The section is one that the query names, and its line answers to more of the query than any in the chunk.
    """
    chunk = scores.chunks[int(pointed.order[0])]
    source = request.sources[chunk.source]
    text, structure = source.text, source.structure
    if structure is None or source.kind not in LINE_KINDS or chunk.index in pointed.starts:
        return pointed
    asked = asked_words(request.query)
    named = [
        unit
        for unit in (*structure.around(chunk.start), *structure.around(chunk.end))
        if unit.heading is not None
        and unit.end - unit.start <= _LONGEST_SECTION
        and matched(asked, text[slice(*unit.heading)])
    ]
    if not named:
        return pointed
    region = Span(min(unit.start for unit in named), max(unit.end for unit in named))
    own, best = (
        asked_lines(text, source.kind, structure, each, request.query)
        for each in (Span(chunk.start, chunk.end), region)
    )
    if best.rank <= own.rank or not best.by_own_words or len(best.lines) > 1:
        return pointed
    start = best.lines[0].start
    return pointed.with_first(chunk_map(request, scores.chunks), SourceSpan(chunk.source, start, start + 1))


def fill_chunk(chunk: Chunk, room: Remaining, focus: FindStart) -> tuple[KeptSpan, ...]:
    """Add as much of ``chunk`` as fits: by its lines, or else by :func:`.cutting.fill_remaining`."""
    at = _at(chunk, focus)
    if _is_of_lines(chunk, at, room.renderer):
        return _fill_lines(chunk, at, room)
    line = _line_of_definition(chunk, at, room)
    if line is not None:
        return _fill_lines(chunk, line, room)
    return cutting.fill_remaining(chunk, room, lambda _: at)


def least_tokens(chunk: Chunk, room: Remaining, focus: FindStart) -> int:
    """A budget with which :func:`fill_chunk` keeps something of ``chunk``."""
    at = _at(chunk, focus)
    if _is_of_lines(chunk, at, room.renderer):
        return cutting.least(_answer(chunk, at, room.renderer), room)
    return cutting.least_tokens(chunk, room, lambda _: at)


def _at(chunk: Chunk, focus: FindStart) -> int:
    return min(max(focus(chunk), chunk.start), chunk.end - 1)


def _is_of_lines(chunk: Chunk, at: int, renderer: Renderer) -> bool:
    """Whether the lines of what stands at a place say something each: settings, logs, records of several."""
    source = renderer.request.sources[chunk.source]
    if source.kind in CODE_KINDS or not renderer.parts.structures:
        return False
    start, end = renderer.parts.record_at(chunk.source, at + 1)
    has_lines = len(line_pieces(source.text, source.kind, start, end)) >= _FEWEST_RECORD_LINES
    return renderer.parts.has_lines(chunk.source) or has_lines


def _line_of_definition(chunk: Chunk, at: int, room: Remaining) -> int | None:
    """Where the line of a definition begins that is asked for, if nothing else is kept and one is.

    Of what does not fit the signature and that line say more than the first lines.
    """
    renderer = room.renderer
    source = renderer.request.sources[chunk.source]
    structure = renderer.parts.structure_of(chunk.source)
    if source.kind not in CODE_KINDS or structure is None or not _is_alone(room):
        return None
    around = [unit for unit in structure.around(at + 1) if unit.leaf]
    if not around:
        return None
    region = Span(max(chunk.start, around[-1].start), min(chunk.end, around[-1].end))
    asked = asked_lines(source.text, source.kind, structure, region, renderer.request.query)
    return asked.lines[0].start if asked.by_own_words and len(asked.lines) == 1 else None


def _is_alone(room: Remaining) -> bool:
    """Whether nothing is kept yet."""
    return not room.whole and not room.renderer.required_spans


def _fill_lines(chunk: Chunk, at: int, room: Remaining) -> tuple[KeptSpan, ...]:
    """Take as many steps as fit; beside other text a line comes with all its owners, a record whole."""
    renderer = room.renderer
    text = renderer.request.sources[chunk.source].text
    first = _answer(chunk, at, renderer)
    alone = _is_alone(room)
    owners = [*_owners(first, renderer), *renderer.corrections.get(chunk.index, ())]
    parts_records = alone or is_long_line(text, first.start, first.end)
    steps = list(_growth(first, owners, renderer, parts_records=parts_records))
    if first.chunk != chunk:  # what is around the record there is no part of this chunk
        record = renderer.parts.record_at(chunk.source, first.start + 1)
        steps = [step for step in steps if record[0] <= step[0].start and step[0].end <= record[1]]
    begun: Sequence[KeptSpan] = ()
    if alone:
        opening, *others = [first, *owners]
        if owners and _says_nothing_new(first, owners, renderer):
            opening, others = owners[0], [first, *owners[1:]]
        begun = cutting.beginning(opening, room)
        if not begun or begun[0].end < opening.end:
            return renderer.full_chunks((), begun)
        steps[:0] = [[*begun, *others[:number]] for number in range(1, len(others) + 1)]
    number = longest_end(range(1, len(steps) + 1), lambda number: room.fits(steps[number - 1]))
    return renderer.full_chunks(room.whole, steps[number - 1] if number else begun)


def _says_nothing_new(line: KeptSpan, owners: Sequence[KeptSpan], renderer: Renderer) -> bool:
    """Whether a line has no word of the query that its owners have not: they speak for it."""
    text = renderer.request.sources[line.chunk.source].text
    asked = asked_words(renderer.request.query)
    over = "\n".join(text[owner.start : owner.end] for owner in owners)
    return matched(asked, text[line.start : line.end]) <= matched(asked, over)


def _answer(chunk: Chunk, at: int, renderer: Renderer) -> KeptSpan:
    """The line to begin with, without the white space after it.

    Of a record, and of a line that the chunk's borders cut, it is the line or clause that is asked for, in
    whatever chunk.
    """
    parts = renderer.parts
    source = renderer.request.sources[chunk.source]
    record = Span(*parts.record_at(chunk.source, at + 1))
    pieces = line_pieces(source.text, source.kind, *record)
    is_cut = pieces and (record.start < chunk.start or record.end > chunk.end)
    if is_cut or len(pieces) >= _FEWEST_RECORD_LINES:
        asked = asked_lines(source.text, source.kind, source.structure, record, renderer.request.query)
        if asked.by_own_words and not any(line.start <= at < line.end for line in asked.lines):
            line = _trimmed(source.text, asked.lines[0])
            (span, *_) = parts.chunk_map.split_by_chunk(chunk.source, *line)
            return span
    pieces = line_pieces(source.text, source.kind, chunk.start, chunk.end) or [Span(chunk.start, chunk.end)]
    piece = next((each for each in reversed(pieces) if each.start <= at), pieces[0])
    return KeptSpan(chunk, *_trimmed(source.text, piece))


def _trimmed(text: str, piece: Span) -> Span:
    return Span(piece.start, max(piece.start + 1, piece.start + len(text[piece.start : piece.end].rstrip())))


def _owners(line: KeptSpan, renderer: Renderer) -> list[KeptSpan]:
    """What a line stands under, in the order in which it is to be kept.

    First lines that add words of the query: most words, then the rarest line; then from the innermost.
    """
    source = renderer.request.sources[line.chunk.source]
    headings = renderer.parts.headings_at(line.chunk.source, line.start)[::-1]
    lines = [each for heading in headings for each in cutting.lines_of(heading, renderer)]
    texts = [source.text[each.start : each.end].strip() for each in lines]
    asked = asked_words(renderer.request.query)
    named = [matched(asked, text) for text in texts]
    times = [source.text.count(text) for text in texts]
    naming: list[KeptSpan] = []
    known: set[str] = set()
    left = list(range(len(lines)))
    while left:
        best = min(left, key=lambda number: (-len(named[number] - known), times[number], number))
        if not named[best] - known:
            break
        naming.append(lines[best])
        known |= named[best]
        left.remove(best)
    return [*naming, *headings]


def _growth(
    line: KeptSpan, owners: Sequence[KeptSpan], renderer: Renderer, *, parts_records: bool
) -> Iterator[list[KeptSpan]]:
    """What is kept with more and more of the chunk around a line.

    To the end of its section or record, to the begin of that, then so of the chunk.

    Args:
        line: of a chunk.
        owners: what it stands under.
        renderer: of the chunk.
        parts_records: whether the line's record may be kept in part; others never are.
    """
    chunk, parts = line.chunk, renderer.parts
    source = renderer.request.sources[chunk.source]
    pieces = [
        _trimmed(source.text, each) for each in line_pieces(source.text, source.kind, chunk.start, chunk.end)
    ]
    own = next((number for number, each in enumerate(pieces) if each.start == line.start), 0)
    low, high = _section(pieces, own, chunk, parts)
    ranges = [
        *((own, last) for last in range(own, high)),
        *((first, high) for first in range(own, low, -1)),
        *((low, last) for last in range(high, len(pieces))),
        *((first, len(pieces) - 1) for first in range(low - 1, -1, -1)),
    ]
    for first, last in ranges:
        start = chunk.start if first == 0 else pieces[first].start
        end = chunk.end if last == len(pieces) - 1 else pieces[last].end
        records = [parts.record_at(chunk.source, at) for at in (start, end)]
        cut = [record for record in records if record[0] < record[1]]
        is_own = all(record[0] <= line.start < record[1] for record in cut)
        ends_well = start == chunk.start and end == chunk.end
        if (cut and not ends_well and not (is_own and parts_records)) or parts.ends_with_heading(
            chunk.source, end
        ):
            continue
        before = parts.rest_before(chunk.source, start) if start == chunk.start else []
        after = parts.rest_after(chunk.source, end) if end == chunk.end else []
        above = parts.headings_at(chunk.source, start) if start < line.start else []
        yield [replace(line, start=start, end=end), *owners, *before, *after, *above]


def _section(pieces: Sequence[Span], own: int, chunk: Chunk, parts: ReadableParts) -> tuple[int, int]:
    """The first and the last of the lines that are in the innermost section or record of one of them."""
    structure = parts.structure_of(chunk.source)
    at = pieces[own].end
    around = structure.around(at - 1) if structure is not None else []
    if not around:
        return own, own
    inside = [
        n for n, each in enumerate(pieces) if around[-1].start < each.end and each.start < around[-1].end
    ]
    return inside[0], inside[-1]
