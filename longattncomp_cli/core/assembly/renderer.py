"""Put kept spans back in source order, and count what is printed, exactly.

The sum of the parts' token counts is not the count of the joined text, so the budget is held on the
rendered text itself, with the target model's tokenizer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from longattncomp_cli.core.assembly.kept_spans import (
    ChunkMap,
    KeptSpan,
    chunk_map,
    merge_kept_spans,
    without_parts,
)
from longattncomp_cli.core.assembly.readable_parts import ReadableParts
from longattncomp_cli.core.budget.tokenizers import TargetTokenizer
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.text.spans import SourceSpan, Span
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
        structures: of each source, or nothing: what is kept of a definition or section is kept with its
            heading lines, a record whole, and where a definition is cut, ``cut_mark`` stands.
        required: what the user wants kept whatever its score.
        unmatched: of the user's rules those that hold nothing here, each as a sentence.
        cut_marks: whether it does; without, the separator stands there too, and nothing at the end.
        left_out: by chunk, parts that are kept only where ``required`` says so: copies of what is kept.
        corrections: by chunk, later sentences that take back what it says; they are kept with it.
    """

    request: Request
    chunks: tuple[Chunk, ...]
    separator: str
    tokenizer: TargetTokenizer
    headers: bool = False
    structures: tuple[Structure | None, ...] = ()
    required: tuple[SourceSpan, ...] = ()
    unmatched: tuple[str, ...] = ()
    cut_marks: bool = True
    left_out: Mapping[int, Sequence[Span]] = field(default_factory=dict)
    corrections: Mapping[int, Sequence[KeptSpan]] = field(default_factory=dict)
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
            part: spans of other chunks to keep as well; their heading lines are among them.

        Returns:
            Spans in source order that do not overlap.
        """
        chunks = [self.chunks[i] for i in indices]
        spans = [KeptSpan(chunk, chunk.start, chunk.end) for chunk in chunks]
        owners = [each for chunk in chunks for each in self.owners_of(chunk)]
        chosen = [rest for each in (*spans, *part) for rest in self._remaining(each)]
        return merge_kept_spans([*chosen, *self.required_spans, *owners], self.request.sources)

    def _remaining(self, span: KeptSpan) -> list[KeptSpan]:
        parts = self.left_out.get(span.chunk.index, ())
        return [span] if span.reason or not parts else without_parts(span, parts)

    def owners_of(self, chunk: Chunk) -> list[KeptSpan]:
        """What must be kept with a chunk: heading lines over it, the rest of records it cuts, corrections."""
        return [*self.parts.owners_of(chunk), *self.corrections.get(chunk.index, ())]

    @cached_property
    def parts(self) -> ReadableParts:
        """What a part needs beside it, and where one may begin or end."""
        return self.request.once(
            ("readable parts", bool(self.structures)),
            lambda: ReadableParts(self.request.sources, self.structures, self._map),
            of=self.chunks,
        )

    @cached_property
    def required_spans(self) -> tuple[KeptSpan, ...]:
        """What the user wants kept, as spans of chunks."""
        spans = [part for place in self.required for part in self._map.split_by_chunk(*place, "keep")]
        return merge_kept_spans(spans, self.request.sources)

    @cached_property
    def _map(self) -> ChunkMap:
        return chunk_map(self.request, self.chunks)

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
        if now.index == was.index + 1 and previous.end == was.end and span.start == now.start:
            return self.source_gap(was.source) if now.source != was.source else ""
        if self.is_under(previous, span):
            text = self.request.sources[was.source].text
            return "\r\n" if text.startswith("\r\n", previous.end) else "\n"
        cut = self._is_cut(was.source, previous.end) or self._is_cut(now.source, span.start)
        return self.cut_mark if cut else self.separator

    def is_under(self, heading: KeptSpan, span: KeptSpan) -> bool:
        """Whether ``span`` stands under ``heading``, of which only other parts of the section are left out.

        A line break is between them then and no mark: the part would stand apart from what says what it is.
        """
        source = span.chunk.source
        structure = self.parts.structure_of(source)
        if structure is None or source != heading.chunk.source or not self.separator:
            return False
        return structure.heading_before(heading.end, span.start)

    def _is_cut(self, source: int, offset: int) -> bool:
        """Whether what ends or begins there is a part of something that belongs together."""
        structure = self.parts.structure_of(source) if self.cut_marks else None
        return structure is not None and structure.is_cut(offset)

    def source_gap(self, source: int) -> str:
        """What stands between a source and the next where nothing was left out: an empty line."""
        text = self.request.sources[source].text
        num_newlines = len(text) - len(text.rstrip("\n"))
        return _SOURCE_GAP[min(num_newlines, len(_SOURCE_GAP)) :]

    @cached_property
    def original_tokens(self) -> int:
        """The tokens of the whole input, rendered with nothing left out."""
        # All that the text depends on besides the sources.
        key = (self.tokenizer.name, self.separator, self.headers, self.cut_marks, self.required)
        return self.request.once(
            ("original tokens", *key, self.request.instruction),
            lambda: self.count(self.full_chunks(range(len(self.chunks)))),
            of=self.chunks,
        )

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
    def tokens_to_keep(self) -> list[int]:
        """(C,) the target tokens of each chunk without its parts that are left out, and of marks for them."""
        tokens = list(self.tokens_per_chunk)
        for index in self.left_out:
            chunk = self.chunks[index]
            parts = self._remaining(KeptSpan(chunk, chunk.start, chunk.end))
            text = self.request.sources[chunk.source].text
            pieces = self.tokenizer.count_each([text[part.start : part.end] for part in parts])
            tokens[index] = sum(pieces) + max(0, len(pieces) - 1) * self.separator_tokens
        return tokens

    @cached_property
    def tokens_per_chunk(self) -> list[int]:
        """(C,) the target tokens of each chunk alone."""
        sources = self.request.sources
        return self.request.once(
            ("tokens per chunk", self.tokenizer.name),
            lambda: self.tokenizer.count_each([sources[c.source].text[c.start : c.end] for c in self.chunks]),
            of=self.chunks,
        )
