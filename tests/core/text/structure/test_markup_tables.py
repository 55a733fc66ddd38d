"""Rows of tables that markup writes are found, each under the names of its columns."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from longattncomp_cli.core.text.structure.reader import structure_of
from tests.benchmarks.table_formats import STYLES

Row = Sequence[str]
Written = tuple[str, list[str]]
"""A text, and the rows in it, that of the names first."""


def asciidoc(rows: Sequence[Row]) -> Written:
    lines = [" ".join(f"|{cell}" for cell in row) for row in rows]
    return "\n".join(['[options="header"]', "|===", lines[0], "", *lines[1:], "|===", ""]), lines


def asciidoc_cells(rows: Sequence[Row]) -> Written:
    blocks = ["\n".join(f"| {cell}" for cell in row) for row in rows]
    return "|===\n" + "\n\n".join(blocks) + "\n|===\n", blocks


def latex(rows: Sequence[Row]) -> Written:
    lines = [" & ".join(row) + r" \\" for row in rows]
    body = "\n".join([r"\hline", lines[0], r"\hline", *lines[1:], r"\hline"])
    return rf"\begin{{tabular}}{{l|p{{3cm}}r}}{chr(10)}{body}{chr(10)}\end{{tabular}}{chr(10)}", lines


def mediawiki(rows: Sequence[Row]) -> Written:
    head = "! " + " !! ".join(rows[0])
    lines = ["| " + " || ".join(row) for row in rows[1:]]
    return "\n|-\n".join(['{| class="wikitable"\n' + head, *lines]) + "\n|}\n", [head, *lines]


def jira(rows: Sequence[Row]) -> Written:
    lines = [f"||{'||'.join(rows[0])}||", *(f"|{'|'.join(row)}|" for row in rows[1:])]
    return "Before.\n\n" + "\n".join(lines) + "\n\nAfter.\n", lines


def list_table(rows: Sequence[Row]) -> Written:
    lines = ["* - " + "\n     - ".join(row) for row in rows]
    return ".. list-table:: Of all\n   :header-rows: 1\n\n   " + "\n   ".join(lines) + "\n", lines


def csv_table(rows: Sequence[Row]) -> Written:
    lines = [", ".join(row) for row in rows[1:]]
    head = ":header: " + ", ".join(rows[0])
    return f".. csv-table:: Of all\n   {head}\n\n   " + "\n   ".join(lines) + "\n", [head, *lines]


FORMATS: dict[str, tuple[Callable[[Sequence[Row]], Written], str]] = {
    "asciidoc": (asciidoc, ".adoc"),
    "asciidoc, a cell a line": (asciidoc_cells, ".adoc"),
    "latex": (latex, ".tex"),
    "mediawiki": (mediawiki, ".wiki"),
    "jira": (jira, ".txt"),
    "list-table": (list_table, ".rst"),
    "csv-table": (csv_table, ".rst"),
}
AROUND = "The ferry of the reeve was late again, and so the mill stood still.\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("form", FORMATS)
def test_rows_are_found_under_the_names_of_their_columns(form: str, style: str, newline: str) -> None:
    write, suffix = FORMATS[form]
    table = STYLES[style](random.Random(6), 5)
    written, rows = write([table.columns, *table.rows])
    text = f"{AROUND}\n{written}\n{AROUND}".replace("\n", newline)
    structure = structure_of(text, f"x{suffix}")
    assert structure is not None
    found = [text[a:b].strip() for a, b in zip(*structure.rows, strict=True)]
    assert found == [row.replace("\n", newline).strip() for row in rows[1:]]
    for row in (found[0], found[-1]):
        heads = "".join(text[a:b] for a, b in structure.headings_at(text.index(row) + 1))
        assert all(name in heads for name in table.columns)
    assert not structure.touches(text.rindex("The ferry"), len(text))


@pytest.mark.parametrize("cut", range(1, 9))
@pytest.mark.parametrize("form", FORMATS)
def test_a_table_that_is_cut_off_is_no_error(form: str, cut: int) -> None:
    write, suffix = FORMATS[form]
    written, _ = write([["a", "b"], ["c", "d"], ["e", "f"]])
    structure_of(written[: len(written) * cut // 9], f"x{suffix}")


def test_pipes_without_spaces_part_the_cells_of_rows() -> None:
    text = "code|town|silt\n" + "".join(f"K{number}|Lund{number}|{number}\n" for number in range(9))
    structure = structure_of(text)
    assert structure is not None
    assert len(structure.rows[0]) == 9
    assert [text[a:b] for a, b in structure.headings_at(text.index("K7") + 1)] == ["code|town|silt"]
