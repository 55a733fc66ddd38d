"""Rows and records are kept whole or not at all: where a part of a chunk may end and begin for that."""

from __future__ import annotations

import numpy as np

from longattncomp_cli.core.text.structure.units import Structure


def row_ends(structure: Structure | None, start: int, end: int) -> list[int]:
    """Where the rows end that lie in ``[start, end)``, if one begins there or lies around it; ascending."""
    if structure is None or structure.row_at(start) is None:
        return []
    ends = structure.rows[1]
    first, last = np.searchsorted(ends, start, side="right"), np.searchsorted(ends, end, side="right")
    return [int(at) for at in ends[first:last]]


def after_row(structure: Structure | None, start: int) -> int:
    """``start``, or the end of the row that it lies inside of."""
    row = None if structure is None else structure.row_at(start)
    return start if row is None or row[0] == start else row[1]
