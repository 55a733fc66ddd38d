"""What ``bench`` measures with the method longattncomp is what ``compress`` keeps, span by span."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from longattncomp_cli.benchmark.measuring.measure import places_of, rows_of
from longattncomp_cli.benchmark.methods.registry import MethodChoice, build_methods
from longattncomp_cli.benchmark.setup.settings import UNBUDGETED, BenchSettings
from longattncomp_cli.benchmark.setup.workbench import Workbench
from longattncomp_cli.benchmark.tasks.longbench import record_item
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.records import FieldNames, parse_record
from longattncomp_cli.core.scoring.options import ScoringOptions
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.core.selection.select import SelectionRule
from longattncomp_cli.core.settings import CompressorSettings
from longattncomp_cli.data.readers.json_records import Record
from longattncomp_cli.errors import BudgetError

NOUNS = (
    "harbour",
    "lamp",
    "ferry",
    "ledger",
    "jetty",
    "crane",
    "pilot",
    "tide",
    "cargo",
    "rope",
    "key",
    "oil",
)
KEY = "the spare key is kept under the third stone"
QUERIES = (
    "Where is the spare key kept?",
    "What does the lamp burn, and who signed the ledger?",
    "Which function adds the tide to the level?",
    "  Who is the pilot?\n",
)
BUDGETS = ("8", "30", "60", "12.5%", "150", "45%", "100%")


def prose(rng: random.Random, sentences: int) -> str:
    made = [
        f"The {rng.choice(NOUNS)} of the {rng.choice(NOUNS)} was left with the {rng.choice(NOUNS)} in {year}."
        for year in rng.sample(range(1700, 2000), sentences)
    ]
    made[rng.randrange(sentences)] = "The spare key is kept under the third stone of the jetty."
    return "".join(sentence + rng.choice((" ", " ", "\n", "\n\n")) for sentence in made)


def one_line(rng: random.Random, words: int, at: int | None = None) -> str:
    made = [rng.choice(NOUNS) for _ in range(words)]
    at = rng.randrange(words) if at is None else at
    return " ".join([*made[:at], KEY, *made[at:]])


def code(rng: random.Random, functions: int) -> str:
    parts = []
    for number in range(functions):
        noun = rng.choice(NOUNS)
        body = "".join(
            f"    {noun}_{line} = level + {rng.randrange(99)}\n" for line in range(rng.randrange(2, 9))
        )
        parts.append(f"def {noun}_{number}(level, tide):\n{body}    return level + tide\n")
    return "import os\n\n\n" + "\n\n".join(parts)


def markdown(rng: random.Random, sections: int) -> str:
    made = []
    for number in range(sections):
        rows = "".join(f"| {rng.choice(NOUNS)} | {rng.randrange(99)} |\n" for _ in range(rng.randrange(1, 7)))
        table = f"## {rng.choice(NOUNS)}\n\n| name | count |\n|---|---|\n{rows}"
        made.append(f"# Part {number}\n\n{prose(rng, 4)}\n\n{table}")
    return "\n".join(made)


def text(rng: random.Random) -> str:
    kind = rng.choice((prose, one_line, code, markdown))
    return kind(rng, {prose: 6, one_line: 60, code: 2, markdown: 1}[kind])


def made_record(rng: random.Random) -> dict:
    record: dict = {"query": rng.choice(QUERIES), "answer": "under the third stone"}
    lengths = []
    if rng.random() < 0.4:
        record["context"] = text(rng)
        lengths = [len(record["context"])]
    else:
        parts: list = [text(rng) if rng.random() < 0.8 else " \n" for _ in range(rng.randrange(1, 3))] + [
            text(rng)
        ]
        lengths = [len(part) for part in parts]
        titles = ("The Harbour Board", "tides.py", "", "notes.md")
        record["context"] = [
            {"text": part, "title": rng.choice(titles)} if rng.random() < 0.6 else part for part in parts
        ]
    if rng.random() < 0.4:
        record["instruction"] = "Answer with the documents alone."
    if rng.random() < 0.5:
        source = rng.randrange(len(lengths))
        start = rng.randrange(max(1, lengths[source] - 40))
        record["keep"] = [
            {"source": source, "start": start, "end": min(lengths[source], start + rng.randrange(1, 40))}
        ]
    return record


OPTIONS: tuple[dict, ...] = (
    {},
    {"rule": SelectionRule(mode="auto")},
    {"rule": SelectionRule(mode="top-p", top_p=0.6)},
    {"rule": SelectionRule(mode="threshold", top_p=0.99, epsilon=1e-6)},
    {"snap": "structure"},
    {"snap": "structure", "rule": SelectionRule(mode="auto"), "tokenizer": "backbone"},
    {"snap": "none", "chunk_tokens": 40},
    {"snap": "word", "separator": " … "},
    {"snap": "line", "chunk_tokens": 250, "tokenizer": "backbone"},
    {"snap": "sentence", "separator": ""},
    {"snap": "sentence", "chunk_tokens": 64, "rule": SelectionRule(fill=False)},
)


def pairs(options: dict, o200k) -> tuple[Workbench, object, Compressor]:
    """The method as bench builds it, and the compressor as compress does, of the same options.

    Both read by the backbone that bench keeps states of, so that what both read alike is read once.
    """
    checkpoint = load_checkpoint(DEFAULT_CHECKPOINT)
    bench = Workbench(BenchSettings(device="cpu", **options), [checkpoint])
    ((method,), _) = build_methods(MethodChoice(names=("longattncomp",), is_explicit=True), bench)
    chosen = {name: options[name] for name in ("rule", "separator") if name in options}
    compressor = Compressor(
        Scorer(
            checkpoint,
            bench.backbone,
            ScoringOptions.of(
                checkpoint.config, chunk_tokens=options.get("chunk_tokens"), snap=options.get("snap")
            ),
        ),
        None if options.get("tokenizer") == "backbone" else o200k,
        CompressorSettings(**chosen),
    )
    return bench, method, compressor


def compressed(compressor: Compressor, record: dict, budget: str) -> dict | str:
    """Spans, tokens and the reason to stop of ``compress``, or its error."""
    parsed = parse_record(json.dumps(record).encode(), 1, "records.jsonl", FieldNames())
    request = replace(
        compressor.requests.from_record(parsed, ""), budget=None if budget == UNBUDGETED else budget
    )
    try:
        done = compressor.compress(request)
    except BudgetError as error:
        return error.message
    return {
        "spans": [list(place) for place in places_of(done.selection)],
        "num_tokens": done.num_tokens,
        "original_tokens": done.renderer.original_tokens,
        "stop": done.selection.stop,
    }


def measured(bench: Workbench, method, record: dict, budget: str) -> dict | str:
    """The same of ``bench``."""
    item = record_item(Record(record, Path("records.jsonl"), "line 1"))
    try:
        (row,) = rows_of(method, item, bench.chunk(item.request), 0.0, (budget,), bench)
    except BudgetError as error:
        return error.message
    return {name: row[name] for name in ("spans", "num_tokens", "original_tokens", "stop")}


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: ",".join(map(str, options)) or "defaults")
def test_bench_keeps_the_spans_that_compress_keeps(options, o200k):
    bench, method, compressor = pairs(options, o200k)
    rng = random.Random(f"agree:{sorted(map(str, options.items()))}")
    num_cut = 0
    num_records = 0
    while num_records < 4 or num_cut < 2:  # enough of them with a budget that binds
        num_records += 1
        record = made_record(rng)
        budget = rng.choice(BUDGETS)
        wanted = compressed(compressor, record, budget)
        assert measured(bench, method, record, budget) == wanted, (record, budget)
        num_cut += isinstance(wanted, dict) and wanted["stop"] == "budget"
    assert num_records < 20


def test_bench_finds_the_evidence_in_one_long_line_as_compress_does(o200k):
    """Two hundred and sixty words without a full stop, thirty tokens: the cut begins at the best piece."""
    bench, method, compressor = pairs({}, o200k)
    for at in (40, 55, 70):
        context = one_line(random.Random(at), 260, at)
        record = {"context": context, "query": QUERIES[0], "evidence": [KEY]}
        wanted = compressed(compressor, record, "30")
        assert measured(bench, method, record, "30") == wanted
        (start, end) = wanted["spans"][0][1:]
        assert "spare key" in context[start:end]


def test_auto_takes_as_many_hops_as_compress_does(o200k):
    """Where few chunks surely hold the answer, one hop is taken: the scores are those of one hop."""
    filler = "\n\n".join(f"Jetty {i} was built by the board in the year {1700 + i}." for i in range(60))
    context = filler + '\n\n"a81": "4d21"\n\n' + filler
    record = {"context": context, "query": 'What is the value of the key "a81"?', "answer": "4d21"}
    options = {"rule": SelectionRule(mode="auto"), "chunk_tokens": 40}
    bench, method, compressor = pairs(options, o200k)
    request = record_item(Record(record, Path("r.jsonl"), "line 1")).request
    scores = compressor.score(request).scores
    assert scores.sufficiency > options["rule"].auto.min_sufficiency
    item = record_item(Record(record, Path("r.jsonl"), "line 1"))
    measured_scores = method.score(item, bench.chunk(request)).scores
    assert measured_scores.scores.tolist() == scores.scores.tolist()
