"""Cut sources into chunks of backbone tokens whose spans are an exact partition of the context.

Spans run from a chunk's first token (or the indentation before it) to the next chunk's, so no
character is lost or doubled, whatever the tokenizer skips. LongAttnComp (arXiv:2606.01336) uses
fixed-size token chunks; ending them where a sentence, line or word ends is ours."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from longattncomp_cli.core.chunking.chunks import Chunk, ChunkedSource, SnapLevel, Tokens
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.text.arrays import IntArray
from longattncomp_cli.core.text.boundaries import line_starts, paragraph_starts, sentence_starts, word_starts
from longattncomp_cli.core.text.structure.kinds import CODE_KINDS, ENTRY_KINDS
from longattncomp_cli.core.text.structure.units import Structure


def structure_for(source: Source, snap: SnapLevel) -> Structure | None:
    """The structure that chunks follow: with ``auto`` that of code and of entries, with ``structure`` any."""
    if snap == "structure" or (snap == "auto" and source.kind in CODE_KINDS | ENTRY_KINDS):
        return source.structure
    return None


_LEVELS = {"none": 0, "word": 1, "line": 2, "sentence": 3, "paragraph": 4, "unit": 5}
_LINE_SNAPS = ("none", "word", "line")
WHOLE_UNIT_CHUNKS = 4
"""A definition, table or record of up to this many times the size of a chunk is a chunk of its own."""


def chunk_source(
    source: Source, tokens: Tokens, *, source_index: int, first_index: int, chunk_tokens: int, snap: SnapLevel
) -> ChunkedSource:
    """Cut one source.

    Args:
        source: what ``tokens`` were made from.
        tokens: of ``source.text[source.context_span]``, with starts relative to ``source.text``.
        source_index: the number of the source in its request.
        first_index: the index that the first chunk gets.
        chunk_tokens: no chunk is longer than this many backbone tokens, unless several begin at
            one character; one that follows the structure of its source (a whole definition) may have
            ``WHOLE_UNIT_CHUNKS`` times as many.
        snap: where a chunk may end; the nearest weaker kind of end serves where there is none in
            the second half of the chunk.

    Returns:
        Chunks that partition the context; one without tokens where the context has none.
    """
    structure = structure_for(source, snap)
    levels = token_levels(source, tokens.starts, snap, structure)
    whole_tokens = chunk_tokens * WHOLE_UNIT_CHUNKS
    bounds, edges = _placed(source, tokens.starts, chunk_bounds(levels, chunk_tokens, whole_tokens), snap)
    chunks = tuple(
        Chunk(
            first_index + i,
            source_index,
            edges[i],
            edges[i + 1],
            bounds[i + 1] - bounds[i],
            continues=i > 0 and levels[bounds[i]] < _LEVELS["paragraph"],
        )
        for i in range(len(edges) - 1)
    )
    return ChunkedSource(tokens, chunks, tuple(bounds))


def _placed(
    source: Source, starts: IntArray, bounds: Sequence[int], snap: SnapLevel
) -> tuple[list[int], list[int]]:
    """The bounds that part characters, and the characters at which they lie.

    A character of several tokens (bytes of an emoji) is in one chunk, however small chunks are.
    """
    context = source.context_span
    kept, edges = [bounds[0]], [context.start]
    for bound in bounds[1:-1]:
        begin = int(starts[bound])
        indented = begin if snap == "none" else _with_indentation(source.text, begin)
        edge = indented if indented > edges[-1] else begin
        if edges[-1] < edge < context.end:
            kept.append(bound)
            edges.append(edge)
    return [*kept, bounds[-1]], [*edges, context.end]


def _with_indentation(text: str, begin: int) -> int:
    """Where a line begins whose first token is at ``begin``: indentation stays with the code it indents."""
    line_start = text.rfind("\n", 0, begin) + 1
    return line_start if line_start and text[line_start:begin].strip(" \t") == "" else begin


def token_levels(
    source: Source, starts: IntArray, snap: SnapLevel, structure: Structure | None = None
) -> IntArray:
    """(N,) how good it is to begin a chunk at each token.

    0 anywhere, 1 a word begins, 2 a line, 3 a sentence or statement, 4 a paragraph, 5 a unit that should
    stay whole; inside such a unit no paragraph begins.
    """
    levels = np.zeros(len(starts), dtype=np.int64)
    if snap == "none" or not len(starts):
        return levels
    context = source.context_span
    text = source.text[context.start : context.end]
    finders = {1: word_starts, 2: line_starts, 3: sentence_starts, 4: paragraph_starts}
    highest = _LEVELS[snap if snap in _LINE_SNAPS else "paragraph"]
    for level in range(1, highest + 1):
        offsets = finders[level](text) + context.start
        if structure is not None and level >= _LEVELS["sentence"]:
            inner = structure.steps if level == _LEVELS["sentence"] else structure.edges
            offsets = np.concatenate([structure.outside(offsets), np.asarray(inner, dtype=np.int64)])
        # A unit begins at the first token at or after its offset (the tokenizer may skip characters).
        _raise_levels(levels, starts, offsets, level)
    if structure is not None:
        _raise_levels(levels, starts, structure.leaf_starts, _LEVELS["unit"])
    return levels


def _raise_levels(levels: IntArray, starts: IntArray, offsets: IntArray, level: int) -> None:
    inside = offsets[(offsets >= starts[0]) & (offsets <= starts[-1])]
    levels[np.searchsorted(starts, inside)] = level


def chunk_bounds(levels: Sequence[int] | IntArray, chunk_tokens: int, whole_tokens: int = 0) -> list[int]:
    """Token indices at which chunks begin, and the end.

    Short paragraphs share a chunk until it is half full; a paragraph that does not fit begins a new one
    unless less than a quarter of a chunk stands before it (a heading, a lone line), so no chunk holds
    much of two long paragraphs. A paragraph of several chunks is cut into parts of about equal size, each
    at the best place near its end. A unit (level 5) of up to ``whole_tokens`` is not cut.
    """
    levels = np.asarray(levels)
    bounds = [0]
    edges = [*np.flatnonzero(levels[1:] >= _LEVELS["paragraph"]) + 1, len(levels)]
    paragraph = 0
    for edge in edges:
        # bounds[-1]:paragraph is gathered already, paragraph:edge comes next: shall it begin a new chunk?
        gathered = paragraph - bounds[-1]
        fits = edge - bounds[-1] <= chunk_tokens
        is_unit = paragraph < len(levels) and levels[paragraph] == _LEVELS["unit"]
        limit = max(chunk_tokens, whole_tokens) if is_unit else chunk_tokens
        would_cut = is_unit and edge - paragraph <= limit < edge - bounds[-1]
        enough = max(1, chunk_tokens / 4)
        if gathered and (gathered >= chunk_tokens / 2 or would_cut or (not fits and gathered >= enough)):
            bounds.append(paragraph)
        if edge - bounds[-1] > limit:
            bounds.extend(_cuts(levels, bounds[-1], edge, chunk_tokens))
        paragraph = edge
    if bounds[-1] < len(levels) or len(bounds) == 1:
        bounds.append(len(levels))
    return bounds


def _cuts(levels: IntArray, start: int, end: int, chunk_tokens: int) -> Iterator[int]:
    """Where to cut ``start:end`` so that no part is longer than ``chunk_tokens``."""
    while end - start > chunk_tokens:
        if not levels[start + 1 : end].any():
            start += chunk_tokens
        else:
            # Equal parts are aimed at; of the best kind of place in the second half, the nearest to the aim.
            aim = start + math.ceil((end - start) / math.ceil((end - start) / chunk_tokens))
            first = start + max(1, chunk_tokens // 2)
            candidates = levels[first : start + chunk_tokens + 1]
            best = first + np.flatnonzero(candidates == candidates.max())
            start = int(best[np.argmin(np.abs(best - aim))])
        yield start
