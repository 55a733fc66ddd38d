"""A query names rows by numbers, capitalised and quoted words; outside of rows these count nothing."""

from __future__ import annotations

import pytest

from longattncomp_cli.core.attention.row_keys import row_keys
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.text.words import query_keys


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("how deep is it?", []),
        ("How deep is Gull Rock?", ["How", "Gull Rock"]),
        ("Who has lot 21,050?", ["Who", "21,050"]),
        ("where does 'hex nut' lie?", ["hex nut"]),
        ("what of Bay of Fundy?", ["Bay of Fundy"]),
        ("since 2024-03-01, in v1.2?", []),
        ("", []),
    ],
)
def test_keys_of_a_query(query: str, keys: list[str]) -> None:
    assert [spellings[0] for spellings in query_keys(query)] == keys


TABLES = {
    "x.csv": "site,depth\nGull Rock,7\nGull,8\nOld Gull Rock,9\n12,Gull Rock\n",
    "x.md": "site | depth\n---|---\nGull Rock | 7\nGull | 8\nOld Gull Rock | 9\n12 | Gull Rock\n",
    "x.jsonl": '{"site": "Gull Rock"}\n{"site": "Gull"}\n{"s": "Old Gull Rock"}\n{"n": 1, "a":"Gull Rock"}\n',
    "x.html": (
        "<table><tr><th>site<th>depth<tr><td>Gull Rock<td>7<tr><td>Gull<td>8"
        "<tr><td>Old Gull Rock<td>9<tr><td>12<td>Gull Rock</table>"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_the_first_cell_counts_most_and_a_part_of_a_cell_least(name: str) -> None:
    text = TABLES[name]
    request = Request((Source(text, name),), "How deep is Gull Rock?")
    [(written, key, places)] = row_keys(request, [])
    assert written == key == "Gull Rock"
    assert [place.weight for place in places] == [1.0, 0.1, 0.5]
    assert [text[place.offset :].startswith(key) for place in places] == [True] * 3


def test_a_name_in_another_case_or_in_part_is_looked_for_where_it_is_nowhere_as_written() -> None:
    request = Request((Source(TABLES["x.csv"], "x.csv"),), "How deep are OLD GULL ROCK and Gull Skerry?")
    found = {written: key for written, key, _ in row_keys(request, [])}
    assert found == {"OLD GULL ROCK": "OLD GULL ROCK", "Gull": "Gull"}


def test_prose_and_headers_have_no_keys() -> None:
    sources = (Source("Gull Rock is 7 fathoms deep."), Source("Gull Rock,depth\nx,1\ny,2\n", "x.csv"))
    assert list(row_keys(Request(sources, "How deep is Gull Rock, 7?"), [])) == []


def test_a_row_named_in_lower_case_is_found_by_all_of_its_first_cell() -> None:
    plain = "".join(f"{name}\t{900 + i}/tcp\t{name} port\n" for i, name in enumerate("abcdefgh"))
    text = plain.replace("d\t", "gull\t") + "port  7  old gull\n"
    request = Request((Source(text),), "which port has gull?")
    found = [(written, [place.offset for place in places]) for written, _, places in row_keys(request, [])]
    assert found == [("port", [text.index("port  7")]), ("gull", [text.index("gull\t")])]
    assert list(row_keys(request, ["gull", "port"])) == []
