"""What is pointed to is found by number and rises behind what points; the newest entry by date or version."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from longattncomp_cli.core.assembly.renderer import DEFAULT_SEPARATOR, Renderer
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.results.warnings import find_warnings
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.pointers import entry_asked, follow_pointers
from longattncomp_cli.core.selection.select import SelectionRule, select
from longattncomp_cli.core.settings import CompressorSettings
from longattncomp_cli.core.text.order_words import end_of_order, entries, order_asked
from longattncomp_cli.core.text.pointers import pointers, targets
from longattncomp_cli.errors import BudgetError
from tests.support.texts import BYTES


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("at the rate in section 11.5, unless Clause 9.2 says more", ["section 11.5", "section 9.2"]),
        ("see Sections 4.1 and 4.2.", ["section 4.1", "section 4.2"]),
        ("see Table 3; cf. Fig. 2 and Appendix B", ["table 3", "fig 2", "appendix B"]),
        ("under § 12 and art. 5", ["section 12", "section 5"]),
        ("a section of 9 men at table twelve", []),
        ("section 9.2(b)", ["section 9.2"]),
        ("\t- waiting to lock <0x00af> (a Pier)\n\t- locked <0x00bf> (a Mole)", ["lock 0x00af"]),
        ("\t- parking to wait for  <0x00af> (a Pier)", ["lock 0x00af"]),
    ],
)
def test_pointers_are_read(text: str, keys: list[str]) -> None:
    assert list(pointers(text)) == keys


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("9.2 Such an event is a flood.", "section 9.2"),
        ("## 9.2 Events", "section 9.2"),
        ("Section 9.2: Events", "section 9.2"),
        ("§ 12 Events", "section 12"),
        ("**Table 3.** Limits", "table 3"),
        ("Figure 2: the mill", "fig 2"),
        ("Appendix B", "appendix B"),
        ("\t- locked <0x00af> (a Pier)", "lock 0x00af"),
    ],
)
def test_a_target_is_a_line_that_begins_with_its_number(line: str, key: str, end: str) -> None:
    text = f"It is said in Table 3 and in 9.2 above.{end}{end}{line}{end}"
    assert targets(text, 0, len(text))[key] == [text.index(line)]
    assert key not in targets(text, 0, text.index(line))


def case(*texts: str, query: str = "q") -> tuple[ChunkScores, Renderer]:
    """One source, a chunk a text, the first is the best."""
    source = Source("\n\n".join(texts))
    starts = [0]
    for text in texts[1:]:
        starts.append(source.text.index(text, starts[-1]))
    chunks = tuple(
        Chunk(i, 0, a, b, (b - a) // 4) for i, (a, b) in enumerate(pairwise([*starts, len(source.text)]))
    )
    scores = np.arange(len(chunks), 0, -1, dtype=np.float64)
    renderer = Renderer(Request((source,), query), chunks, DEFAULT_SEPARATOR, BYTES)
    return ChunkScores(chunks, scores / scores.sum() / 2, 0.5), renderer


def test_targets_rise_behind_what_points_to_them_and_no_further() -> None:
    scores, renderer = case(
        "1.1 Late delivery is paid as in clause 3.2 and in Table 7.",
        "1.2 Nothing else is said here.",
        "1.3 Nothing either.",
        "3.2 The rate is that of clause 5.1.",
        "5.1 The rate is low.",
        "Table 7: rates",
    )
    pointed = follow_pointers(scores, renderer.request)
    assert pointed.order.tolist() == [0, 3, 5, 1, 2, 4]
    assert pointed.raised == {3: 0, 5: 0}
    rule = SelectionRule(mode="top-p", top_p=0.2)
    taken = [span.chunk.index for span in select(scores, rule, renderer, None).kept]
    assert taken == [0, 3, 5]


def test_pointers_to_nothing_and_to_themselves_change_nothing() -> None:
    scores, renderer = case("2.1 See section 2.1, Table 9 and section 8.8.", "2.2 Water.", "3 Fire.")
    assert follow_pointers(scores, renderer.request).order.tolist() == [0, 1, 2]


def test_a_larger_budget_keeps_a_superset_of_what_is_pointed_to() -> None:
    rng = random.Random(3)
    for _ in range(8):
        water = ["Water runs. " * rng.randrange(9) for _ in range(8)]
        texts = [f"{n + 1}.1 See section {rng.randrange(1, 9)}.1. {each}" for n, each in enumerate(water)]
        scores, renderer = case(*texts)
        before: set[int] = set()
        for budget in range(2, renderer.original_tokens + 2, rng.randrange(5, 30)):
            try:
                kept = select(scores, SelectionRule(), renderer, budget).kept
            except BudgetError:
                continue
            assert renderer.count(kept) <= budget
            now = {i for span in kept for i in range(span.start, span.end)}
            assert before <= now
            before = now
        assert before


MARKDOWN = (
    "# Changes\n\n## [2.10.0] - 2021-05-04\n\n- a\n\n"
    "## [2.9.1] - 2021-06-01\n\n- b\n\n## [2.9.0] - 2020-01-01\n"
)
PLAIN = "mill 1.2\n--------\n\n* a\n\nmill 1.10\n---------\n\n* b\n\nVersion 1.9\n"


def test_the_newest_is_the_latest_date_or_the_highest_version() -> None:
    found = entries(MARKDOWN, 0, len(MARKDOWN))
    assert MARKDOWN[end_of_order(found, "newest").start :].startswith("## [2.9.1]")
    assert MARKDOWN[end_of_order(found, "oldest").start :].startswith("## [2.9.0]")
    undated = MARKDOWN.replace(" - 2020-01-01", "")
    assert undated[end_of_order(entries(undated, 0, len(undated)), "newest").start :].startswith("## [2.10")


def test_numbered_sections_and_sentences_are_no_entries() -> None:
    for text in (
        "1.1 Scope\n\n1.2 Terms\n\n2.1 Fees\n\n2.2 Rates\n",
        "1.5 litres of water are enough for a day in the mill.\n" * 4,
        MARKDOWN[: MARKDOWN.index("## [2.9.0]")],
        PLAIN,
        "",
    ):
        assert not entries(text, 0, len(text))


def test_the_newest_entry_comes_first_where_it_is_asked_for_and_else_is_warned_of() -> None:
    parts = MARKDOWN.split("\n\n## ")
    texts = [parts[0], *(f"## {part}" for part in parts[1:])]
    scores, renderer = case(*texts, query="What came with the latest release?")
    kept = select(scores, SelectionRule(), renderer, 32).kept
    assert [span.chunk.index for span in kept] == [2]
    assert not find_warnings(renderer.request, scores)
    scores, renderer = case("The mill burnt down.", "It was built again.", query="What was the last event?")
    assert entry_asked(renderer.request) is None
    (warning,) = find_warnings(renderer.request, scores)
    assert warning.code == "order-words"
    assert "'last'" in warning.message


def test_words_of_order_are_told_from_plain_ones() -> None:
    assert order_asked("Who was the first miller of Varde?") is None
    assert order_asked("How much did the last two winters cost?") is None
    assert order_asked("what is the NEWEST one") == ("newest", "NEWEST")
    assert order_asked("Which was the very first version?") == ("oldest", "very first")


def test_a_correction_of_what_is_asked_for_comes_before_filler(scorer, o200k) -> None:
    filler = "The mill has two wheels and a loft for the swifts. "
    text = (
        "# The mill\n\n## Hours\n\nThe mill opens at seven on Mondays. " + filler * 3 + "\n\n"
        "## Bread\n\nThe loaves are of rye, and the oven is of clay. " + filler * 3 + "\n\n"
        "## Later\n\nCorrection of 3 June: the mill opens at nine on Mondays, not at seven.\n"
    )
    context = Compressor(scorer, o200k, CompressorSettings()).read(Source(text, "mill.md"))
    before: set[int] = set()
    for budget in (44, 60, 90, 120):
        found = context.compress("When does the mill open on Mondays?", budget)
        assert found.num_tokens <= budget
        assert "opens at nine" in found.text
        kept = {at for span in found.spans for at in range(span.start, span.end)}
        assert before <= kept
        before = kept
