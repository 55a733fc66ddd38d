"""What must stay stays, is charged to the budget first, and never hangs or doubles anything."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import orjson
import pytest

from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.records import parse_spans
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.selection import keep_rules
from longattncomp_cli.core.selection.keep_rules import KeepRules, find_required, parse_lines
from longattncomp_cli.core.settings import CompressorSettings
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.errors import BudgetError, InputError, UsageError
from tests.support.cli import invoke
from tests.support.scorers import remembering

TEXT = (
    "Title — 東京\n\n" + "".join(f"Line {i} says nothing. It goes on.\n" for i in range(160)) + "The end.\n"
)


def kept_of(text: str, o200k, **rules: object) -> list[str]:
    request = Request((Source(text, "a/b.txt"),), "q")
    return [text[start:end] for _, start, end in find_required(request, KeepRules(**rules), o200k).spans]


def test_every_line_with_a_match_is_kept(o200k) -> None:
    assert kept_of(TEXT, o200k, patterns=("^Line 7 ", r"\d59 says")) == [
        "Line 7 says nothing. It goes on.",
        "Line 159 says nothing. It goes on.",
    ]
    assert kept_of(TEXT, o200k, patterns=("東",)) == ["Title — 東京"]
    assert kept_of(TEXT, o200k, patterns=("(?s)京.*Line 0",)) == [
        "Title — 東京\n\nLine 0 says nothing. It goes on."
    ]
    assert kept_of(TEXT, o200k, patterns=("", "x*")) == []


def test_of_a_very_long_line_the_sentence_is_kept(o200k) -> None:
    text = "A filler of words. " * 200 + "The key is here. " + "More filler. " * 200
    assert kept_of(text, o200k, patterns=("key",)) == ["The key is here."]


@pytest.mark.parametrize(
    ("written", "kept"),
    [("1:1", "Title — 東京"), ("1", "Title — 東京"), ("163:", "The end."), ("b.txt:163:900", "The end.")],
)
def test_lines_count_from_one_and_both_ends_belong(o200k, written: str, kept: str) -> None:
    assert kept_of(TEXT, o200k, lines=(parse_lines(written),)) == [kept]


def test_lines_of_another_file_are_not_meant(o200k) -> None:
    assert kept_of(TEXT, o200k, lines=(parse_lines("c.txt:1:3"),)) == []
    assert kept_of(TEXT, o200k, lines=(parse_lines(":3"),)) == [TEXT[: TEXT.index("\nLine 1")]]


@pytest.mark.parametrize("written", ["", ":", "a", "3:1", "0:2", "1:2:3x", "-1", "x:", "1-3"])
def test_what_is_no_range_of_lines_is_refused(written: str) -> None:
    with pytest.raises(UsageError):
        parse_lines(written)


def test_both_ends_by_tokens(o200k) -> None:
    assert kept_of(TEXT[:-1], o200k, tail_tokens=2) == ["end."]
    for num_tokens in (9, 17, 100):
        head, tail = kept_of(TEXT, o200k, head_tokens=num_tokens, tail_tokens=num_tokens)
        assert TEXT.startswith(head)
        assert TEXT.endswith(tail)
        for part in (head, tail):
            assert num_tokens - 8 <= o200k.count(part) <= num_tokens
    sources = tuple(Source(text) for text in ("One. ", "Two. ", "Three words here."))
    spans = find_required(
        Request(sources, "q"), KeepRules(tail_tokens=o200k.count("Three words here.") + 1), o200k
    ).spans
    assert spans[-1] == (2, 0, len("Three words here."))


def test_only_the_context_of_a_prompt_is_searched(o200k) -> None:
    source = Source("ask me\nbody ask\nask me", context_region=Span(7, 15))
    assert find_required(Request((source,), "q"), KeepRules(patterns=("ask",)), o200k).spans == ((0, 7, 15),)


def test_line_ends_of_every_system_are_line_ends_to_patterns(o200k) -> None:
    lines = ["One boat.", "Two boats é.", "", "Three boats."]
    for end in ("\n", "\r\n", "\r"):
        for last in ("", end):
            text = end.join(lines) + last
            for pattern, kept in {
                r"boats é\.$": [lines[1]],
                r"^Three": [lines[3]],
                r"^One.*\.$": [lines[0]],
                r"boat\.$\n^Two": [f"{lines[0]}{end}{lines[1]}"],
                r"^$": [],
            }.items():
                assert kept_of(text, o200k, patterns=(pattern,)) == kept, (end, pattern)
            assert kept_of(text, o200k, lines=(parse_lines("2"),)) == [lines[1]]
    assert kept_of("a\r\nb", o200k, patterns=(r"a\r$",)) == ["a\r"]


def test_a_rule_that_holds_nothing_is_named(o200k) -> None:
    request = Request((Source("One.\nTwo.\n", "a.txt"), Source("Three.\n", "b.txt")), "q")
    rules = KeepRules(
        patterns=("Two", "absent", "Three"),
        lines=tuple(parse_lines(written) for written in ("2", "3:", "b.txt:1", "b.txt:2:9", "c.txt:1:2")),
    )
    assert find_required(request, rules, o200k).unmatched == (
        "--keep 'absent' matches no line",
        "--keep-lines 3:: the text ends with line 2",
        "--keep-lines b.txt:2:9: the text ends with line 1",
        "--keep-lines c.txt:1:2: no input is called 'c.txt'",
    )


EVIL = [
    "(a+)+$",
    "((((a{1000}){1000}){1000}){1000})",
    "(a|aa)+$",
    "(?:a?){30}a{30}",
    "(?s)a.*b|a",
    "(.*)*x",
    "(?=a)",
]
EVIL += ["(" * 5000, "a{99999999}", r"(a)\1", "[", "*", "\ud800", "(?i)ſ|K", "\\C", "(\\pL{99}){9}"]


@pytest.mark.parametrize("pattern", EVIL, ids=[str(i) for i in range(len(EVIL))])
def test_no_pattern_hangs_or_eats_memory(o200k, pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep_rules, "SEARCH_SECONDS", 1.0)
    started = time.process_time()
    try:
        kept_of("a" * 100_000 + "\ud800é\n", o200k, patterns=(pattern,))
    except UsageError as error:
        assert error.exit_code == 2
        assert error.hint
    assert time.process_time() - started < 10


def test_the_budget_pays_for_what_must_stay_first(scorer, o200k) -> None:
    source = Source(TEXT)
    rules = KeepRules(patterns=("^Line 150 ",), lines=(parse_lines("1"),))
    before: set[int] = set()
    scorer = remembering(scorer)
    for budget in (40, 60, 200, 900):
        settings = CompressorSettings(budget=budget, keep=rules)
        result = Compressor(scorer, o200k, settings).compress(Request((source,), "What does line 20 say?"))
        assert result.num_tokens == o200k.count(result.text) <= budget
        assert "Line 150 says nothing. It goes on." in result.text
        assert result.text.startswith("Title — 東京")
        spans = result.selection.kept
        assert all(a.end <= b.start for a, b in pairwise(spans))
        assert before <= {i for span in spans for i in range(span.start, span.end)}
        before = {i for span in spans for i in range(span.start, span.end)}
        assert any(span.reason == "keep" for span in spans) or budget == 900
    with pytest.raises(BudgetError, match="kept spans have") as caught:
        Compressor(scorer, o200k, CompressorSettings(budget=9, keep=rules)).compress(Request((source,), "x"))
    needed = int(caught.value.message.split("have ")[1])
    Compressor(scorer, o200k, CompressorSettings(budget=needed, keep=rules)).compress(Request((source,), "x"))


def test_spans_of_a_record() -> None:
    spans = parse_spans([[0, 3], {"start": 4, "end": 9}, {"source": 1, "start": 0, "end": 0}], 2, "f:1")
    assert spans == ((0, 0, 3), (0, 4, 9), (1, 0, 0))
    for bad in (
        [[0]],
        {"start": 0},
        [[1, 0]],
        [[-1, 2]],
        [["a", 2]],
        [[0, True]],
        [{"source": 2, "start": 0, "end": 1}],
    ):
        with pytest.raises(InputError):
            parse_spans(bad, 2, "f:1")


def test_records_and_flags_reach_the_output(tmp_path: Path) -> None:
    record = {"id": "a", "context": TEXT, "query": "line 20", "keep": [[0, 5]]}
    lines = [
        orjson.dumps(record),
        orjson.dumps({**record, "keep": [[0, 10**9]]}),
        orjson.dumps({**record, "keep": 3}),
    ]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(lines))
    args = ["compress", str(tmp_path / "in.jsonl"), "-b", "50", "--keep", "^The end"]
    result = invoke(*args)
    first, beyond, wrong = (orjson.loads(line) for line in result.stdout.splitlines())
    assert result.exit_code == 3
    assert first["compressed"].startswith("Title")
    assert first["compressed"].endswith("The end.")
    assert {"keep"} == {span["reason"] for span in first["selection"]["spans"] if "reason" in span}
    assert beyond["error"]["code"] == wrong["error"]["code"] == "bad-field"
