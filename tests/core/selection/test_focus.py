"""Where a part begins of a chunk that must be cut: at the line or the sentence of what answers."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

from longattncomp_cli.core.chunking.chunks import Chunk, SnapLevel
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.focus import best_start
from longattncomp_cli.core.settings import CompressorSettings

JOBS = """\
# Copies of the ledger, asked for by the clerk
15 2 * * 1-5 ledger /srv/jobs/copy-ledger.sh --keep 30 --into /srv/copies/ledger
# Turn the logs of the weir
40 3 * * 0 root /usr/sbin/turnlogs /etc/turn.d/weir.conf /var/log/weir/gates.log
# Warm the shelves before the shop opens
5 7 * * * shop /srv/jobs/warm.sh --pages 200 --quiet
# Count the swans
30 18 * * 6 warden /srv/jobs/swans.sh --river north
"""


@pytest.fixture(scope="module")
def compressor(scorer, o200k) -> Compressor:
    return Compressor(scorer, o200k, CompressorSettings())


@pytest.mark.parametrize("query", ["When are the logs of the weir turned?", "When are the swans counted?"])
def test_a_line_is_not_entered_behind_its_begin(compressor: Compressor, query: str) -> None:
    context = compressor.read(JOBS)
    for budget in range(12, 80, 7):
        for span in context.compress(query, budget).spans:
            begin = span.end - len(span.text.lstrip())
            assert begin == 0 or JOBS[begin - 1] == "\n", (budget, span.text)


TABLE = "| boat | fee |\n| --- | --- |\n| skiff | 20 |\n| barge | 55 |\n| punt | 5 |\n"


@pytest.mark.parametrize("row", ["| skiff | 20 |", "| barge | 55 |", "| punt | 5 |"])
def test_a_piece_that_begins_with_a_line_break_is_of_the_row_behind_it(row: str) -> None:
    """Of some vocabularies a line break is a token by itself, and a piece may begin with it."""

    def score_pieces(request: Request, snap: SnapLevel, most_tokens: int) -> ChunkScores:
        text = request.sources[0].text
        edges = [0, *(at.start() for at in re.finditer(r"\n(?=\|)", text)), len(text)]
        pieces = tuple(Chunk(i, 0, a, b, 8) for i, (a, b) in enumerate(pairwise(edges)))
        scores = np.array([float(row in text[piece.start : piece.end]) for piece in pieces])
        return ChunkScores(pieces, scores, None)

    chunk = Chunk(0, 0, 0, len(TABLE), 40)
    start = best_start(Request((Source(TABLE),), "?"), chunk, snap="auto", score_pieces=score_pieces)
    assert TABLE[start:].startswith(row)


SHORT_ROWS = "| age | fare |\n| 6 | 3 |\n| 9 | 4 |\n| 11 | 5 |\n| 14 | 7 |\n"
FEATURE = "Feature: Ferry\n  Scenario Outline: Pupils\n    When a pupil of <age> boards\n    Examples:\n"


@pytest.mark.parametrize("before", ["Fares of the ferry\n\n", FEATURE], ids=["text", "feature"])
@pytest.mark.parametrize(("age", "row"), [(6, "| 6 | 3 |"), (9, "| 9 | 4 |"), (11, "| 11 | 5 |")])
def test_of_short_rows_the_one_that_is_named_is_taken(
    compressor: Compressor, before: str, age: int, row: str
) -> None:
    """Two or three of them are one piece, with the header or without."""
    context = compressor.read(before + SHORT_ROWS)
    for budget in (30, 34):
        assert row in context.compress(f"What does a pupil of {age} pay?", budget).text


BOATS = [
    ("Tern", "12", "tar", "Ann Quill"),
    ("Gull", "31", "oak", "Bo Marsh"),
    ("Auk", "57", "elm", "Cy Reed"),
]
FIELDS = ("Berth", "Hull", "Keeper")
SECTIONS = {
    "a.md": ("## {}\n\n", "- {}: {}\n"),
    "bold.md": ("**{}**\n\n", "{} {}  \n"),
    "a.rst": ("{}\n-----\n\n", ":{}: {}\n"),
    "terms.rst": ("{}\n", "    {} is {}\n"),
    "a.tex": ("\\section{{{}}}\n", "{}: {}.\\\\\n"),
    "labels.tex": ("\\item[{}]\n", "{}: {};\n"),
    "a.org": ("* {}\n", "- {} :: {}\n"),
}


@pytest.mark.parametrize("name", SECTIONS)
def test_a_field_that_a_question_names_is_kept_under_the_heading_that_it_names(
    compressor: Compressor, name: str
) -> None:
    heading, field = SECTIONS[name]
    text = "".join(
        heading.format(boat) + "".join(map(field.format, FIELDS, values)) + "\n" for boat, *values in BOATS
    )
    context = compressor.read(Source(text, name))
    for boat, *values in BOATS:
        for key, value in zip(FIELDS, values, strict=True):
            kept = context.compress(f"What is the {key.lower()} of the {boat}?", 30).text
            assert field.format(key, value).strip() in kept
            assert heading.format(boat).split("\n")[0] in kept


DEFINITIONS = {
    "boats.py": ("BOATS = {\n", '    "{}": {{\n', '        "{}": "{}",\n', "    },\n"),
    "boats.lua": ("return {\n", "  {} = {{\n", '    {} = "{}",\n', "  },\n"),
    "boats.sh": ("#!/bin/sh\n", "board_{}() {{\n", "  export {}='{}'\n", "}\n"),
    "boats.sql": ("", "CREATE TABLE {} (\n", "    {} TEXT DEFAULT '{}',\n", "    id INT\n);\n"),
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_of_a_definition_that_does_not_fit_the_line_that_is_asked_for_is_kept(
    compressor: Compressor, name: str
) -> None:
    opening, head, line, closing = DEFINITIONS[name]
    fields = ("berth", "hull", "keeper", "mast", "sail", "crew", "paint", "rope")
    text = opening + "".join(
        head.format(boat)
        + "".join(line.format(key, f"{key} {boat} {n}") for n, key in enumerate(fields))
        + closing
        for boat, *_ in BOATS
    )
    before: set[int] = set()
    context = compressor.read(Source(text, name))
    for budget in (40, 60, 90, 140, 200):
        found = context.compress("Which paint has the Gull?", budget)
        assert line.format("paint", "paint Gull 6").strip() in found.text
        assert head.format("Gull").strip() in found.text
        kept = {at for span in found.spans for at in range(span.start, span.end)}
        assert before <= kept
        before = kept
