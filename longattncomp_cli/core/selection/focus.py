"""Where to begin in a chunk that must be cut: at its best sentence, definition, section or record.

The chunk is scored once more in small pieces. Whoever selects says how pieces are scored, so that every
method of the benchmark cuts as ``compress`` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from longattncomp_cli.core.chunking.chunks import Chunk, SnapLevel
from longattncomp_cli.core.chunking.cutter import structure_for
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.text.boundaries import sentence_starts
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.core.text.structure.units import Structure

FOCUS_TOKENS = 16
"""Backbone tokens of a piece."""
# A part begins with the best piece's sentence, or with the piece where its sentence began so many before.
_LONG_SENTENCE_PIECES = 2

ScorePieces = Callable[[Request, SnapLevel], ChunkScores]
"""Scores the pieces, of ``FOCUS_TOKENS``, of a request of one source; the second argument: where they end."""


def best_start(request: Request, chunk: Chunk, *, snap: SnapLevel, score_pieces: ScorePieces) -> int:
    """Where the best part of a chunk begins.

    It begins with the sentence of the best piece; in a text without sentences, such as one endless line,
    with the piece; where chunks follow the structure of their source, with the innermost unit of the piece.

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
    structure = structure_for(source, snap)
    if structure is not None and structure.touches(chunk.start, chunk.end):
        row = _best_row(request, chunk, structure, score_pieces)
        if row is not None:
            return row
    fine_snap: SnapLevel = "sentence" if snap in ("structure", "auto") else snap
    alone = replace(source, title="", context_region=Span(chunk.start, chunk.end))
    pieces = score_pieces(Request((alone,), request.query), "line" if structure is not None else fine_snap)
    best = pieces.chunks[int(pieces.order[0])].start
    if structure is not None:
        return max([chunk.start, *(unit.start for unit in structure.around(best + 1) if unit.leaf)])
    sentences = sentence_starts(source.text[chunk.start : chunk.end]) + chunk.start
    sentence = int(max([chunk.start, *sentences[sentences <= best]]))
    between = sum(sentence < piece.start <= best for piece in pieces.chunks)
    return best if between >= _LONG_SENTENCE_PIECES else sentence


def _best_row(request: Request, chunk: Chunk, structure: Structure, score_pieces: ScorePieces) -> int | None:
    """Where the best row of a chunk begins; ``None`` where the best piece is in none.

    Pieces are rows, or 16 tokens of long ones; a header does not count: it stands over any row that is kept,
    and has the words of every question about its columns.
    """
    alone = replace(request.sources[chunk.source], title="", context_region=Span(chunk.start, chunk.end))
    pieces = score_pieces(Request((alone,), request.query), "auto")
    for index in pieces.order.tolist():
        begin = pieces.chunks[index].start
        if any(start <= begin < first_row for start, first_row, _ in structure.headers):
            continue
        row = structure.row_at(begin)
        return max(row[0], chunk.start) if row is not None else None
    return None
