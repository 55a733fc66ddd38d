"""Which line a question asks for: by its own words, its key's, and those of what it stands under."""

from __future__ import annotations

import time

import pytest

from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.core.text.structure.asked_lines import asked_lines, asked_words, matched
from longattncomp_cli.core.text.structure.line_pieces import LONG_LINE_CHARS, line_pieces

SHIPS = {
    "a.yaml": (
        "ships:\n  auk:\n    berth: north-4\n    crew:\n      - name: berth the auk\n        count: 7\n"
        "  tern:\n    berth: south-9\n    crew:\n      - name: paint the tern\n        count: 5\n"
    ),
    "a.toml": "[ships.auk]\nberth = 'north-4'\ncount = 7\n\n[ships.tern]\nberth = 'south-9'\ncount = 5\n",
    "a.ini": "[auk]\nberth = north-4\ncount = 7\n\n[tern]\nberth = south-9\ncount = 5\n",
    "a.tf": (
        'resource "ship" "auk" {\n  berth = "north-4"\n  count = 7\n}\n\n'
        'resource "ship" "tern" {\n  berth = "south-9"\n  count = 5\n}\n'
    ),
}


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("name", SHIPS)
def test_the_line_under_the_owner_that_the_query_names_is_asked_for(name: str, ends: str) -> None:
    source = Source(SHIPS[name].replace("\n", ends), name)
    region = Span(0, len(source.text))
    for query, value in [
        ("Which berth has the tern?", "south-9"),
        ("Where does auk berth?", "north-4"),
        ("What is the count of the tern?", "5"),
    ]:
        asked = asked_lines(source.text, source.kind, source.structure, region, query)
        assert [value in source.text[a:b] for a, b in asked.lines] == [True], (query, asked)
        assert asked.by_own_words


def test_where_no_line_has_a_word_of_the_query_none_is_asked_for() -> None:
    source = Source(SHIPS["a.yaml"], "a.yaml")
    region = Span(0, len(source.text))
    assert not asked_lines(source.text, source.kind, source.structure, region, "Who pays?").lines


def test_words_are_alike_but_for_their_endings_and_stand_in_longer_ones() -> None:
    assert asked_words("On which runner does the run of the job run?") == ["runner", "job"]
    assert matched(["runner"], "runs-on: x") == {"runner"}
    assert matched(["policy", "timeout"], "pullPolicy: a, readTimeoutSeconds") == {"policy", "timeout"}
    assert not matched(["port", "47"], "post 470")


def test_pieces_are_lines_with_what_goes_on_from_them_and_clauses_of_long_ones() -> None:
    text = "all: \\\n  one\ntwo:\n\n"
    assert [text[a:b] for a, b in line_pieces(text, "makefile", 0, len(text))] == [
        "all: \\\n  one\n",
        "two:\n\n",
    ]
    clauses = [f"block {number} is well; " for number in range(40)]
    long = "".join(clauses).rstrip() + "\n"
    assert len(long) > LONG_LINE_CHARS
    found = [long[a:b].strip() for a, b in line_pieces(long, "log", 0, len(long))]
    assert found == [each.strip() for each in clauses]
    # A part of a long line is parted as the whole is.
    assert len(line_pieces(long, "log", 0, 100)) > 1


def test_finding_the_line_takes_time_in_proportion_to_the_text() -> None:
    def seconds(num: int) -> float:
        text = "".join(f"[s{number}]\nberth = {number}\ncrew = {number}\n" for number in range(num))
        source = Source(text, "a.ini")
        structure = source.structure
        begin = time.perf_counter()
        asked_lines(text, source.kind, structure, Span(0, len(text)), "Which berth has s7?")
        return time.perf_counter() - begin

    seconds(100)
    assert seconds(4_000) < 30 * max(seconds(400), 0.01)
