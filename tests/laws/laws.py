"""Laws that hold for any input: ``test_laws.py`` tries a few cases, ``run.py`` very many."""

from __future__ import annotations

import gzip
import io
import json
import re
import tempfile
from dataclasses import asdict, fields
from itertools import pairwise
from pathlib import Path

import numpy as np
import orjson
import zstandard
from hypothesis import assume, given
from hypothesis import strategies as st

from longattncomp_cli.core.assembly.kept_spans import ChunkMap, merge_kept_spans
from longattncomp_cli.core.assembly.renderer import Renderer
from longattncomp_cli.core.batch.run import BatchOutputs, in_turn, run_batch
from longattncomp_cli.core.budget.amounts import parse_budget
from longattncomp_cli.core.checkpoint.config import CheckpointConfig, config_from_json
from longattncomp_cli.core.checkpoint.logistic import LogisticModel, calibrated
from longattncomp_cli.core.chunking.chunks import Chunk, Tokens
from longattncomp_cli.core.chunking.cutter import WHOLE_UNIT_CHUNKS, chunk_source
from longattncomp_cli.core.files import json_lines
from longattncomp_cli.core.files.encodings import decode
from longattncomp_cli.core.inputs.gather import InputFile
from longattncomp_cli.core.inputs.messages import flatten_messages, prompt_text
from longattncomp_cli.core.inputs.records import (
    FailedRecord,
    FieldNames,
    Record,
    parse_record,
    parse_spans,
    read_records,
)
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.chat_turns import find_turns
from longattncomp_cli.core.prompts.parser import parse_prompt
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.options import ScoringOptions
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.auto import AutoRule, num_chunks_to_keep
from longattncomp_cli.core.selection.keep_rules import KeepRules, find_required, parse_lines
from longattncomp_cli.core.selection.select import SelectionRule, select
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.core.text.structure.kinds import kind_of
from longattncomp_cli.core.text.structure.reader import structure_of
from longattncomp_cli.core.text.words import MAX_IDENTIFIERS, by_word, query_identifiers, word_at
from longattncomp_cli.errors import BudgetError, CheckpointError, InputError, LongAttnCompError, UsageError
from tests.support.texts import BYTES

PIECES = [
    *(
        "The cat sat. ",
        "naïve café ",
        "東京都。",
        "🙂",
        "e\u0301",
        "\u200b",
        "\u202e",
        "\x00",
        "\r\n",
        "\n",
        "\n\n",
        "\t",
        "  ",
    ),
    *(
        "def f(x):\n    return x\n",
        "class A:\n",
        "    ",
        "if x:\n",
        "@d\n",
        "# c\n",
        "}",
        "{",
        "(",
        '"',
        "'''",
        "fn a() {\n",
        "end\n",
    ),
    *(
        "# H\n",
        "## I\n",
        "| a | b |\n|---|---|\n",
        "| 1 | 2 |\n",
        "```\n",
        "---\n",
        "Ann: hi\n",
        "Bob: ho\n\n",
        "1,2\n",
        '{"a": [1, 2]}\n',
    ),
    *(
        "<|im_start|>user\n",
        "<|im_end|>",
        "[INST] ",
        "<|endoftext|>",
        "Question: why?\n",
        "Answer:",
        "<text>",
        "</text>",
        "Read this.\n\n",
    ),
    *(
        "- one thing\n",
        "  * nested. And more.\n",
        "Do these:\n\n",
        "1. first\n\n",
        "**Bold**\n\n",
        "Part\n----\n\n",
        "\\section{S}\n",
    ),
    *("What is it?", "[", "]", ",", ":", "a" * 50, "[...]", "==> x <==\n", "<!-- ", "&amp;"),
]
TEXTS = st.one_of(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.text(max_size=80))
NAMES = st.sampled_from(
    [
        "",
        "a.py",
        "a.js",
        "a.go",
        "a.rs",
        "a.c",
        "a.rb",
        "a.kt",
        "a.md",
        "a.json",
        "a.csv",
        "a.jsonl",
        "a.rst",
        "a.tex",
    ]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "context", "query", "prompt", "keep", "budget", "text", "role", "content", "x"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=9,
)


def token_starts(text: str) -> list[int]:
    """A tokenizer of our own: a token begins at every third character that is no white space."""
    return [i for i, char in enumerate(text) if not char.isspace()][::3]


@given(
    st.one_of(
        st.binary(max_size=60),
        JSON.map(lambda value: json.dumps(value).encode()),
        TEXTS.map(lambda t: t.encode("utf-8", "replace")),
    )
)
def a_line_is_a_record_or_an_error(line: bytes) -> None:
    made = parse_record(line, 7, "f", FieldNames())
    if isinstance(made, FailedRecord):
        assert made.error.message
        assert made.error.code
    else:
        assert any(source.text.strip() for source in made.sources)
        assert all(0 <= s < len(made.sources) and 0 <= a <= b for s, a, b in made.keep)


@given(JSON)
def json_comes_back_as_it_came(value: object) -> None:
    line = json_lines.dumps(value)
    assert line.count(b"\n") == 1
    assert json_lines.loads(line) == json.loads(json.dumps(value))


@given(TEXTS, st.sampled_from(["auto", "tail"]), st.integers(1, 30))
def a_prompt_is_split_without_loss(text: str, parser: str, tail_tokens: int) -> None:
    try:
        parsed = parse_prompt(text, parser=parser, tail_tokens=tail_tokens, token_starts=token_starts)  # type: ignore[arg-type]
    except InputError:
        return
    assert 0 <= parsed.context.start < parsed.context.end <= len(text)
    assert parsed.query.strip()
    request = Request((Source(text, context_region=parsed.context),), parsed.query)
    assert request.prefix + text[parsed.context.start : parsed.context.end] + request.suffix == text


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "system"]), TEXTS), min_size=1, max_size=5))
def nobody_speaks_but_the_roles_of_messages(messages: list[tuple[str, str]]) -> None:
    text = flatten_messages([{"role": role, "content": content} for role, content in messages])
    found = find_turns(text)
    assert found is not None
    assert [turn.role for turn in found[1]] == [role for role, _ in messages]
    assert prompt_text(text) == text


@given(TEXTS, NAMES)
def units_are_nested_and_inside_the_text(text: str, name: str) -> None:
    assert kind_of(text, name) == kind_of(text, name)
    structure = structure_of(text, name)
    if structure is None:
        return
    for unit in structure.units:
        assert 0 <= unit.start < unit.end <= len(text)
        assert unit.heading is None or unit.start <= unit.heading[0] < unit.heading[1] <= len(text)
    open_ends: list[int] = []
    for unit in structure.units:
        while open_ends and open_ends[-1] <= unit.start:
            open_ends.pop()
        assert not open_ends or unit.end <= open_ends[-1]
        open_ends.append(unit.end)
    for offset in range(0, len(text), 1 + len(text) // 20):
        around = structure.around(offset)
        assert around == [u for u in structure.units if u.start < offset < u.end]


@given(
    TEXTS,
    NAMES,
    st.sampled_from(["none", "word", "line", "sentence", "structure", "auto"]),
    st.integers(1, 12),
)
def chunks_are_a_partition(text: str, name: str, snap: str, chunk_tokens: int) -> None:
    starts = token_starts(text)
    tokens = Tokens(np.arange(len(starts)), np.array(starts, dtype=np.int64))
    source = Source(text, name)
    made = chunk_source(source, tokens, source_index=0, first_index=0, chunk_tokens=chunk_tokens, snap=snap)  # type: ignore[arg-type]
    assert "".join(text[c.start : c.end] for c in made.chunks) == text
    assert all(c.num_backbone_tokens <= chunk_tokens * WHOLE_UNIT_CHUNKS for c in made.chunks)
    assert all(c.start < c.end for c in made.chunks) or not text


def case_of(
    texts: list[tuple[str, str]], cuts: list[int], weights: list[float], sink: float | None
) -> tuple[ChunkScores, tuple[Source, ...]]:
    """A request of one or two sources cut anywhere, with any scores."""
    sources = tuple(Source(text + "end", name) for text, name in texts)
    chunks: list[Chunk] = []
    for number, source in enumerate(sources):
        edges = sorted({0, len(source.text), *(cut % len(source.text) for cut in cuts)})
        chunks += [Chunk(len(chunks) + i, number, a, b, b - a) for i, (a, b) in enumerate(pairwise(edges))]
    raw = np.array([weights[i % len(weights)] for i in range(len(chunks))]) + 1e-9
    rest = 1 - (sink or 0.0)
    return ChunkScores(tuple(chunks), raw / raw.sum() * rest, sink), sources


CASES = st.builds(
    case_of,
    st.lists(st.tuples(TEXTS, NAMES), min_size=1, max_size=2),
    st.lists(st.integers(0, 400), max_size=9),
    st.lists(st.floats(0, 1), min_size=1, max_size=7),
    st.none() | st.floats(0, 1),
)
MUST = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 300), st.integers(1, 60)), max_size=3)


@given(CASES, MUST)
def arranged_spans_cover_the_union_once(
    case: tuple[ChunkScores, tuple[Source, ...]], must: list[tuple[int, int, int]]
) -> None:
    scores, sources = case
    places = [(s % len(sources), a, a + n) for s, a, n in must]
    spans = [part for place in places for part in ChunkMap(scores.chunks).split_by_chunk(*place, "keep")]
    arranged = merge_kept_spans(spans, sources)
    wanted = {(s, i) for s, a, b in places for i in range(a, min(b, len(sources[s].text)))}
    found = [(span.chunk.source, i) for span in arranged for i in range(span.start, span.end)]
    assert len(found) == len(set(found))
    extra = set(found) - wanted
    assert wanted <= set(found)
    assert all(sources[s].text[i].isspace() for s, i in extra)
    assert merge_kept_spans(arranged, sources) == arranged


@given(
    CASES,
    MUST,
    st.booleans(),
    st.booleans(),
    st.sampled_from(["budget", "top-p", "threshold", "auto"]),
    st.integers(0, 2**32),
)
def the_budget_holds_and_more_of_it_keeps_more(
    case: tuple[ChunkScores, tuple[Source, ...]],
    must: list[tuple[int, int, int]],
    structured: bool,
    fill: bool,
    mode: str,
    anchor: int,
) -> None:
    scores, sources = case
    structures = tuple(s.structure for s in sources) if structured else ()
    places = tuple((s % len(sources), a, a + n) for s, a, n in must)
    # What is asked for in the texts' own words decides which of their lines come first.
    query = " ".join(" ".join(source.text for source in sources).split()[anchor % 5 :: 5])
    renderer = Renderer(
        Request(sources, query), scores.chunks, "\n[...]\n", BYTES, structures=structures, required=places
    )
    rule = SelectionRule(mode=mode, fill=fill)  # type: ignore[arg-type]
    before: set[tuple[int, int]] = set()
    most = renderer.original_tokens + 2
    for budget in sorted({1, most, *(1 + anchor * k % most for k in (1, 7, 31, 101))}):
        try:
            kept = select(scores, rule, renderer, budget, lambda c: c.start + anchor % (c.end - c.start)).kept
        except BudgetError as error:
            assert not before
            assert error.exit_code == 6
            continue
        text = renderer.render(kept)
        assert BYTES.count(text) <= budget
        rest = text
        for span in kept:
            piece = sources[span.chunk.source].text[span.start : span.end]
            assert piece
            assert piece in rest
            rest = rest[rest.index(piece) + len(piece) :]
        now = {(span.chunk.source, i) for span in kept for i in range(span.start, span.end)}
        assert len(now) == sum(span.end - span.start for span in kept)
        assert before <= now
        assert {(s, i) for s, a, b in places for i in range(a, min(b, len(sources[s].text)))} <= now
        before = now


CODE = st.lists(
    st.sampled_from([piece for piece in PIECES if "\n" in piece or piece in "@d(){}"]),
    min_size=1,
    max_size=12,
).map("".join)
CODE_CASES = st.builds(
    case_of,
    st.lists(
        st.tuples(CODE, st.sampled_from(["a.py", "a.js", "a.kt", "a.md", "a.rst"])), min_size=1, max_size=2
    ),
    st.lists(st.integers(0, 400), max_size=9),
    st.lists(st.floats(0, 1), min_size=1, max_size=7),
    st.none() | st.floats(0, 1),
)


@given(
    CODE_CASES,
    st.booleans(),
    st.sampled_from(["\n[...]\n", "\n// omitted\n", "", " | "]),
    st.sampled_from(["", "Be brief."]),
    st.integers(0, 2**32),
)
def a_tiny_budget_keeps_something_or_names_one_that_does(
    case: tuple[ChunkScores, tuple[Source, ...]], fill: bool, separator: str, instruction: str, anchor: int
) -> None:
    scores, sources = case
    request = Request(sources, "q", instruction=instruction)
    renderer = Renderer(
        request, scores.chunks, separator, BYTES, structures=tuple(s.structure for s in sources)
    )

    def kept_within(budget: int) -> set[tuple[int, int]]:
        kept = select(
            scores, SelectionRule(fill=fill), renderer, budget, lambda c: c.start + anchor % (c.end - c.start)
        ).kept
        assert BYTES.count(renderer.render(kept)) <= budget
        return {(span.chunk.source, i) for span in kept for i in range(span.start, span.end)}

    before: set[tuple[int, int]] = set()
    for budget in range(1, 48):
        try:
            now = kept_within(budget)
            assert now
            assert before <= now
            before = now
        except BudgetError as error:
            # A character has at most four bytes, each a token; no mark or heading may be in its way.
            assert not before
            assert not fill or budget < renderer.fixed_tokens + 4
            assert error.exit_code == 6
            named = re.search(r"use --budget (\d+) or more", error.hint)
            assert named
            assert int(named[1]) > budget
            assert kept_within(int(named[1]))
            if "drop --no-fill" in error.hint:
                assert select(scores, SelectionRule(), renderer, budget).kept


PATTERNS = st.lists(
    st.sampled_from(
        [
            "a",
            "\\w",
            "+",
            "*",
            "?",
            "(",
            ")",
            "|",
            "[",
            "]",
            "^",
            "$",
            ".",
            "{2,9}",
            "{999}",
            "東",
            "\\",
            "(?i)",
            "\n",
            "(?P<x>",
            "\\pL",
        ]
    ),
    max_size=8,
).map("".join)


@given(
    TEXTS,
    st.lists(PATTERNS, max_size=2),
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(0, 50),
    st.integers(0, 50),
)
def kept_spans_lie_in_the_context(
    text: str, patterns: list[str], head: int, tail: int, low: int, high: int
) -> None:
    region = Span(min(low, len(text)), max(min(low, len(text)), len(text) - high))
    request = Request((Source(text, "n", context_region=region),), "q")
    try:
        rules = KeepRules(patterns=tuple(patterns), head_tokens=head, tail_tokens=tail)
        spans = find_required(request, rules, BYTES).spans
    except UsageError:
        return
    assert not spans or region.start < region.end
    assert all(s == 0 and region.start <= a < b <= region.end for s, a, b in spans)


@given(st.one_of(st.text(max_size=12), st.from_regex(r"-?\d{0,3}[.:]?\d{0,3}[kKmM%]?", fullmatch=True)))
def budgets_and_line_ranges_are_read_or_refused(written: str) -> None:
    try:
        amount = parse_budget(written)
        assert amount >= 1 if isinstance(amount, int) else 0 < amount <= 1
    except UsageError as error:
        assert error.hint
    try:
        lines = parse_lines(written)
        assert 1 <= lines.first <= (lines.last or lines.first)
    except UsageError as error:
        assert error.hint


@given(JSON)
def a_keep_field_is_spans_or_an_error(value: object) -> None:
    try:
        spans = parse_spans(value, 2, "f:1")
    except InputError:
        return
    assert all(0 <= s < 2 and 0 <= a <= b for s, a, b in spans)


@given(
    st.lists(st.sampled_from(["ok", "bad", "longer " * 9]), min_size=1, max_size=6),
    st.floats(0, 1),
    st.booleans(),
)
def a_batch_that_was_cut_anywhere_resumes_to_the_same_bytes(
    kinds: list[str], place: float, garbage: bool
) -> None:
    records = [Record(i, (Source(kind),), False, "q", "", None, {}) for i, kind in enumerate(kinds)]

    def process(record: Record) -> tuple[dict[str, object], None]:
        if record.sources[0].text == "bad":
            raise InputError("no", code="bad")
        return {"id": record.id, "settings": "s", "text": record.sources[0].text}, None

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.jsonl"

        def run(*, resume: bool) -> bytes:
            outputs = BatchOutputs(output=path, report=None, overwrite=False, resume=resume, settings="s")
            run_batch(list(records), in_turn(process), outputs, io.BytesIO())  # type: ignore[arg-type]
            return path.read_bytes()

        whole = run(resume=False)
        path.unlink()
        cut = whole[: round(place * len(whole))] + (b'{"id": 1, "to' if garbage else b"")
        assume(b"\n" in cut or not garbage)
        torn = cut[: cut.rfind(b"\n") + 1] + (b'{"torn' if garbage else cut[cut.rfind(b"\n") + 1 :])
        Path(f"{path}.partial").write_bytes(torn)
        assert run(resume=True) == whole


@given(st.lists(st.floats(-20, 20), min_size=2, max_size=20), st.floats(1e-3, 50), st.floats(-50, 50))
def calibration_keeps_the_order(evidence: list[float], slope: float, offset: float) -> None:
    model = LogisticModel(weights={"sink": slope}, offset=offset)
    values = [calibrated(0.5, model, {"sink": value}) for value in sorted(evidence)]
    assert values == sorted(values)
    assert all(0 <= value <= 1 for value in values)


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=30),
    st.none() | st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(1, 40),
)
def the_adaptive_rule_takes_some(
    raw: list[float], sink: float | None, ratio: float, mass: float, spread: float
) -> None:
    ranked = np.array(sorted(raw, reverse=True))
    limit = num_chunks_to_keep(
        ranked, sink, AutoRule(stop_ratio=ratio, stop_min_mass=mass, max_perplexity=spread)
    )
    assert 1 <= limit <= len(ranked)


@given(st.one_of(st.binary(max_size=80), TEXTS.map(lambda t: t.encode("utf-8", "replace"))))
def bytes_are_text_or_an_error(raw: bytes) -> None:
    try:
        assert decode(raw, "f").encode() == raw
    except InputError as error:
        assert error.code in ("binary", "not-utf8")


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["context", "id", "x"]), st.text(max_size=9), max_size=3), max_size=5
    ),
    st.sampled_from([".gz", ".zst", ""]),
    st.floats(0, 1),
    st.integers(0, 255),
)
def a_damaged_archive_never_gives_other_records(
    values: list[dict[str, str]], suffix: str, place: float, byte: int
) -> None:
    raw = b"".join(orjson.dumps(value) + b"\n" for value in values)
    packed = {".gz": gzip.compress, ".zst": zstandard.compress, "": bytes}[suffix](raw)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"in.jsonl{suffix}"
        file = InputFile(path, named=True)

        def read() -> list[object]:
            return [
                getattr(record, "sources", None) for record in read_records([file], FieldNames(), io.BytesIO)
            ]

        path.write_bytes(packed)
        whole = read()
        assert len(whole) == len(values)
        cut = packed[: round(place * len(packed))]
        path.write_bytes(cut)
        try:
            part = read()
            assert len(part) <= len(whole)
            assert part[:-1] == whole[: max(0, len(part) - 1)] or not suffix
        except LongAttnCompError as error:
            assert error.exit_code == 3
        path.write_bytes(cut + bytes([byte]) + packed[len(cut) + 1 :])
        try:
            read()
        except LongAttnCompError as error:
            assert error.exit_code == 3


CONFIG = {
    "name": "tiny",
    "backbone": {"id": "nowhere/tiny", "sha256": "0" * 64},
    "layers": [1, 0],
    "width": 4,
    "head_width": 4,
    "hops": 2,
    "exact_match_weight": 0.3,
    "propagation_decay": 0.4,
    "calibration": {"version": 2, "weights": {"sink": 0.5, "similarity_1": 1.0}, "offset": 1.0},
    "format_version": 2,
}
CONFIG_KEYS = st.sampled_from(
    [
        *(field.name for field in fields(CheckpointConfig)),
        *("backbone.id", "backbone.kind", "backbone.x", "calibration.weights", "calibration.offset"),
        *("calibration.version", "format_version", "x"),
    ]
)
CONFIG_VALUES = st.one_of(
    JSON,
    st.sampled_from(
        [True, False, None, 0, 1, -1, 4, 99, 1.0, 0.5, 1e9, "", "log", "none", "full", [0], [1, 2]]
    ),
    st.dictionaries(
        st.sampled_from(["sink", "similarity_0", "similarity_9", "similarity_0", "x"]), JSON, max_size=2
    ),
)


@given(TEXTS | st.text(max_size=300))
def identifiers_stand_in_the_query_each_once(query: str) -> None:
    names = query_identifiers(query)
    assert len(set(names)) == len(names) <= MAX_IDENTIFIERS
    assert all(name and name in query for name in names)


@given(TEXTS | st.text(max_size=80), st.data())
def tokens_fall_into_words_in_order(text: str, data: st.DataObject) -> None:
    places = st.integers(0, max(0, len(text) - 1))
    starts = sorted(data.draw(st.sets(places, max_size=20))) if text else []
    found = list(by_word(text, [-1, *starts]))
    assert found[0] == ((-1, -1), [0])
    assert [number for _, numbers in found for number in numbers] == list(range(len(starts) + 1))
    for (start, end), numbers in found[1:]:
        assert start < end
        assert all(start <= starts[number - 1] for number in numbers)
        assert word_at(text, starts[numbers[0] - 1]) == (start, end)


@given(st.dictionaries(CONFIG_KEYS, CONFIG_VALUES, max_size=3), st.none() | CONFIG_KEYS)
def a_config_can_be_used_or_is_refused(changes: dict[str, object], gone: str | None) -> None:
    raw = json.loads(json.dumps(CONFIG))
    for key, value in changes.items():
        name, _, inner = key.partition(".")
        if inner and isinstance(raw.get(name), dict):
            raw[name][inner] = value
        elif not inner:
            raw[name] = value
    raw.pop(gone, None)
    try:
        config = config_from_json(raw)
    except CheckpointError as error:
        assert len(error.message.split()) > 2
        return
    ScoringOptions.of(config)
    written = json.loads(json.dumps(asdict(config)))
    assert config_from_json(written) == config


PROPERTIES = (
    a_line_is_a_record_or_an_error,
    json_comes_back_as_it_came,
    a_prompt_is_split_without_loss,
    nobody_speaks_but_the_roles_of_messages,
    units_are_nested_and_inside_the_text,
    chunks_are_a_partition,
    arranged_spans_cover_the_union_once,
    the_budget_holds_and_more_of_it_keeps_more,
    a_tiny_budget_keeps_something_or_names_one_that_does,
    kept_spans_lie_in_the_context,
    budgets_and_line_ranges_are_read_or_refused,
    a_keep_field_is_spans_or_an_error,
    a_batch_that_was_cut_anywhere_resumes_to_the_same_bytes,
    calibration_keeps_the_order,
    the_adaptive_rule_takes_some,
    bytes_are_text_or_an_error,
    a_damaged_archive_never_gives_other_records,
    a_config_can_be_used_or_is_refused,
    identifiers_stand_in_the_query_each_once,
    tokens_fall_into_words_in_order,
)
