"""Where a part of a chunk may end, as lengths from where it begins."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from longattncomp_cli.core.assembly.renderer import Renderer
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.text.arrays import IntArray
from longattncomp_cli.core.text.boundaries import word_starts

# A part ends with a whole sentence, unit or line, or else with at least so many words after the last.
_FEWEST_WORDS = 8
# Of a longer sentence, so many words come before the heading lines over it where little fits.
_FIRST_WORDS = 32
# And so many before the outer ones.
_WHOLE_WORDS = 128


@dataclass(frozen=True, kw_only=True)
class PartEnds:
    """Where a part that begins at a certain place may end, as lengths, ascending.

    Attributes:
        text: what it is a beginning of.
        good: ends of sentences or units, then of lines; not of heading lines.
        words: of words that may end it.
        anywhere: of all words.
        lines: of the lines of what is read line by line.
        first: where a part may end of which too little fits: at the first good end, if that is near.
    """

    text: str
    good: tuple[list[int], ...]
    words: list[int]
    anywhere: list[int]
    lines: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, anchor: int, chunk: Chunk, renderer: Renderer) -> PartEnds:
        """The ends in ``chunk`` from ``anchor`` on."""
        source = chunk.source
        text = renderer.request.sources[source].text[anchor : chunk.end]
        parts = renderer.parts
        whole_lines = parts.line_starts(source, anchor, chunk.end)
        kinds = [_trimmed(text, starts) for starts in parts.cut_points(source, anchor, chunk.end)]
        return cls(
            text=text,
            good=tuple(
                [end for end in ends if not parts.ends_with_heading(source, anchor + end)] for ends in kinds
            ),
            words=_trimmed(text, parts.word_ends(source, anchor, chunk.end)),
            anywhere=word_ends(text),
            lines=_trimmed(text, np.append(whole_lines, len(text))) if parts.has_lines(source) else [],
        )

    @cached_property
    def first(self) -> int:
        """Where the least part ends that says something: at its first good end, or after some words."""
        return self._first_end(_FIRST_WORDS)

    @cached_property
    def whole(self) -> int:
        """Where a part ends that is a whole sentence, unless that is endless."""
        return self._first_end(_WHOLE_WORDS)

    @property
    def later(self) -> list[int]:
        """Where a longer part may end that is not whole yet."""
        return self.lines or self.anywhere

    def _first_end(self, most_words: int) -> int:
        some_words = self.anywhere[:most_words][-1:] or [len(self.text)]
        whole_lines = bisect_right(self.lines, some_words[0])
        some_words = self.lines[whole_lines - 1 : whole_lines] or some_words
        return min([*(ends[0] for ends in self.good if ends), *some_words])

    def best(self, fits: Callable[[int], bool], least: int) -> int:
        """The end to take of those that fit; 0 where there is none.

        The best kind of end (a sentence or unit end) serves if it fills half of what a word end would, or if
        only a few words come between; else the next kind (a line end), else a word end with enough words
        before it.

        Args:
            fits: whether a part that ends there does.
            least: nothing ends before it; where it is not 0 something must be kept, if only words.
        """
        longest = longest_end(self.anywhere, fits)
        if longest < max(1, least):
            return 0
        reached = least
        for ends in self.good:
            place = bisect_right(ends, longest)
            end = ends[place - 1] if place else 0
            near = end * 2 >= longest or self._num_words(end, longest) < _FEWEST_WORDS
            if end >= max(1, least) and near and fits(end):
                return end
            reached = max(reached, end)
        is_atomic_part = least and all(not ends or ends[0] > longest for ends in self.good)
        words = self.anywhere if is_atomic_part else self.words
        place = bisect_right(words, longest)
        end = words[place - 1] if place else 0
        if end > reached and (is_atomic_part or self._num_words(reached, end) >= _FEWEST_WORDS):
            reached = end
        return reached if reached and fits(reached) else 0

    def _num_words(self, start: int, end: int) -> int:
        return bisect_right(self.anywhere, end) - bisect_right(self.anywhere, start)


def word_ends(text: str) -> list[int]:
    """Where the words of a text end, ascending."""
    return _trimmed(text, np.append(word_starts(text), len(text)))


def _trimmed(text: str, starts: IntArray) -> list[int]:
    """Where the units that end at ``starts`` end without their white space, ascending; never 0."""
    ends = {len(text[:start].rstrip()) for start in starts.tolist()}
    return sorted(ends - {0})


def longest_end(ends: Sequence[int] | IntArray, fits: Callable[[int], bool]) -> int:
    """The largest end that fits (0: none), by bisection; counts are as good as monotone in it."""
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high) // 2
        if fits(ends[middle]):
            low = middle + 1
        else:
            high = middle
    return int(ends[low - 1]) if low else 0
