"""One document of a context."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import cached_property

from longattncomp_cli.core.files.paths import name_when_unpacked
from longattncomp_cli.core.inputs.views.view import View
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.core.text.structure.kinds import kind_of
from longattncomp_cli.core.text.structure.reader import structure_of
from longattncomp_cli.core.text.structure.units import Structure
from longattncomp_cli.core.text.words import Spelling


@dataclass(frozen=True)
class Source:
    """One input document or file.

    Attributes:
        text: the whole text; every span is relative to it.
        name: what to call it in tables and notes (a path, ``stdin``, a document's title).
        title: read by the scorer as the source's first line; never part of a span or of the output.
        context_region: the part that may be compressed; ``None`` means all of it. A parsed prompt keeps the
            text before and after its region.
        view: how ``text`` was made of a file, where it is not the file's own; lines are those of the file.
    """

    text: str
    name: str = ""
    title: str = ""
    context_region: Span | None = None
    view: View | None = None

    @property
    def context_span(self) -> Span:
        """The range to compress."""
        return Span(0, len(self.text)) if self.context_region is None else self.context_region

    @cached_property
    def line_starts(self) -> list[int]:
        """Where each line but the first begins; lines end with LF, in a text without one with CR."""
        return [found.end() for found in re.finditer("\n" if "\n" in self.text else "\r", self.text)]

    @property
    def num_lines(self) -> int:
        """Lines, the last one with or without an end; of a view those of its file."""
        if self.view is not None:
            return self.view.num_file_lines
        starts = self.line_starts
        return len(starts) + (not starts or starts[-1] < len(self.text))

    @cached_property
    def spelling(self) -> Spelling:
        """The text as names are compared."""
        return Spelling.of(self.text)

    @cached_property
    def caseless(self) -> Spelling:
        """The text as words are compared."""
        return Spelling.of(self.text, any_case=True)

    @cached_property
    def kind(self) -> str | None:
        """What the text holds (``python``, ``markdown``, …); ``None`` for prose."""
        return kind_of(self.text, self._name_of_kind)

    @cached_property
    def structure(self) -> Structure | None:
        """The definitions, sections, records or turns of the text; ``None`` for prose."""
        return structure_of(self.text, self._name_of_kind)

    @property
    def _name_of_kind(self) -> str:
        """A name whose suffix says what the text holds."""
        if self.view is not None and self.view.suffix:
            return "text" + self.view.suffix
        return name_when_unpacked(self.name)

    def part(self, region: Span, title: str = "") -> Source:
        """The same text, of which only ``region`` may be compressed; what was found in it is known.

        Args:
            region: the characters.
            title: read as the first line of the part.
        """
        other = replace(self, title=title, context_region=region)
        known = {name: self.__dict__[name] for name in _OF_THE_TEXT if name in self.__dict__}
        other.__dict__.update(known)
        return other

    def file_span(self, start: int, end: int) -> Span:
        """The part of the file that ``text[start:end]`` is, or was made of."""
        return Span(start, end) if self.view is None else self.view.file_span(start, end)

    def offset_of_line(self, line: int) -> int:
        """Return where a line, counted from 1, begins; the text's end for one beyond the last."""
        if self.view is not None:
            return self.view.offset_of_file_line(line)
        if line <= 1:
            return 0
        return self.line_starts[line - 2] if line - 2 < len(self.line_starts) else len(self.text)

    def line_of(self, offset: int) -> int:
        """Return the line number, from 1, of the character at ``offset``."""
        if self.view is not None:
            return self.view.file_line_of(offset)
        return bisect_right(self.line_starts, offset) + 1


_OF_THE_TEXT = ("line_starts", "spelling", "caseless", "kind", "structure")
