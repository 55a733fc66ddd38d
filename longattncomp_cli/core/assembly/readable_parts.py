"""What a part of a text needs beside it to be read by itself, and where one may begin or end.

A line of a section says what it says of the section's subject: it is kept with the heading lines over it. A
record, a row or a line of a log is kept whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from longattncomp_cli.core.assembly.kept_spans import ChunkMap, KeptSpan
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.text.arrays import IntArray
from longattncomp_cli.core.text.boundaries import line_starts, sentence_starts, word_starts
from longattncomp_cli.core.text.structure.kinds import CODE_KINDS, LINE_KINDS
from longattncomp_cli.core.text.structure.line_pieces import LONG_LINE_CHARS, goes_on
from longattncomp_cli.core.text.structure.units import Structure

# A record or line of up to this many characters is kept whole where a chunk holds a part of it.
_MOST_RECORD_CHARS = 2_000


@dataclass(frozen=True)
class ReadableParts:
    """The rules for the sources of one request.

    Attributes:
        sources: of the request.
        structures: of each source, ``None`` for those without; or nothing where none counts.
        chunk_map: of all chunks.
    """

    sources: Sequence[Source]
    structures: Sequence[Structure | None]
    chunk_map: ChunkMap

    def structure_of(self, source: int) -> Structure | None:
        """The structure of a source, where it has one."""
        return self.structures[source] if self.structures else None

    def owners_of(self, chunk: Chunk) -> list[KeptSpan]:
        """The heading lines over a chunk, and the rest of the records that its borders cut."""
        if chunk.index not in self._owners:
            headings = self.headings_at(chunk.source, chunk.start)
            before = self.rest_before(chunk.source, chunk.start)
            self._owners[chunk.index] = [*headings, *before, *self.rest_after(chunk.source, chunk.end)]
        return self._owners[chunk.index]

    @cached_property
    def _owners(self) -> dict[int, list[KeptSpan]]:
        return {}

    def headings_at(self, source: int, offset: int) -> list[KeptSpan]:
        """The heading lines of the units around ``offset``, outermost first."""
        structure = self.structure_of(source)
        headings = structure.headings_at(offset) if structure is not None else []
        return [
            part
            for start, end in headings
            for part in self.chunk_map.split_by_chunk(source, start, end, "head")
        ]

    def rest_before(self, source: int, offset: int) -> list[KeptSpan]:
        """What of a record or line stands before ``offset`` in it."""
        start, _ = self.record_at(source, offset)
        return self.chunk_map.split_by_chunk(source, start, offset, "head") if start < offset else []

    def rest_after(self, source: int, offset: int) -> list[KeptSpan]:
        """What of a record or line stands after ``offset`` in it."""
        _, end = self.record_at(source, offset)
        return self.chunk_map.split_by_chunk(source, offset, end, "head") if end > offset else []

    def record_at(self, source: int, offset: int) -> tuple[int, int]:
        """The record or line that ``offset`` cuts, unless it is very long; else nothing of the text."""
        structure = self.structure_of(source)
        record = structure.atomic_at(offset) if structure is not None else None
        return record if record and record[1] - record[0] <= _MOST_RECORD_CHARS else (offset, offset)

    def cut_points(self, source: int, start: int, end: int) -> list[IntArray]:
        """Where a part of ``[start, end)`` may well begin or end, relative to it; best kind first.

        Ends of sentences or units, then of lines; never inside a record or line of a log.
        """
        text = self.sources[source].text[start:end]
        structure = self.structure_of(source)
        if structure is None:
            return [self._loose(source, start, sentence_starts(text)), line_starts(text)]
        if structure.kind in CODE_KINDS:
            edges = structure.edges - start
            return [edges[(edges > 0) & (edges < end - start)], line_starts(text)]
        units = np.union1d(
            structure.cuts(start, end) - start, self._loose(source, start, sentence_starts(text))
        )
        return [units, self._loose(source, start, line_starts(text))]

    def ends_with_heading(self, source: int, offset: int) -> bool:
        """Whether what ends at ``offset`` ends with a heading line, and with nothing that it heads."""
        structure = self.structure_of(source)
        if structure is None:
            return False
        if structure.kind in CODE_KINDS:  # a signature says nothing of what its body does
            return any(
                unit.heading is not None and unit.heading[1] == offset for unit in structure.around(offset)
            )
        return bool(np.isin(offset, structure.heading_ends))

    def word_ends(self, source: int, start: int, end: int) -> IntArray:
        """Where words begin in ``[start, end)``, relative to it, that may end a part there.

        In code none; in what is read line by line those of very long lines.
        """
        structure = self.structure_of(source)
        if structure is not None and structure.kind in CODE_KINDS:
            return np.empty(0, dtype=np.int64)
        return self._loose(source, start, word_starts(self.sources[source].text[start:end]))

    def _loose(self, source: int, start: int, offsets: IntArray) -> IntArray:
        """Those of ``offsets`` from ``start`` that lie inside no record or line of a log or of settings."""
        kept = offsets.tolist()
        if self.structure_of(source) is not None:
            kept = [at for at in kept if not self._is_in_record(source, start + at)]
        if self.has_lines(source):
            kept = [at for at in kept if not self._is_in_line(source, start + at)]
        return np.array(kept, dtype=np.int64)

    def line_starts(self, source: int, start: int, end: int) -> IntArray:
        """Where lines of ``[start, end)`` begin that go on from none, relative to it."""
        found = line_starts(self.sources[source].text[start:end]).tolist()
        return np.array([at for at in found if not self._goes_on(source, start + at)], dtype=np.int64)

    def _goes_on(self, source: int, offset: int) -> bool:
        """Whether the line that begins at ``offset`` is the rest of the one before it."""
        return bool(self.structures) and goes_on(self.sources[source].text, self.sources[source].kind, offset)

    def has_lines(self, source: int) -> bool:
        """Whether half a line of a source says nothing."""
        return bool(self.structures) and self.sources[source].kind in LINE_KINDS

    def _is_in_line(self, source: int, offset: int) -> bool:
        """Whether ``offset`` parts a line that is not very long."""
        text = self.sources[source].text
        begin = text.rfind("\n", max(0, offset - LONG_LINE_CHARS), offset) + 1
        stop = text.find("\n", offset, offset + LONG_LINE_CHARS)
        if not begin and offset > LONG_LINE_CHARS:
            return False
        if not text[begin:offset].strip() and self._goes_on(source, begin):
            return True
        stop = min(len(text), offset + LONG_LINE_CHARS) if stop < 0 else stop
        return bool(text[begin:offset].strip()) and stop - begin <= LONG_LINE_CHARS

    def _is_in_record(self, source: int, offset: int) -> bool:
        start, end = self.record_at(source, offset)
        return start < end
