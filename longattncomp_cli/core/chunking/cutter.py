"""Cut sources into chunks of backbone tokens whose spans are an exact partition of the context.

Spans run from a chunk's first token (or the indentation before it) to the next chunk's, so no
character is lost or doubled, whatever the tokenizer skips. LongAttnComp (arXiv:2606.01336) uses
fixed-size token chunks; ending them where a sentence, line or word ends is ours."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

import numpy as np

from longattncomp_cli.core.chunking.chunks import Chunk, ChunkedSource, SnapLevel, Tokens
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.text.arrays import IntArray, LevelArray
from longattncomp_cli.core.text.boundaries import line_starts, paragraph_starts, sentence_starts, word_starts
from longattncomp_cli.core.text.graphemes import inside_clusters
from longattncomp_cli.core.text.structure.kinds import CODE_KINDS, ENTRY_KINDS
from longattncomp_cli.core.text.structure.units import Structure


def structure_for(source: Source, snap: SnapLevel) -> Structure | None:
    """The structure that chunks follow: with ``auto`` that of code and entries, of other texts the tables."""
    structure = source.structure if snap in ("structure", "auto") else None
    if structure is None or snap == "structure" or source.kind in CODE_KINDS | ENTRY_KINDS:
        return structure
    return structure.tables if len(structure.rows[0]) else None


_LEVELS = {"none": 0, "word": 1, "line": 2, "sentence": 3, "paragraph": 4, "unit": 5, "border": 6}
_LINE_SNAPS = ("none", "word", "line")
_CLOSES = re.compile(r"^[ \t]*((?:[)\]}]+|end\b|</[\w:.-]+>)[;,.]?)[ \t]*\r?$", re.MULTILINE)
_CLOSING_KINDS = CODE_KINDS | {"settings", "fields", "json", "xml"}
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
    levels = token_levels(source, tokens.starts, snap, structure, chunk_tokens)
    whole_tokens = chunk_tokens * WHOLE_UNIT_CHUNKS
    bounds, edges = _placed(
        source, tokens.starts, levels, chunk_bounds(levels, chunk_tokens, whole_tokens), snap
    )
    # A list, and the line that introduces it, are one passage though empty lines stand between.
    joins = (
        source.structure.is_joined if source.structure is not None and snap != "none" else lambda at: False
    )
    chunks = tuple(
        Chunk(
            first_index + i,
            source_index,
            edges[i],
            edges[i + 1],
            bounds[i + 1] - bounds[i],
            continues=i > 0 and (levels[bounds[i]] < _LEVELS["paragraph"] or joins(edges[i])),
        )
        for i in range(len(edges) - 1)
    )
    return ChunkedSource(tokens, chunks, tuple(bounds))


def _placed(
    source: Source, starts: IntArray, levels: LevelArray, bounds: Sequence[int], snap: SnapLevel
) -> tuple[list[int], list[int]]:
    """The bounds that part characters, and the characters at which they lie.

    A grapheme cluster of several tokens (an emoji, its bytes) is in one chunk, however small chunks are.
    """
    context = source.context_span
    kept, edges = [bounds[0]], [context.start]
    for bound in bounds[1:-1]:
        if levels[bound] < 0:
            continue
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
    source: Source,
    starts: IntArray,
    snap: SnapLevel,
    structure: Structure | None = None,
    chunk_tokens: int = 0,
) -> LevelArray:
    """(N,) how good it is to begin a chunk at each token.

    -1 inside a grapheme cluster, where no chunk begins, 0 anywhere else, 1 a word begins, 2 a line, 3 a
    sentence or statement, 4 a paragraph, 5 a unit that should stay whole; inside such a unit no paragraph
    begins. 6 where a table begins that is longer than a chunk, where its first row does, and what follows
    it: its header is a chunk of its own.
    """
    context = source.context_span
    text = source.text[context.start : context.end]
    levels = -np.isin(starts, inside_clusters(text) + context.start).astype(np.int8)
    if snap == "none" or not len(starts):
        return levels
    finders = {1: word_starts, 2: line_starts, 3: sentence_starts, 4: paragraph_starts}
    highest = _LEVELS[snap if snap in _LINE_SNAPS else "paragraph"]
    for level in range(1, highest + 1):
        offsets = finders[level](text) + context.start
        if structure is not None and level >= _LEVELS["sentence"]:
            inner = structure.steps if level == _LEVELS["sentence"] else structure.edges
            offsets = np.concatenate([structure.outside(offsets), np.asarray(inner, dtype=np.int64)])
        # A unit begins at the first token at or after its offset (the tokenizer may skip characters).
        _raise_levels(levels, starts, offsets, level)
    if highest > _LEVELS["line"] and source.kind not in CODE_KINDS and source.structure is not None:
        if source.kind != "chat":  # turns are no sections: a matter goes on over several
            _raise_levels(levels, starts, _long_units(source.structure, starts, chunk_tokens), highest)
        # A heading line stays with what it heads, also with a list.
        after = np.searchsorted(starts, source.structure.heading_ends)
        after = after[after < len(levels)]
        levels[after] = np.minimum(levels[after], _LEVELS["line"])
    if snap in ("auto", "structure") and source.structure is not None and source.kind in _CLOSING_KINDS:
        # What only closes stays with what it closes.
        closing = [found.start(1) + context.start for found in _CLOSES.finditer(text)]
        at = np.searchsorted(starts, closing)
        at = at[at < len(levels)]
        levels[at] = np.minimum(levels[at], _LEVELS["word"])
    if structure is not None:
        _raise_levels(levels, starts, structure.leaf_starts, _LEVELS["unit"])
        _mark_tables(levels, starts, structure, chunk_tokens)
    return levels


def _long_units(structure: Structure, starts: IntArray, chunk_tokens: int) -> IntArray:
    """Where headed units of half a chunk and more begin (an element, a block): each is a paragraph."""
    headed = [unit for unit in structure.units if unit.heading is not None]
    begins = np.array([unit.start for unit in headed], dtype=np.int64)
    sizes = np.searchsorted(starts, [unit.end for unit in headed]) - np.searchsorted(starts, begins)
    return begins[2 * sizes >= chunk_tokens] if chunk_tokens else begins[:0]


def _mark_tables(levels: LevelArray, starts: IntArray, structure: Structure, chunk_tokens: int) -> None:
    """A table that fits into a chunk is one unit; of a longer one the header and the rows are parted."""
    for start, first_row, end in structure.headers:
        begin, rows, after = (int(at) for at in np.searchsorted(starts, [start, first_row, end]))
        if after - begin > chunk_tokens:
            for border in (begin, rows, after):
                levels[border : border + 1] = _LEVELS["border"]
        elif after > begin:
            levels[begin:after] = np.minimum(levels[begin:after], _LEVELS["line"])
            levels[begin] = _LEVELS["unit"]


def _raise_levels(levels: LevelArray, starts: IntArray, offsets: IntArray, level: int) -> None:
    inside = offsets[(offsets >= starts[0]) & (offsets <= starts[-1])]
    at = np.searchsorted(starts, inside)
    levels[at[levels[at] >= 0]] = level


def chunk_bounds(levels: Sequence[int] | LevelArray, chunk_tokens: int, whole_tokens: int = 0) -> list[int]:
    """Token indices at which chunks begin, and the end.

    Short paragraphs share a chunk until it is half full; a paragraph that does not fit begins a new one
    unless less than a quarter of a chunk stands before it (a heading, a lone line), so no chunk holds
    much of two long paragraphs. What begins a table, its rows or what follows it (level 6) always begins a
    chunk. A paragraph of several chunks is cut into parts of about equal size, each
    at the best place near its end. A unit (level 5 or 6) of up to ``whole_tokens`` is not cut.
    """
    levels = np.asarray(levels)
    bounds = [0]
    edges = [*np.flatnonzero(levels[1:] >= _LEVELS["paragraph"]) + 1, len(levels)]
    paragraph = 0
    for edge in edges:
        # bounds[-1]:paragraph is gathered already, paragraph:edge comes next: shall it begin a new chunk?
        gathered = paragraph - bounds[-1]
        fits = edge - bounds[-1] <= chunk_tokens
        is_unit = paragraph < len(levels) and levels[paragraph] >= _LEVELS["unit"]
        must_begin = paragraph < len(levels) and levels[paragraph] == _LEVELS["border"]
        limit = max(chunk_tokens, whole_tokens) if is_unit else chunk_tokens
        would_cut = is_unit and edge - paragraph <= limit < edge - bounds[-1]
        enough = max(1, chunk_tokens / 4)
        is_full = gathered >= chunk_tokens / 2 or would_cut or (not fits and gathered >= enough)
        if gathered and (must_begin or is_full):
            bounds.append(paragraph)
        if edge - bounds[-1] > limit:
            bounds.extend(_cuts(levels, bounds[-1], edge, chunk_tokens))
        paragraph = edge
    if bounds[-1] < len(levels) or len(bounds) == 1:
        bounds.append(len(levels))
    return bounds


def _cuts(levels: LevelArray, start: int, end: int, chunk_tokens: int) -> Iterator[int]:
    """Where to cut ``start:end`` so that no part but a longer cluster exceeds ``chunk_tokens``."""
    good = np.flatnonzero(levels[start + 1 : end] > 0)
    last_good = start + 1 + int(good[-1]) if len(good) else start
    whole = start + 1 + np.flatnonzero(levels[start + 1 : end] >= 0)
    while end - start > chunk_tokens:
        first = start + max(1, chunk_tokens // 2)
        candidates = levels[first : start + chunk_tokens + 1]
        if last_good <= start or candidates.max() < 0:
            # As many tokens as may be; a cluster is not cut, however long.
            fitting = int(np.searchsorted(whole, start + chunk_tokens, side="right"))
            before, after = whole[fitting - 1 : fitting], whole[fitting : fitting + 1]
            start = int(before[0]) if fitting and before[0] > start else int([*after, end][0])
            if start == end:
                return
        else:
            # Equal parts are aimed at; of the best kind of place in the second half, the nearest to the aim.
            aim = start + math.ceil((end - start) / math.ceil((end - start) / chunk_tokens))
            best = first + np.flatnonzero(candidates == candidates.max())
            start = int(best[np.argmin(np.abs(best - aim))])
        yield start
