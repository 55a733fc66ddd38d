"""Where to begin in a chunk that must be cut: at its best sentence, definition, list item or record.

The chunk is scored once more in small pieces. Whoever selects says how pieces are scored, so that every
method of the benchmark cuts as ``compress`` does. A chunk that holds several sections is scored by section
first, each with the heading lines over it: a piece alone, "Warranty: 20 months", does not say of what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from longattncomp_cli.core.chunking.chunks import Chunk, SnapLevel
from longattncomp_cli.core.chunking.cutter import structure_for
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.text.boundaries import clause_starts, past_empty_lines, sentence_starts
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.core.text.structure.asked_lines import asked_lines, heads_more
from longattncomp_cli.core.text.structure.kinds import CODE_KINDS, LINE_KINDS
from longattncomp_cli.core.text.structure.line_pieces import line_pieces
from longattncomp_cli.core.text.structure.units import Structure

FOCUS_TOKENS = 16
"""Backbone tokens of a piece."""
# A part begins with the sentence or the line of the best piece, or its clause, or with the piece where all of
# these are farther off.
_FARTHEST_CHARS = 120

# Lines that are told apart by their scores.
_MOST_LINES = 48
# Lines of up to so many characters, if most are, are no lines of paragraphs.
_SHORT_LINE, _SHORT_SHARE, _FEWEST_LINES = 60, 0.8, 2

ScorePieces = Callable[[Request, SnapLevel, int], ChunkScores]
"""Scores the pieces of a request; the other arguments: where they end, their most backbone tokens."""


def best_start(request: Request, chunk: Chunk, *, snap: SnapLevel, score_pieces: ScorePieces) -> int:
    """Where the best part of a chunk begins.

    It begins with the sentence, list item or row of the best piece, and where lines are short with the line
    that is asked for; in a text without sentences, such as one endless line, with the piece; in code with the
    innermost definition of the piece.

    Args:
        request: whose chunk it is; only its query and the chunk's source are read.
        chunk: the one that must be cut.
        snap: where the request's chunks end.
        score_pieces: the method's own scores of small pieces.

    Returns:
        A character offset in the chunk's source, from ``chunk.start`` to before ``chunk.end``.
    """
    if not chunk.num_backbone_tokens:
        return chunk.start
    source = request.sources[chunk.source]
    structure = source.structure
    follows = structure_for(source, snap) is not None
    part = Span(chunk.start, chunk.end)
    if follows and structure is not None and structure.touches(part.start, part.end):
        row = _best_row(source, structure, chunk, request.query, score_pieces)
        if row is not None:
            return row
    if snap in ("structure", "auto") and source.kind in LINE_KINDS:
        lines = asked_lines(source.text, source.kind, structure, part, request.query).lines
        line = _best_line(source, lines, chunk, request.query, score_pieces)
        if line is not None:
            return line
    if structure is not None and source.kind not in CODE_KINDS:
        part = _best_section(source, structure, chunk, request.query, score_pieces)
        if snap in ("structure", "auto") and _has_short_lines(source, part):
            lines = _fields(source, structure, part, request.query)
            line = _best_line(source, lines, chunk, request.query, score_pieces)
            if line is not None:
                return line
    fine_snap: SnapLevel = "line" if follows else "sentence" if snap in ("structure", "auto") else snap
    pieces = score_pieces(Request((source.part(part),), request.query), fine_snap, FOCUS_TOKENS)
    best = past_empty_lines(source.text, pieces.chunks[int(pieces.order[0])].start)
    if structure is not None and source.kind in CODE_KINDS and follows:
        return max([part.start, *(unit.start for unit in structure.around(best + 1) if unit.leaf)])
    starts = sentence_starts(source.text[part.start : part.end]) + part.start
    if structure is not None:
        starts = np.union1d(starts, structure.cuts(part.start, part.end))
    start = int(max([part.start, *starts[starts <= best]]))
    start = max(past_empty_lines(source.text, start), source.text.rfind("\n", part.start, best) + 1)
    if best - start <= _FARTHEST_CHARS:
        return start
    clauses = clause_starts(source.text[start:best]) + start
    return int(clauses[-1]) if len(clauses) and best - clauses[-1] <= _FARTHEST_CHARS else best


def _best_section(
    source: Source, structure: Structure, chunk: Chunk, query: str, score_pieces: ScorePieces
) -> Span:
    """The part of a chunk under one chain of heading lines that is best when it is read with them."""
    edges = [chunk.start, *structure.heading_edges(chunk.start, chunk.end), chunk.end]
    spans = [Span(a, b) for a, b in pairwise(edges) if source.text[a:b].strip()]
    if len(spans) < 2:
        return Span(chunk.start, chunk.end)
    sections = tuple(source.part(span, _titles(source.text, structure, span.start)) for span in spans)
    scores = score_pieces(Request(sections, query), "none", chunk.num_backbone_tokens)
    return spans[scores.chunks[int(scores.order[0])].source]


def _titles(text: str, structure: Structure, offset: int) -> str:
    """The heading lines over ``offset``, as one line."""
    return " ".join(" ".join(text[start:end].split()) for start, end in structure.headings_at(offset))


def _has_short_lines(source: Source, part: Span) -> bool:
    """Whether most lines of a part are too short to be the lines of a paragraph: each says something else."""
    lines = line_pieces(source.text, source.kind, *part)
    short = sum(each.end - each.start <= _SHORT_LINE for each in lines)
    return len(lines) >= _FEWEST_LINES and short >= _SHORT_SHARE * len(lines)


def _fields(source: Source, structure: Structure, part: Span, query: str) -> list[Span]:
    """The lines of a part that answer best by their own words; where none does, all that are no headings."""
    asked = asked_lines(source.text, source.kind, structure, part, query)
    if asked.by_own_words:
        return asked.lines
    lines = line_pieces(source.text, source.kind, *part)
    return [each for each in lines if not heads_more(source.text, structure, each)]


def _best_line(
    source: Source, lines: Sequence[Span], chunk: Chunk, query: str, score_pieces: ScorePieces
) -> int | None:
    """Where the line begins that is scored best, each being read with what it stands under.

    ``None`` where there is none, or where there are too many.
    """
    if len(lines) < 2 or len(lines) > _MOST_LINES or source.structure is None:
        return lines[0].start if len(lines) == 1 else None
    read = tuple(source.part(line, _titles(source.text, source.structure, line.start)) for line in lines)
    scores = score_pieces(Request(read, query), "none", chunk.num_backbone_tokens)
    return lines[scores.chunks[int(scores.order[0])].source].start


def _best_row(
    source: Source, structure: Structure, chunk: Chunk, query: str, score_pieces: ScorePieces
) -> int | None:
    """Where the best row of a chunk begins; ``None`` where the best piece is in none, or one is all of it.

    Pieces are rows, 16 tokens of long ones, or several short ones, which are then scored one by one. A header
    does not count: it stands over any row that is kept, and has the words of each question about its columns.
    """
    part = Span(chunk.start, chunk.end)
    pieces = score_pieces(Request((source.part(part),), query), "auto", FOCUS_TOKENS)
    found: list[Span] = []
    for index in pieces.order.tolist():
        piece = pieces.chunks[index]
        begin = past_empty_lines(source.text, piece.start)
        rows = structure.rows_from(begin, piece.end)
        found += [Span(max(start, part.start), end) for start, end in rows]
        if any(
            begin < first_row and start < piece.end and (rows or start <= begin)
            for start, first_row, _ in structure.headers
        ):
            continue
        if structure.row_at(begin) is None and not found:
            return None
        break
    if len(found) < 2:
        is_all = (
            found
            and found[0].start <= part.start
            and found[0].end >= part.start + len(source.text[slice(*part)].rstrip())
        )
        return None if is_all or not found else found[0].start
    alone = tuple(source.part(row) for row in found)
    scores = score_pieces(Request(alone, query), "none", chunk.num_backbone_tokens)
    return found[scores.chunks[int(scores.order[0])].source].start
