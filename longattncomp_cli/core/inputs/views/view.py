"""A view of a file: the text in it that a person reads, and where that stands in the file."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from longattncomp_cli.core.text.arrays import IntArray
from longattncomp_cli.core.text.spans import Span


@dataclass(frozen=True, eq=False)
class View:
    """A text made of pieces of a file.

    Attributes:
        text: what is read, scored and printed.
        file_text: of the whole file; offsets in the file are characters of it.
        what: what the text is, such as ``the cells of a notebook``, for notes and reports.
        suffix: the file name suffix of what ``text`` holds; ``""`` where it is the file's own.
        starts: (P,) where each piece begins in ``text``, ascending; the first at 0.
        file_starts, file_ends: (P,) where it stands in the file. Characters of a piece that is as long there
            stand one by one; of another, such as an escape, all stand for all; what was added stands nowhere.
    """

    text: str
    file_text: str
    what: str
    suffix: str
    starts: IntArray
    file_starts: IntArray
    file_ends: IntArray

    def __eq__(self, other: object) -> bool:
        """Whether the same was read of the same file."""
        return isinstance(other, View) and (self.text, self.file_text) == (other.text, other.file_text)

    def __hash__(self) -> int:
        """By what is read."""
        return hash(self.text)

    @property
    def is_folded(self) -> bool:
        """Whether it is the file's own text, but for data in it."""
        return not self.suffix

    def _piece(self, offset: int) -> int:
        return max(0, int(np.searchsorted(self.starts, offset, side="right")) - 1)

    @cached_property
    def _as_it_stands(self) -> IntArray:
        """(P,) whether a piece is as long in the file."""
        lengths: IntArray = np.diff(np.append(self.starts, len(self.text)))
        return np.asarray(lengths == self.file_ends - self.file_starts)

    def to_file(self, offset: int) -> int:
        """Where a character of ``text`` stands in the file, or what it stands for begins."""
        if not len(self.starts):
            return 0
        piece = self._piece(offset)
        within = offset - int(self.starts[piece]) if self._as_it_stands[piece] else 0
        return int(self.file_starts[piece]) + within

    def file_span(self, start: int, end: int) -> Span:
        """The part of the file that ``text[start:end]`` was made of, from its first character to its last."""
        if start >= end or not len(self.starts):
            at = self.to_file(start)
            return Span(at, at)
        first, last = self._piece(start), self._piece(end - 1)
        begins, stops = self.file_starts[first : last + 1].copy(), self.file_ends[first : last + 1].copy()
        if self._as_it_stands[first]:
            begins[0] += start - self.starts[first]
        if self._as_it_stands[last]:
            stops[-1] = self.file_starts[last] + end - self.starts[last]
        stands = stops > begins
        if not stands.any():
            return Span(int(begins[0]), int(begins[0]))
        return Span(int(begins[stands].min()), int(stops[stands].max()))

    def from_file(self, offset: int) -> int:
        """Where the text begins that stands at or behind an offset of the file."""
        order = np.argsort(self.file_starts, kind="stable")
        place = int(np.searchsorted(self.file_starts[order], offset, side="right")) - 1
        for piece in order[max(0, place) :].tolist():
            if self.file_ends[piece] <= offset:
                continue
            within = max(0, offset - int(self.file_starts[piece])) if self._as_it_stands[piece] else 0
            return int(self.starts[piece]) + within
        return len(self.text)

    @cached_property
    def _file_line_starts(self) -> list[int]:
        return [found.end() for found in re.finditer("\n", self.file_text)]

    @property
    def num_file_lines(self) -> int:
        """Lines of the file."""
        starts = self._file_line_starts
        return len(starts) + (not starts or starts[-1] < len(self.file_text))

    def file_line_of(self, offset: int) -> int:
        """The line of the file, from 1, on which a character of ``text`` stands."""
        return bisect_right(self._file_line_starts, self.to_file(offset)) + 1

    def offset_of_file_line(self, line: int) -> int:
        """Where the text of a line of the file, and of those behind it, begins."""
        if line <= 1:
            return 0
        starts = self._file_line_starts
        return self.from_file(starts[line - 2]) if line - 2 < len(starts) else len(self.text)


class ViewBuilder:
    """Collects the pieces of a view, in the order in which they are read."""

    def __init__(self, file_text: str) -> None:
        """Begin with nothing of a file."""
        self.file_text = file_text
        self.length = 0
        self._texts: list[str] = []
        self._starts: list[int] = []
        self._file_starts: list[int] = []
        self._file_ends: list[int] = []
        self._at = 0

    def copy(self, start: int, end: int) -> None:
        """Add a part of the file as it stands."""
        self.replace(self.file_text[start:end], start, end)

    def replace(self, text: str, start: int, end: int) -> None:
        """Add a text that stands for a part of the file."""
        self._at = end
        if not text:
            return
        self._starts.append(self.length)
        self._file_starts.append(start)
        self._file_ends.append(end)
        self._texts.append(text)
        self.length += len(text)

    def write(self, text: str) -> None:
        """Add a text that stands nowhere in the file."""
        self.replace(text, self._at, self._at)

    def ends_with(self, text: str) -> bool:
        """Whether the view so far ends so; true of an empty one."""
        end = "".join(self._texts[-len(text) :])
        return not self.length or end.endswith(text)

    def view(self, what: str, suffix: str = "") -> View | None:
        """The view; ``None`` where there is nothing but white space in it."""
        text = "".join(self._texts)
        if not text.strip():
            return None
        arrays = (
            np.array(values, dtype=np.int64) for values in (self._starts, self._file_starts, self._file_ends)
        )
        return View(text, self.file_text, what, suffix, *arrays)
