"""Rows are found however tables are written, under the names of their columns; nothing else is a table."""

from __future__ import annotations

import random
import re
from functools import lru_cache

import pytest

from longattncomp_cli.core.text.structure import reader
from longattncomp_cli.core.text.structure.kinds import kind_of
from longattncomp_cli.core.text.structure.units import Structure
from tests.benchmarks.table_formats import FORMATS, NUM_ROWS, OTHER_FORMATS, STYLES, lookups

ALL = FORMATS | OTHER_FORMATS
structure_of = lru_cache(maxsize=2)(reader.structure_of)
"""Several questions are asked of one text."""


def rows_of(text: str, name: str = "") -> list[str]:
    structure = structure_of(text, name)
    return [] if structure is None else in_rows(text, structure)


def in_rows(text: str, structure: Structure) -> list[str]:
    return [text[start:end] for start, end in zip(*structure.rows, strict=True)]


def heading_of(text: str, part: str, name: str = "") -> str:
    structure = structure_of(text, name)
    assert structure is not None
    return "\n".join(text[start:end] for start, end in structure.headings_at(text.index(part)))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("form", ALL)
def test_rows_are_those_that_were_written(form: str, style: str, newline: str) -> None:
    write, suffix, num_columns = ALL[form]
    text, header, rows = write(STYLES[style](random.Random(4), num_columns))
    text = text.replace("\n", newline)
    rows = [row.replace("\n", newline) for row in rows]
    assert rows_of(text, f"x{suffix}") == rows_of(text) == rows
    for row in (rows[0], rows[-1]):
        heading = heading_of(text, row)
        assert all(part.replace("\n", newline).strip() in heading for part in header)


@pytest.mark.parametrize("form", ["markdown", "markdown-bare", "html", "fixed", "psql", "rst-grid", "sql"])
def test_tables_are_found_in_texts_and_beside_another(form: str) -> None:
    for lookup in lookups("orders", 3, form):
        num_tables = 2 if lookup.place == "second" else 1
        found = rows_of(lookup.text, lookup.name)
        assert len(found) == num_tables * NUM_ROWS
        assert lookup.row in found
        assert all(part in heading_of(lookup.text, lookup.row, lookup.name) for part in lookup.header)


MARKDOWN = "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n"
SPECIAL = {
    "a cell of several lines": ('n,m\n"x\ny",1\nz,2\n', ["x.csv"], ['"x\ny",1', "z,2"]),
    "an inch is no quote": ('n,m\n5" pipe,1\n6" pipe,2\n', ["x.csv"], ['5" pipe,1', '6" pipe,2']),
    "a quote that is never closed": ("n,m\n" + '"x,1\n' * 60, ["x.csv"], ['"x,1'] * 60),
    "lines above the header": ("# by hand\nn,m\nx,y\nz,1\n", ["x.csv"], ["# by hand", "x,y", "z,1"]),
    "years name columns": ("n,2019,2020\nx,4,5\n", ["x.csv"], ["x,4,5"]),
    "no header": ("1,2\n3,4\n", ["x.csv"], ["1,2", "3,4"]),
    "semicolons and decimal commas": ("n;m\nx;1,5\ny;2,5\n", ["x.csv"], ["x;1,5", "y;2,5"]),
    "no final newline": ("n\tm\nx\t1", ["x.tsv"], ["x\t1"]),
    "in a section, in a fence": (
        f"# A\n\n{MARKDOWN}\n# B\n\n```\n{MARKDOWN}```\n", ["x.md", ""], ["| 1 | 2 |", "| 3 | 4 |"] * 2,
    ),
    "a row that holds a table": (
        "<table><tr><td>a<td>b<tr><td>1<td><table><tr><td>x<tr><td>y</table></table>", ["x.html", ""],
        ["<tr><td>1<td><table><tr><td>x<tr><td>y</table>"],
    ),
    "a page laid out as a table": (
        "<TABLE><TR><TD>" + "w " * 900 + "<table><tr><th>a<tr><td>1<tr><td>2</table></TABLE>", [""],
        ["<tr><td>1", "<tr><td>2"],
    ),
    "headers at the side": (
        "<table><tr><th>a<th>b</tr><tr><th>x<td>1</tr></table>", [""], ["<tr><th>x<td>1</tr>"],
    ),
    "a box": (
        "┌───┬───┐\n│ a │ b │\n├───┼───┤\n│ 1 │ 2 │\n│ 3 │ 4 │\n└───┴───┘\n", [""],
        ["│ 1 │ 2 │", "│ 3 │ 4 │"],
    ),
    "columns without a rule": (
        "NAME    AGE  PORT\n" + "".join(f"pod-{i}   {i}d   80\n" for i in range(5)), [""],
        [f"pod-{i}   {i}d   80" for i in range(5)],
    ),
    "simple RST": (
        "=== ===\na   b\n=== ===\n1   2\n    more\n3   4\n=== ===\n", ["x.rst"], ["1   2\n    more", "3   4"],
    ),
    "quotes and brackets in SQL": (
        "INSERT INTO t (a) VALUES ('it''s (1), or'), (f(2, 3));", ["x.sql", ""],
        ["('it''s (1), or')", "(f(2, 3))"],
    ),
    "a dump": ("COPY t (a, b) FROM stdin;\n1\tx\n2\ty\n\\.\n", ["x.sql"], ["1\tx", "2\ty"]),
}  # fmt: skip


@pytest.mark.parametrize("case", SPECIAL)
def test_special_tables(case: str) -> None:
    text, names, rows = SPECIAL[case]
    for name in names:
        assert rows_of(text, name) == rows


NO_TABLES = [
    ("He said a | b, and then\nc | d; nothing more.\n\n---\n\nMore | of it.\n", ""),
    ("ls | grep a\n" * 9, "x.sh"),
    ("def f(a, b):\n    return a | b\n\n\nx = 1 | 2\n" * 4, "x.py"),
    ("Title\n=====\n\nWords.  Then more words.  And more.\n" * 5, "x.rst"),
    ("One, two, three.\nFour, five, and six went home, all of them.\nNo.\nYes, yes.\nWell.\n", ""),
    ("INSERT INTO t VALUES (1);", ""),
    ("q = 'INSERT INTO t VALUES (1), (2)'\n", "x.py"),
    ("<p>a table <table> of nothing</p>", "x.html"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "name"), NO_TABLES)
def test_no_table_is_seen_in_other_text(text: str, name: str) -> None:
    assert rows_of(text, name) == []


def test_every_line_with_as_many_cells_makes_a_csv() -> None:
    assert kind_of("a,b,c\n1,2,3\n4,5,6\n7,8,9\n0,1,2\n") == "csv"
    assert kind_of("a\tb\n1\t2\n4\t5\n7\t8\n9\t0\n") == "tsv"
    assert kind_of("a,b,c\n1,2\n4,5,6\n7,8,9\n0,1,2\n") is None


UNCLOSED = [
    "<table><tr><td>",
    "<tr ",
    "INSERT INTO t VALUES (",
    "INSERT INTO t VALUES ('a",
    "CREATE TABLE t (",
]


@pytest.mark.parametrize("part", [*UNCLOSED, "+--+\n", "--- ---\n", "|---|---|\n", '"a,', "a  b  c\n"])
def test_what_is_never_closed_is_read_all_the_same(part: str) -> None:
    for name in ("", "x.csv", "x.html", "x.sql", "x.md"):
        structure = structure_of(part * 2_000, name)
        if structure is not None:
            assert all(0 <= unit.start < unit.end <= len(part) * 2_000 for unit in structure.units)


def test_rows_do_not_overlap_and_lie_in_what_was_given() -> None:
    rng = random.Random(8)
    parts = [
        "| a | b |\n",
        "|---|---|\n",
        "a  b  c\n",
        "--- ---\n",
        "+--+--+\n",
        "words\n",
        "\n",
        "a,b\n",
        "'",
    ]
    parts += ["<table>", "<tr><td>x", "</table>\n", "(1, 2), ", "INSERT INTO t VALUES "]
    for _ in range(200):
        text = "".join(rng.choices(parts, k=30))
        structure = structure_of(text, rng.choice(["", "x.md", "x.csv", "x.sql", "x.html"]))
        if structure is not None:
            starts, ends = structure.rows
            assert (starts < ends).all()
            assert (ends[:-1] <= starts[1:]).all()
            assert not any(re.fullmatch(r"\s*", row) for row in in_rows(text, structure))


def test_arrays_of_json_stand_under_the_names_of_their_columns() -> None:
    rows = [f'["auk {i}", {i * 7}, "pier"]' for i in range(9)]
    for columns in ('"columns": ["name", "age", "place"]', '"Fields":["name","age","place"]'):
        text = f'{{"title": "Boats", {columns},\n "rows": [\n' + ",\n".join(rows) + "\n]}\n"
        assert rows_of(text, "a.json") == rows
        assert columns in heading_of(text, rows[4], "a.json")


def test_lines_of_a_word_and_a_gap_are_rows_without_a_header() -> None:
    names = ["auk", "gull", "tern", "loon", "knot", "smew", "teal", "duck", "swan"]
    lines = [f"{name}\t\t{i * 11}/tcp   # of the {name}" for i, name in enumerate(names[:5])]
    lines += [f"{name}     {i}/udp" for i, name in enumerate(names[5:])]
    text = "Ports.\n\n" + "\n".join(lines[:5]) + "\n\n# More.\n" + "\n".join(lines[5:]) + "\n"
    assert rows_of(text) == lines
    few = "\n".join(lines[5:]) + "\n\nThis is prose.  It has two spaces.  It goes on.\n"
    assert rows_of(few) == []
    prose = "\n".join(f"We saw the {name}.  It was {name * i} shy.  It left." for i, name in enumerate(names))
    assert rows_of(prose) == []
