"""The value all kinds produce: nested units with their heading lines, and good places to cut inside them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from longattncomp_cli.core.text.arrays import IntArray

_MAX_HEADING_CHARS = 300


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of a text that belongs together.

    Attributes:
        start, end: its characters; white space around it is not part of it.
        heading: the characters of the line that says what it is (``class A:``, a heading, a table's first
            row); ``None`` where nothing does.
        leaf: whether it should not be cut; otherwise it only holds other units (a class, a section).
        joined: whether it goes on with one matter across empty lines: a list, with the line before it that
            introduces it.
        row: whether it is a row of a table or a record among others: kept whole or not at all.
    """

    start: int
    end: int
    heading: tuple[int, int] | None = None
    leaf: bool = True
    joined: bool = False
    row: bool = False


@dataclass(frozen=True)
class Structure:
    """The units of one text.

    Attributes:
        kind: what was found in it, such as ``python`` or ``markdown``.
        units: by start, the larger first; two units are nested or apart, never crossing.
        steps: offsets inside units where the next statement, row or paragraph begins, ascending. A leaf with
            none inside (a record, a line of a log) is *atomic*: a part of it says nothing by itself.
    """

    kind: str
    units: tuple[Unit, ...]
    steps: tuple[int, ...] = ()

    @cached_property
    def _starts(self) -> list[int]:
        return [unit.start for unit in self.units]

    @cached_property
    def _parents(self) -> list[int]:
        """The index of the smallest unit around each; -1 where there is none."""
        parents: list[int] = []
        open_units: list[int] = []
        for index, unit in enumerate(self.units):
            while open_units and self.units[open_units[-1]].end <= unit.start:
                open_units.pop()
            parents.append(open_units[-1] if open_units else -1)
            open_units.append(index)
        return parents

    def around(self, offset: int) -> list[Unit]:
        """The units that begin before ``offset`` and end after it, outermost first."""
        found: list[Unit] = []
        index = bisect_left(self._starts, offset) - 1
        while index >= 0:
            if self.units[index].end > offset:
                found.append(self.units[index])
            index = self._parents[index]
        return found[::-1]

    def headings_at(self, offset: int) -> list[tuple[int, int]]:
        """The heading lines of the units around ``offset``, up to it, outermost first."""
        headings = [unit.heading for unit in self.around(offset) if unit.heading is not None]
        return [(start, min(end, offset)) for start, end in headings if start < offset]

    def heading_before(self, end: int, offset: int) -> bool:
        """Whether a heading line of what ``offset`` lies in ends at ``end``, and it is no part of a leaf."""
        around = self.around(offset)
        return not any(unit.leaf for unit in around) and any(
            unit.heading is not None and unit.heading[1] == end for unit in around
        )

    def is_joined(self, offset: int) -> bool:
        """Whether what begins at ``offset`` goes on with what stands before it, empty line or not."""
        return any(unit.joined for unit in self.around(offset))

    def atomic_at(self, offset: int) -> tuple[int, int] | None:
        """The characters of the atomic leaf that ``offset`` lies inside of."""
        around = self.around(offset)
        if not around or not around[-1].leaf:
            return None
        start, end = around[-1].start, around[-1].end
        inside = bisect_right(self.steps, start)
        has_steps = inside < len(self.steps) and self.steps[inside] < end
        return None if has_steps else (start, end)

    def cuts(self, start: int, end: int) -> IntArray:
        """Offsets between ``start`` and ``end`` at which units or steps begin or units end, ascending."""
        found = [a[np.searchsorted(a, start, "right") : np.searchsorted(a, end)] for a in self._cut_arrays]
        return np.unique(np.concatenate(found))

    def heading_edges(self, start: int, end: int) -> list[int]:
        """Offsets between ``start`` and ``end`` at which a unit with a heading line begins or has ended."""
        edges = self._heading_edges
        inside = edges[np.searchsorted(edges, start, "right") : np.searchsorted(edges, end)]
        return [int(at) for at in inside]

    @cached_property
    def heading_ends(self) -> IntArray:
        """Where heading lines end under which other units or paragraphs stand, ascending."""
        ends = {
            unit.heading[1]
            for unit in self.units
            if unit.heading is not None and not unit.leaf and unit.heading[1] < unit.end
        }
        return np.array(sorted(ends), dtype=np.int64)

    @cached_property
    def _heading_edges(self) -> IntArray:
        headed = (unit for unit in self.units if unit.heading is not None)
        return np.unique(np.array([at for u in headed for at in (u.start, u.end)], dtype=np.int64))

    @cached_property
    def _cut_arrays(self) -> tuple[IntArray, IntArray]:
        return self.edges, np.array(self.steps, dtype=np.int64)

    def is_cut(self, offset: int) -> bool:
        """Whether a text that ends or begins at ``offset`` holds only a part of a unit."""
        return any(unit.leaf for unit in self.around(offset))

    @cached_property
    def edges(self) -> IntArray:
        """Offsets at which units begin or have just ended, ascending."""
        return np.unique(np.array([at for u in self.units for at in (u.start, u.end)], dtype=np.int64))

    @cached_property
    def leaf_starts(self) -> IntArray:
        """Offsets at which units begin that should stay whole and are in no other such unit."""
        starts = [unit.start for unit in self.units if unit.leaf and not self.is_cut(unit.start)]
        return np.array(starts, dtype=np.int64)

    @cached_property
    def rows(self) -> tuple[IntArray, IntArray]:
        """Where each row that is in no other begins, and ends, ascending."""
        found: list[Unit] = []
        for unit in self.units:
            if unit.row and not (found and unit.start < found[-1].end):
                found.append(unit)
        starts, ends = [unit.start for unit in found], [unit.end for unit in found]
        return np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64)

    def row_at(self, offset: int) -> tuple[int, int] | None:
        """The characters of the row that holds the character at ``offset``."""
        starts, ends = self.rows
        number = int(np.searchsorted(starts, offset, side="right")) - 1
        return (int(starts[number]), int(ends[number])) if number >= 0 and ends[number] > offset else None

    def rows_from(self, start: int, end: int) -> list[tuple[int, int]]:
        """The characters of the rows of which a part stands in ``[start, end)``."""
        starts, ends = self.rows
        first, last = np.searchsorted(ends, start, side="right"), np.searchsorted(starts, end)
        return list(zip(starts[first:last].tolist(), ends[first:last].tolist(), strict=True))

    @cached_property
    def tables(self) -> Structure:
        """Only the rows, and what stands directly over them."""
        holders = {self._parents[number] for number, unit in enumerate(self.units) if unit.row}
        kept = (unit for number, unit in enumerate(self.units) if unit.row or number in holders)
        return Structure(self.kind, tuple(unit for unit in kept if unit.row or not unit.leaf))

    @cached_property
    def headers(self) -> tuple[tuple[int, int, int], ...]:
        """Of each table that holds the names of its columns: where it, its first row and its end are."""
        first: dict[int, int] = {}
        if self.kind == "json":  # there a heading is the key and the bracket of an array
            return ()
        for number, unit in enumerate(self.units):
            if unit.row:
                first.setdefault(self._parents[number], unit.start)
        holders = ((self.units[parent], start) for parent, start in first.items() if parent >= 0)
        return tuple(
            (unit.start, start, unit.end)
            for unit, start in holders
            if unit.heading is not None and unit.start <= unit.heading[0] and unit.heading[1] <= start
        )

    def touches(self, start: int, end: int) -> bool:
        """Whether a row lies, in part at least, in ``[start, end)``."""
        starts, ends = self.rows
        return bool(np.searchsorted(starts, end) > np.searchsorted(ends, start, side="right"))

    def outside(self, offsets: IntArray) -> IntArray:
        """Those of ``offsets`` that lie inside no unit that should stay whole."""
        return np.array([at for at in offsets.tolist() if not self.is_cut(at)], dtype=np.int64)


def heading_span(text: str, start: int, end: int) -> tuple[int, int] | None:
    """A heading without the white space after it; of a long one its first line, or as many words as fit."""
    stop = start + len(text[start:end].rstrip())
    if stop - start > _MAX_HEADING_CHARS:
        limit = start + _MAX_HEADING_CHARS
        line_end = text.find("\n", start, limit)
        word_end = text.rfind(" ", start + 1, limit)
        stop = line_end if line_end > start else word_end if word_end > start else limit
        stop = start + len(text[start:stop].rstrip())
    return (start, stop) if stop > start else None


def line_begin(text: str, offset: int) -> int:
    """Where the line of ``offset`` begins if only white space stands before it there, else ``offset``."""
    start = text.rfind("\n", 0, offset) + 1
    return start if not text[start:offset].strip(" \t") else offset


def build(kind: str, units: Iterable[Unit], steps: Iterable[int] = ()) -> Structure:
    """Order the units, drop empty ones, doubles and those that cross another."""
    kept: list[Unit] = []
    ends: list[int] = []
    seen: set[tuple[int, int]] = set()
    for unit in sorted(units, key=lambda unit: (unit.start, -unit.end)):
        while ends and ends[-1] <= unit.start:
            ends.pop()
        crosses = bool(ends) and unit.end > ends[-1]
        if unit.end > unit.start and not crosses and (unit.start, unit.end) not in seen:
            seen.add((unit.start, unit.end))
            kept.append(unit)
            ends.append(unit.end)
    return Structure(kind, tuple(kept), tuple(sorted(set(steps))))
