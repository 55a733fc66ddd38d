"""Put kept spans back in source order, and count what is printed, exactly.

The sum of the parts' token counts is not the count of the joined text, so the budget is held on the
rendered text itself, with the target model's tokenizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from longattncomp_cli.core.tokenization import TargetTokenizer
from longattncomp_cli.core.types import Chunk, KeptSpan, Request

DEFAULT_SEPARATOR = "\n[...]\n"
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
    """

    request: Request
    chunks: tuple[Chunk, ...]
    separator: str
    tokenizer: TargetTokenizer
    headers: bool = False

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
        return "".join(parts)

    def count(self, kept: Sequence[KeptSpan]) -> int:
        """The tokens of the rendered text."""
        return self.tokenizer.count(self.render(kept))

    def whole(self, ranks: Sequence[int]) -> tuple[KeptSpan, ...]:
        """The chunks at these places in the context, entire, in source order."""
        return tuple(
            KeptSpan(self.chunks[index], self.chunks[index].start, self.chunks[index].end)
            for index in sorted(ranks)
        )

    def _joint(self, previous: KeptSpan | None, span: KeptSpan) -> str:
        if previous is None:
            return ""
        was, now = previous.chunk, span.chunk
        if now.index != was.index + 1 or previous.end != was.end or span.start != now.start:
            return self.separator
        return self.source_gap(was.source) if now.source != was.source else ""

    def source_gap(self, source: int) -> str:
        """What stands between a source and the next where nothing was left out: an empty line."""
        text = self.request.sources[source].text
        num_newlines = len(text) - len(text.rstrip("\n"))
        return _SOURCE_GAP[min(num_newlines, len(_SOURCE_GAP)) :]

    @cached_property
    def original_tokens(self) -> int:
        """The tokens of the whole input, rendered with nothing left out."""
        return self.count(self.whole(range(len(self.chunks))))

    @cached_property
    def fixed_tokens(self) -> int:
        """The tokens of what is always kept."""
        return self.tokenizer.count(self.request.prefix + self.request.suffix)

    @cached_property
    def separator_tokens(self) -> int:
        """The tokens of one separator alone."""
        return self.tokenizer.count(self.separator)

    @cached_property
    def chunk_tokens(self) -> list[int]:
        """(C,) the target tokens of each chunk alone."""
        sources = self.request.sources
        return self.tokenizer.count_each([sources[c.source].text[c.start : c.end] for c in self.chunks])
