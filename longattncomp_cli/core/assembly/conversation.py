"""Kept spans go back into their places in a conversation, counted as the budget of a conversation is.

That budget is the sum of the tokens of every text and of every call's name and arguments, each counted
alone; of the text form it is that of the printed text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import ClassVar

from longattncomp_cli.core.assembly.kept_spans import KeptSpan
from longattncomp_cli.core.assembly.renderer import Renderer
from longattncomp_cli.core.inputs.conversations.files import write_conversation
from longattncomp_cli.core.inputs.conversations.model import Frame
from longattncomp_cli.core.inputs.conversations.text_form import conversation_text
from longattncomp_cli.core.prompts.growth import ALWAYS_KEPT, NO_SIZES, Sizes

STUB = "[...]"
"""Where nothing of a text is kept and the separator is blank: the APIs refuse empty texts."""
_Part = tuple[int, int, bool]


def stub_of(separator: str) -> str:
    """What stands where nothing of a text is kept."""
    return separator.strip() or STUB


@dataclass(frozen=True)
class ConversationRenderer(Renderer):
    """Renders selections of a request that is a conversation, as its JSON or as one text.

    Attributes:
        sizes: tokens of the conversation's texts.
        as_text: whether one text is printed and counted instead.
    """

    sizes: Sizes = NO_SIZES
    as_text: bool = False
    stands_empty: ClassVar[bool] = True
    _counted: dict[tuple[int, tuple[_Part, ...]], int] = field(default_factory=dict, compare=False)

    @property
    def frame(self) -> Frame:
        """Of the request."""
        assert self.request.frame is not None
        return self.request.frame

    def render(self, kept: Sequence[KeptSpan]) -> str:
        """The conversation with what was kept in the places of its texts."""
        conversation, changed = self.frame.conversation, self.changed(kept)
        if self.as_text:
            instruction = f"{self.request.instruction}\n\n" if self.request.instruction else ""
            return instruction + conversation_text(conversation, changed, stub_of(self.separator))
        return write_conversation(conversation, changed)

    def changed(self, kept: Sequence[KeptSpan]) -> dict[int, str]:
        """Number of a text → what stands in its place, of those that were shortened."""
        found = {}
        for source, spans in self._by_source(kept).items():
            slot, of = self.frame.slots[source], self.request.sources[source]
            body = self.in_place(source, spans)
            if body != of.text or of.view is not None:
                around = self.frame.conversation.texts[slot.number].text
                found[slot.number] = around[: slot.start] + body + around[slot.end :]
        return found

    def in_place(self, source: int, spans: Sequence[KeptSpan]) -> str:
        """What stands in the place of one source: its spans, and a mark wherever something is left out."""
        if not spans:
            return stub_of(self.separator)
        text, body = self.request.sources[source].text, self.body(spans)
        first, last = spans[0], spans[-1]
        if text[: first.start].strip():
            body = self._mark(source, first.start).lstrip() + body
        if text[last.end :].strip() and not last.unmarked and not self._is_cut(source, last.end):
            body += self._mark(source, last.end).rstrip()
        return body

    def count(self, kept: Sequence[KeptSpan]) -> int:
        """The tokens that the budget holds."""
        if self.as_text:
            return self.tokenizer.count(self.render(kept))
        return self._outside_tokens + sum(self._count_of(*each) for each in self._by_source(kept).items())

    @cached_property
    def original_tokens(self) -> int:
        """The tokens of the whole conversation."""
        return self.count(self.full_chunks(range(len(self.chunks)))) if self.as_text else self.sizes.total

    @property
    def always_kept(self) -> str:
        """What is kept of every conversation."""
        return f"kept spans, {ALWAYS_KEPT}" if self.required_spans else ALWAYS_KEPT

    def _count_of(self, source: int, spans: Sequence[KeptSpan]) -> int:
        """The tokens of one text; what was counted once is remembered."""
        key = (source, tuple((span.start, span.end, span.unmarked) for span in spans))
        if key not in self._counted:
            slot = self.frame.slots[source]
            text = self.frame.conversation.texts[slot.number].text
            body = self.in_place(source, spans)
            self._counted[key] = self.tokenizer.count(text[: slot.start] + body + text[slot.end :])
        return self._counted[key]

    @cached_property
    def _outside_tokens(self) -> int:
        """The tokens of the texts that are no sources."""
        return self.sizes.total - sum(self.sizes.texts[slot.number] for slot in self.frame.slots)

    def _by_source(self, kept: Sequence[KeptSpan]) -> dict[int, list[KeptSpan]]:
        """The spans of every source, also of one of which nothing is kept."""
        found: dict[int, list[KeptSpan]] = {source: [] for source in range(len(self.request.sources))}
        for source, spans in groupby(kept, key=lambda span: span.chunk.source):
            found[source] = list(spans)
        return found

    def _mark(self, source: int, offset: int) -> str:
        return self.cut_mark if self._is_cut(source, offset) else self.separator
