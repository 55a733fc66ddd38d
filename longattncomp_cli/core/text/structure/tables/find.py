"""Tables inside texts of other kinds: each stands in for what the text's own reader made of its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from longattncomp_cli.core.text.boundaries import sentence_starts
from longattncomp_cli.core.text.structure.tables.drawn import drawn_tables
from longattncomp_cli.core.text.structure.tables.html import html_tables
from longattncomp_cli.core.text.structure.tables.markup import markup_tables
from longattncomp_cli.core.text.structure.tables.sql import sql_tables
from longattncomp_cli.core.text.structure.tables.table import Table
from longattncomp_cli.core.text.structure.units import Structure, Unit, build

_WHOLE_TEXT = frozenset({"csv", "tsv", "json", "jsonl"})
"""Kinds whose readers know their rows already."""


def with_tables(text: str, found: Structure | None, *, is_code: bool) -> Structure | None:
    """Add the tables of a text to its structure.

    Args:
        text: the whole text.
        found: what its own reader found.
        is_code: only rows that SQL inserts are looked for then: signs of other tables are code there.
    """
    if found is not None and found.kind in _WHOLE_TEXT:
        return found
    ragged = found is None or found.kind == "prose"
    tables = build(
        "", (unit for table in _tables(text, is_code=is_code, ragged=ragged) for unit in table.units(text))
    )
    if not tables.units:
        return found
    steps = sentence_starts(text) if found is None else np.array(found.steps, dtype=np.int64)
    old = () if found is None else _beside(tables, found.units)
    kind = "prose" if found is None else found.kind
    return build(kind, [*tables.units, *old], tables.outside(steps).tolist())


def _beside(tables: Structure, units: Iterable[Unit]) -> Iterator[Unit]:
    """Other units: what holds a table (a fence, a turn) may be cut between rows; what cuts one goes."""
    for unit in units:
        if not unit.leaf or not tables.touches(unit.start, unit.end):
            yield unit
        elif not tables.around(unit.start) and not tables.around(unit.end):
            yield replace(unit, leaf=False)


def _tables(text: str, *, is_code: bool, ragged: bool) -> Iterator[Table]:
    yield from sql_tables(text)
    if not is_code:
        yield from html_tables(text)
        yield from markup_tables(text)
        yield from drawn_tables(text, ragged=ragged)
