"""Of a table, rows are kept whole, under the names of their columns; a question that names one finds it."""

from __future__ import annotations

import random

import pytest

from longattncomp_cli.core.chunking.cutter import WHOLE_UNIT_CHUNKS, chunk_source
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.settings import CompressorSettings
from tests.benchmarks.table_formats import FORMATS, OTHER_FORMATS, STYLES, lookups, wide_lookups
from tests.support.scorers import remembering

ALL = FORMATS | OTHER_FORMATS


@pytest.fixture(scope="module")
def compressor(scorer, o200k) -> Compressor:
    return Compressor(remembering(scorer), o200k, CompressorSettings())


@pytest.mark.parametrize("form", ALL)
def test_a_chunk_of_a_table_begins_and_ends_where_rows_do(scorer, form: str) -> None:
    write, suffix, num_columns = ALL[form]
    text, _, rows = write(STYLES["orders"](random.Random(1), num_columns))
    source = Source(text, f"x{suffix}")
    tokens = scorer.backbone.tokenize([text])[0]
    chunks = chunk_source(source, tokens, source_index=0, first_index=0, chunk_tokens=128, snap="auto").chunks
    assert "".join(text[chunk.start : chunk.end] for chunk in chunks) == text
    assert all(chunk.num_backbone_tokens <= 128 * WHOLE_UNIT_CHUNKS for chunk in chunks)
    for row in rows:
        at = text.index(row)
        inside = [chunk.start for chunk in chunks if at < chunk.start < at + len(row)]
        assert not inside or text[at : inside[-1]].isspace()
    # The header is a chunk of its own: it has the words of every question about its columns.
    assert any(row in text[chunk.start : chunk.end] for chunk in chunks for row in rows[:1])
    if form not in ("json", "jsonl", "sql-statements"):
        assert rows[0] not in text[chunks[0].start : chunks[0].end]


def test_a_small_table_is_one_chunk_and_text_around_it_is_cut_as_ever(scorer) -> None:
    words = "The first pier was built of oak. It stood for forty years. " * 6
    table = "| pier | wood |\n|---|---|\n| north | oak |\n| south | elm |\n"
    text = f"{words}\n\n{table}\n{words}"
    tokens = scorer.backbone.tokenize([text])[0]
    for snap in ("auto", "structure"):
        chunks = chunk_source(
            Source(text), tokens, source_index=0, first_index=0, chunk_tokens=96, snap=snap
        ).chunks
        assert any(table in text[chunk.start : chunk.end] for chunk in chunks)


@pytest.mark.parametrize("form", FORMATS)
def test_the_row_that_is_asked_for_is_kept_whole_with_its_header(compressor, form: str) -> None:
    asked = list(lookups("stations", 5, form, num_rows=12))
    for lookup in asked[4::20]:
        result = compressor.compress(Source(lookup.text, lookup.name), lookup.question, 160)
        assert result.num_tokens <= 160
        assert lookup.row in result.text
        assert all(part in result.text for part in lookup.header)


@pytest.mark.parametrize("form", ["wide-csv", "wide-markdown"])
def test_of_wide_tables_no_pieces_of_rows_are_kept(compressor, form: str) -> None:
    lookup = next(wide_lookups("orders", 6, form, num_rows=20))
    result = compressor.compress(Source(lookup.text, lookup.name), lookup.question, 900)
    lines = [line.strip() for line in result.text.splitlines() if line.strip() and "[..." not in line]
    assert lookup.row in lines
    assert all(part.strip() in lines for part in lookup.header)
    assert set(lines) <= lookup.rows


def test_more_budget_keeps_more_rows_and_a_row_larger_than_the_budget_is_cut(compressor) -> None:
    lookup = next(lookups("stations", 7, "csv", num_rows=30))
    source = Source(lookup.text, lookup.name)
    before: set[int] = set()
    for budget in (8, 30, 64, 90, 130, 200, 400, 800):
        result = compressor.compress(source, lookup.question, budget)
        assert result.num_tokens <= budget
        now = {at for span in result.selection.kept for at in range(span.start, span.end)}
        assert before <= now
        assert now
        before = now


def test_numbers_are_found_with_and_without_commas(compressor) -> None:
    text = "lot,buyer,paid\n" + "".join(f'"{21000 + 17 * n:,}",Buyer {n},{n * 31}\n' for n in range(60))
    for written in ("21527", "21,527"):
        result = compressor.compress(Source(text, "lots.csv"), f"What was paid for lot {written}?", 60)
        assert '"21,527",Buyer 31,961' in result.text
