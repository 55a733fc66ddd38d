"""Put kept spans back in source order, and count what is printed, exactly.

The sum of the parts' token counts is not the count of the joined text, so the budget is held on the
rendered text itself, with the target model's tokenizer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from longattncomp_cli.core.assembly.kept_spans import ChunkMap, KeptSpan, merge_kept_spans
from longattncomp_cli.core.budget.tokenizers import TargetTokenizer
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.text.arrays import IntArray
from longattncomp_cli.core.text.boundaries import line_starts, sentence_starts
from longattncomp_cli.core.text.spans import SourceSpan
from longattncomp_cli.core.text.structure.units import Structure

DEFAULT_SEPARATOR = "\n[...]\n"


_CUT = "[... cut ...]"


# An omission as the separator may write it, and how it says that something was cut.
_OMISSIONS = {"...": "... cut ...", "…": "… cut …"}


_SOURCE_GAP = "\n\n"


@dataclass(frozen=True)
class Renderer:
    """Renders selections of one request.

    Attributes:
        request: whose text it is.
        chunks: all chunks, in source order.
        separator: stands between kept spans that were not neighbours.
        tokenizer: counts.
        headers: whether each source's name stands on a line of its own before its first kept span.
        structures: of each source, or nothing: what is kept of a definition is kept with its heading lines,
            and where one is cut, ``cut_mark`` stands.
        required: what the user wants kept whatever its score.
        cut_marks: whether it does; without, the separator stands there too, and nothing at the end.
    """

    request: Request
    chunks: tuple[Chunk, ...]
    separator: str
    tokenizer: TargetTokenizer
    headers: bool = False
    structures: tuple[Structure | None, ...] = ()
    required: tuple[SourceSpan, ...] = ()
    cut_marks: bool = True
    stands_empty: ClassVar[bool] = False
    """Whether what is rendered makes sense where nothing is kept."""

    def render(self, kept: Sequence[KeptSpan]) -> str:
        """Return what is printed: what is always kept, and the spans in source order."""
        return self.request.prefix + self.body(kept) + self.request.suffix

    def body(self, kept: Sequence[KeptSpan]) -> str:
        """The spans alone, in source order, with what stands between them."""
        parts: list[str] = []
        previous: KeptSpan | None = None
        for span in kept:
            text = self.request.sources[span.chunk.source].text
            parts.append(self._joint(previous, span))
            if self.headers and (previous is None or previous.chunk.source != span.chunk.source):
                name = self.request.sources[span.chunk.source].name
                parts.append("==> " + "".join(c if c.isprintable() else "?" for c in name) + " <==\n")
            parts.append(text[span.start : span.end])
            previous = span
        if (
            previous is not None
            and not previous.unmarked
            and self._is_cut(previous.chunk.source, previous.end)
        ):
            parts.append(self.cut_mark.rstrip() if not self.request.suffix else self.cut_mark)
        return "".join(parts)

    def count(self, kept: Sequence[KeptSpan]) -> int:
        """The tokens of the rendered text."""
        return self.tokenizer.count(self.render(kept))

    def full_chunks(self, indices: Iterable[int], part: Sequence[KeptSpan] = ()) -> tuple[KeptSpan, ...]:
        """The chunks at these places in the context, entire, and what must be kept with them.

        Args:
            indices: of chunks.
            part: spans of other chunks to keep as well.

        Returns:
            Spans in source order that do not overlap.
        """
        spans = [KeptSpan(self.chunks[i], self.chunks[i].start, self.chunks[i].end) for i in indices]
        headings = [each for span in spans for each in self.headings_of(span.chunk)]
        headings += [each for span in part for each in self.headings_at(span.chunk.source, span.start)]
        return merge_kept_spans([*spans, *part, *self.required_spans, *headings], self.request.sources)

    def headings_of(self, chunk: Chunk) -> list[KeptSpan]:
        """The heading lines of what ``chunk`` begins inside of."""
        return self.headings_at(chunk.source, chunk.start)

    def headings_at(self, source: int, offset: int) -> list[KeptSpan]:
        """The heading lines of the units around ``offset``."""
        structure = self.structures[source] if self.structures else None
        if structure is None:
            return []
        headings = structure.headings_at(offset)
        return [
            part for start, end in headings for part in self._map.split_by_chunk(source, start, end, "head")
        ]

    def cut_points(self, source: int, start: int, end: int) -> list[IntArray]:
        """Where a part of ``[start, end)`` may well begin or end, relative to it; best kind first."""
        text = self.request.sources[source].text[start:end]
        structure = self.structures[source] if self.structures else None
        if structure is None:
            return [sentence_starts(text), line_starts(text)]
        edges = structure.edges - start
        return [edges[(edges > 0) & (edges < end - start)], line_starts(text)]

    @cached_property
    def required_spans(self) -> tuple[KeptSpan, ...]:
        """What the user wants kept, as spans of chunks."""
        spans = [part for place in self.required for part in self._map.split_by_chunk(*place, "keep")]
        return merge_kept_spans(spans, self.request.sources)

    @cached_property
    def _map(self) -> ChunkMap:
        return ChunkMap(self.chunks)

    @cached_property
    def cut_mark(self) -> str:
        """Stands where a definition, record or turn is incomplete, instead of the separator.

        The separator itself, saying so: its dots hold the word, or else a mark stands behind what it says.
        Where the separator is empty, nothing is to stand between, and so no mark does.
        """
        if not self.separator:
            return ""
        for omission, cut in _OMISSIONS.items():
            if omission in self.separator:
                return self.separator.replace(omission, cut, 1)
        said = self.separator.rstrip()
        if not said:
            return self.separator + _CUT + self.separator
        return f"{said} {_CUT}{self.separator[len(said) :]}"

    def _joint(self, previous: KeptSpan | None, span: KeptSpan) -> str:
        if previous is None:
            return ""
        was, now = previous.chunk, span.chunk
        if now.index != was.index + 1 or previous.end != was.end or span.start != now.start:
            cut = self._is_cut(was.source, previous.end) or self._is_cut(now.source, span.start)
            return self.cut_mark if cut else self.separator
        return self.source_gap(was.source) if now.source != was.source else ""

    def _is_cut(self, source: int, offset: int) -> bool:
        """Whether what ends or begins there is a part of something that belongs together."""
        structure = self.structures[source] if self.structures and self.cut_marks else None
        return structure is not None and structure.is_cut(offset)

    def source_gap(self, source: int) -> str:
        """What stands between a source and the next where nothing was left out: an empty line."""
        text = self.request.sources[source].text
        num_newlines = len(text) - len(text.rstrip("\n"))
        return _SOURCE_GAP[min(num_newlines, len(_SOURCE_GAP)) :]

    @cached_property
    def original_tokens(self) -> int:
        """The tokens of the whole input, rendered with nothing left out."""
        return self.count(self.full_chunks(range(len(self.chunks))))

    @cached_property
    def fixed_tokens(self) -> int:
        """The tokens of what is always kept: instruction, query, and what the user wants kept."""
        return self.count(self.required_spans)

    @property
    def always_kept(self) -> str:
        """What :attr:`fixed_tokens` are, in words."""
        return "instruction, query and kept spans" if self.required_spans else "instruction and query"

    @cached_property
    def separator_tokens(self) -> int:
        """The tokens of one separator alone."""
        return self.tokenizer.count(self.separator)

    @cached_property
    def tokens_per_chunk(self) -> list[int]:
        """(C,) the target tokens of each chunk alone."""
        sources = self.request.sources
        return self.tokenizer.count_each([sources[c.source].text[c.start : c.end] for c in self.chunks])
