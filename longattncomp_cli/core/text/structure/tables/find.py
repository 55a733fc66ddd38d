"""Tables inside texts of other kinds: each stands in for what the text's own reader made of its place."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from longattncomp_cli.core.text.structure.tables.drawn import drawn_tables
from longattncomp_cli.core.text.structure.tables.html import html_tables
from longattncomp_cli.core.text.structure.tables.sql import sql_tables
from longattncomp_cli.core.text.structure.tables.table import Table
from longattncomp_cli.core.text.structure.units import Structure, build

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
    tables = build("", (unit for table in _tables(text, is_code=is_code) for unit in table.units(text)))
    if not tables.units:
        return found
    if found is None:
        return Structure("prose", tables.units)
    # A table is no part to be kept whole any more (a fence, a block of code): its rows are.
    kept = (unit for unit in found.units if not (unit.leaf and tables.touches(unit.start, unit.end)))
    steps = tables.outside(np.array(found.steps, dtype=np.int64))
    return build(found.kind, [*kept, *tables.units], steps.tolist())


def _tables(text: str, *, is_code: bool) -> Iterator[Table]:
    yield from sql_tables(text)
    if not is_code:
        yield from html_tables(text)
        yield from drawn_tables(text)
