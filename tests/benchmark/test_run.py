"""A whole run of the benchmark: rows are safe at once, resumed runs add and never repeat, errors are told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import orjson
import pytest

from longattncomp_cli.benchmark.measuring.journal import JOURNAL_SUFFIX, Journal
from longattncomp_cli.benchmark.measuring.measure import Row
from longattncomp_cli.benchmark.methods.registry import METHOD_NAMES
from longattncomp_cli.benchmark.plan import make_plan
from longattncomp_cli.benchmark.presets import PRESETS
from longattncomp_cli.benchmark.reports.summary import summarise
from longattncomp_cli.benchmark.request import BenchRequest
from longattncomp_cli.benchmark.tasks import TASKS
from longattncomp_cli.core.backbones.runtime import resolve_device
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.data.metrics import bootstrap_mean
from longattncomp_cli.errors import OutputError, UsageError
from tests.support.cli import run_bench as run

TASKS_AND_SIZES = ["niah_single_1", "kv", "--limit", "3", "--budget", "15%", "--quiet"]
SMALL = [*TASKS_AND_SIZES, "--context-tokens", "600"]


def rows_of(report):
    return json.loads(report.read_bytes())["rows"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One small run of three methods."""
    report = tmp_path_factory.mktemp("run") / "report.json"
    done = run(*SMALL, "--method", "bm25", "--method", "random", "--method", "longattncomp", "-o", report)
    assert done.exit_code == 0, done.output
    return report, done.output


def test_a_report_holds_what_it_was_made_with(finished):
    report = json.loads(finished[0].read_bytes())
    assert len(report["rows"]) == 2 * 3 * 3
    assert report["settings"]["tokenizer"] == "o200k_base"
    assert report["settings"]["chunk_tokens"] == 128
    assert report["task_settings"]["kv"]["lengths"] == [600]
    (environment,) = report["environments"]
    assert {"python", "torch", "longattncomp"} <= set(environment["versions"])
    assert environment["hardware"]["cores"] >= 1
    assert environment["device"] == str(resolve_device("auto"))
    assert environment["dtype"] in ("float32", "bfloat16")
    assert report["checkpoints"] == {DEFAULT_CHECKPOINT: load_checkpoint(DEFAULT_CHECKPOINT).digest}
    assert report["commands"][0].startswith("longattncomp")
    assert report["caveats"] == {}
    assert all(row["spans"] for row in report["rows"])
    assert "The grass is green" not in finished[0].read_text()


def test_a_baseline_that_is_not_its_papers_says_so(tmp_path):
    report, page = tmp_path / "report.json", tmp_path / "report.html"
    methods = ["--method", "attncomp", "--method", "spec-prefill", "--method", "bm25"]
    done = run("kv", "--context-tokens", "800", "--limit", "1", *methods, "-o", report, "--html", page)
    assert done.exit_code == 0, done.output
    caveats = json.loads(report.read_bytes())["caveats"]
    assert set(caveats) == {"attncomp", "spec-prefill"}
    for name in caveats:
        assert f"{name} differs from its paper" in " ".join(done.output.split())
        assert f"{name} differs from its paper" in page.read_text()


def test_random_is_reported_as_worse(tmp_path):
    """Over code: of a list of keys and values the cut finds the line that is asked for in any order."""
    report = tmp_path / "report.json"
    folder = Path(json.__file__).parent
    wanted = ["--python", folder, "--limit", "3", "--budget", "15%", "--quiet", "--context-tokens", "2k"]
    done = run("code-nl", *wanted, "--method", "bm25", "--method", "random", "-o", report)
    assert done.exit_code == 0, done.output
    summary = json.loads(report.read_bytes())["summary"]
    assert summary["baseline"] == "bm25"
    mean = {cell["method"]: cell["recall"]["mean"] for cell in summary["cells"]}
    assert mean["random"] < mean["bm25"]
    (random,) = (cell for cell in summary["cells"] if cell["method"] == "random")
    assert random["against_baseline"]["mean"] < 0
    assert "random" in done.output


def test_nothing_is_left_beside_a_finished_report(finished):
    assert [path.name for path in finished[0].parent.iterdir()] == ["report.json"]


def test_resuming_adds_a_method_and_repeats_nothing(finished, tmp_path):
    report = tmp_path / "report.json"
    report.write_bytes(finished[0].read_bytes())
    before = {orjson.dumps(row) for row in rows_of(report)}
    done = run(*SMALL, "--method", "random", "--method", "head", "-o", report, "--resume")
    assert done.exit_code == 0, done.output
    after = {orjson.dumps(row) for row in rows_of(report)}
    assert before < after
    assert {orjson.loads(row)["method"] for row in after - before} == {"head"}
    assert len(json.loads(report.read_bytes())["commands"]) == 2
    again = run(*SMALL, "--method", "head", "-o", report, "--resume")
    assert again.exit_code == 0
    assert {orjson.dumps(row) for row in rows_of(report)} == after


def test_an_interrupted_run_loses_no_finished_item(tmp_path, monkeypatch):
    from longattncomp_cli.benchmark.methods.bm25 import BM25

    report = tmp_path / "report.json"
    arguments = [*SMALL, "--method", "bm25", "-o", report]
    scores, calls = BM25.chunk_scores, []

    def interrupted(self, item, chunked):
        calls.append(item.id)
        if len(set(calls)) == 3:
            raise KeyboardInterrupt
        return scores(self, item, chunked)

    monkeypatch.setattr(BM25, "chunk_scores", interrupted)
    assert run(*arguments).exit_code == 130
    assert not report.exists()
    journal = tmp_path / f"report.json{JOURNAL_SUFFIX}"
    lines = journal.read_bytes().splitlines()
    assert [orjson.loads(line)["item"] for line in lines[1:]] == [
        "niah_single_1-600-0",
        "niah_single_1-600-1",
    ]
    refused = run(*arguments)
    assert refused.exit_code == 3
    assert "--resume" in refused.output
    # A torn line, as a crash leaves it, is dropped.
    journal.write_bytes(b"\n".join(lines) + b'\n{"kind": "retr')
    calls.clear()
    monkeypatch.setattr(
        BM25, "chunk_scores", lambda self, item, chunked: calls.append(item.id) or scores(self, item, chunked)
    )
    assert run(*arguments, "--resume").exit_code == 0
    assert "niah_single_1-600-0" not in calls
    assert len(rows_of(report)) == 6
    assert not journal.exists()


@pytest.mark.parametrize("change", [["--chunk-tokens", "64"], ["--seed", "1"], ["--limit", "2"]])
def test_other_settings_are_refused(finished, tmp_path, change):
    report = tmp_path / "report.json"
    report.write_bytes(finished[0].read_bytes())
    done = run(*SMALL, *change, "--method", "head", "-o", report, "--resume")
    assert done.exit_code == 2
    assert change[0].strip("-").replace("-", "_") in done.output
    assert report.read_bytes() == finished[0].read_bytes()


def test_auto_stops_where_the_scores_fall_off(tmp_path):
    """BM25 scores a needle's own words far above all else: the rest of the budget stays empty."""
    report, filling = tmp_path / "auto.json", tmp_path / "filled.json"
    longer = [*TASKS_AND_SIZES, "--context-tokens", "1500", "--method", "bm25"]
    assert run(*longer, "--select", "auto", "-o", report).exit_code == 0
    assert run(*longer, "-o", filling).exit_code == 0
    made = json.loads(report.read_bytes())
    rule = made["settings"]["rule"]
    assert (rule["mode"], rule["fill"]) == ("auto", True)
    assert rule["auto"]["max_perplexity"] > 1
    filled = {row["item"]: row for row in rows_of(filling)}
    assert len(made["rows"]) == len(filled) == 6
    for row in made["rows"]:
        assert (row["stop"], row["recall"]) == ("auto", 1)
        assert row["num_tokens"] <= filled[row["item"]]["num_tokens"]
    assert any(row["num_tokens"] < filled[row["item"]]["num_tokens"] for row in made["rows"])


def test_two_processes_do_not_write_one_report(tmp_path):
    head = {"settings": {}, "task_settings": {}}
    first, second = (Journal(tmp_path / "r.json", resume=resume, head=head) for resume in (False, True))
    with first, pytest.raises(OutputError, match="another process is writing it"):
        second.__enter__()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nosuch"], 2, "niah_single_1"),
        (["kv", "--method", "nosuch"], 2, "spec-prefill"),
        (["kv", "--budget", "0"], 2, "budget"),
        (["kv", "--budget", "150%"], 2, "budget"),
        (["kv", "--depths", "2"], 2, "outside [0, 1]"),
        (["kv", "--context-tokens", "5%"], 2, "share"),
        (["musique"], 2, "--musique"),
        (["kv", "--target-url", "http://localhost:1/v1"], 2, "--target-model"),
        (["kv", "--resume"], 2, "--output"),
        (["kv", "--top-p", "0.5", "--select", "budget"], 2, "--top-p"),
        (["kv", "--top-p", "0.5", "--select", "auto"], 2, "--top-p"),
        (["squad", "--squad", "/nonexistent.json"], 3, "no such file"),
        (["kv", "-o", "/nonexistent/report.json"], 3, "no such directory"),
        (["kv", "--checkpoint", "nosuch"], 4, "shipped"),
        (["kv", "--tokenizer", "no/such/tokenizer"], 5, "tokenizer"),
        (["kv", "--method", "spec-prefill", "--spec-model", "/nonexistent"], 5, "draft model"),
    ],
)
def test_what_is_wrong_is_told_with_the_right_code(arguments, code, told):
    done = run(*arguments)
    assert done.exit_code == code, done.output
    assert told in " ".join(done.output.split())


def test_a_file_with_a_wrong_field_is_told_before_anything_is_measured(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text('{"context": "a b", "query": "c", "answer": "b"}\n{"context": "a", "query": 3}\n')
    done = run("--data", path, "--method", "bm25", "-o", tmp_path / "r.json")
    assert done.exit_code == 3
    assert "line 2: field 'query' is a number" in " ".join(done.output.split())


def test_a_method_that_fails_on_an_item_is_counted_and_tried_again(tmp_path):
    records = [
        {"id": "short", "context": "The lamp burns oil. " * 9, "query": "What burns?", "answer": "oil"},
        {"id": "wordless", "context": "The lamp burns oil. " * 9, "query": "\u200b", "answer": "oil"},
    ]
    path = tmp_path / "records.jsonl"
    path.write_text("\n".join(json.dumps(record) for record in records))
    report = tmp_path / "r.json"
    done = run("--data", path, "--method", "longattncomp", "--method", "head", "--budget", "12", "-o", report)
    assert done.exit_code == 3
    failed = [row for row in rows_of(report) if "error" in row]
    assert [(row["item"], row["method"], row["error"]["code"]) for row in failed] == [
        ("wordless", "longattncomp", "empty-query")
    ]
    assert json.loads(report.read_bytes())["summary"]["failed"] == 1
    assert run("--data", path, "--method", "head", "--budget", "12", "-o", report, "--resume").exit_code == 0


def test_all_of_the_users_records_are_taken_unless_a_limit_is_given(tmp_path):
    path = tmp_path / "records.jsonl"
    line = json.dumps({"context": "The lamp burns oil. " * 4, "query": "What burns?", "answer": "oil"})
    path.write_text("\n".join([line] * 25))
    for limit, count in (([], 25), (["--limit", "3"], 3)):
        report = tmp_path / f"{count}.json"
        done = run("--data", path, "--method", "head", "--budget", "50%", *limit, "-o", report, "--quiet")
        assert done.exit_code == 0, done.output
        assert len(rows_of(report)) == count


def test_names_and_presets_are_known():
    for name, preset in PRESETS.items():
        plan = make_plan(BenchRequest(preset=name) if name == "quick" else _with_files(name))
        assert plan.tasks == preset.tasks
        assert set(plan.methods.names) <= set(METHOD_NAMES)
        assert set(plan.tasks) <= set(TASKS)
        assert preset.sources
    code = PRESETS["paper-code-debug"]
    assert (code.chunk_tokens, code.budgets, code.top_p) == (1_024, ("16k",), 0.95)


def _with_files(name):
    from pathlib import Path

    here = (Path(__file__),)
    return BenchRequest(preset=name, longbench_v2=here, squad=here, hotpotqa=here)


def test_flags_win_over_the_preset():
    plan = make_plan(BenchRequest(preset="quick", tasks=("kv",), budget=("1k",), limit=2, chunk_tokens=64))
    assert (plan.tasks, plan.budgets, plan.limit, plan.settings.chunk_tokens) == (("kv",), ("1k",), 2, 64)
    assert plan.lengths == PRESETS["quick"].lengths


def test_files_name_their_tasks(tmp_path):
    path = tmp_path / "f.json"
    path.write_text("{}")
    assert make_plan(BenchRequest(two_wiki=[path], qmsum=[path])).tasks == ("2wiki", "qmsum")
    assert make_plan(BenchRequest(tasks=("2wikimultihopqa",), two_wiki=[path])).tasks == ("2wiki",)
    with pytest.raises(UsageError):
        make_plan(BenchRequest(tasks=("qmsum",), two_wiki=[path]))


def made_row(method: str, item: int, recall: float, **more) -> Row:
    row = {
        "kind": "retrieval",
        "task": "t",
        "item": str(item),
        "digest": "d",
        "method": method,
        "checkpoint": "",
    }
    return {**row, "budget": "10%", "recall": recall, "seconds": 1.0, **more}


def test_intervals_cover_the_truth_on_data_with_known_recall():
    """Recall of an item is 1 with a chance of 0.7: of 95% intervals of 60 items, about 95 in 100 hold 0.7."""
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        values = rng.random(60) < 0.7
        interval = bootstrap_mean(values.astype(float), seed=seed, resamples=1_000)
        covered += interval.low <= 0.7 <= interval.high
    # The binomial's 99.9% range around 190 of 200, widened by what a percentile bootstrap of 60 items loses.
    assert 178 <= covered <= 199


def test_paired_differences_cover_the_truth_and_name_the_worse():
    """The second method is 0.2 below the first on every item, plus noise: paired, that shows at 30 items."""
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(100):
        hard = rng.random(30)
        rows = [made_row("bm25", i, float(value)) for i, value in enumerate(hard)]
        noise = rng.normal(0, 0.1, 30)
        rows += [
            made_row("random", i, float(v - 0.2 + n))
            for i, (v, n) in enumerate(zip(hard, noise, strict=True))
        ]
        cell = next(c for c in summarise(rows)["cells"] if c["method"] == "random")
        difference = cell["against_baseline"]
        assert difference["n"] == 30
        assert difference["high"] < 0
        covered += difference["low"] <= -0.2 <= difference["high"]
    assert covered >= 86


def test_pairs_are_of_items_that_both_have():
    rows = [made_row("bm25", i, 0.5) for i in range(4)] + [made_row("head", i, 1.0) for i in range(2, 6)]
    cell = next(c for c in summarise(rows)["cells"] if c["method"] == "head")
    assert cell["against_baseline"] == {"figure": "recall", "n": 2, "mean": 0.5, "low": 0.5, "high": 0.5}


def test_a_method_of_the_same_name_made_anew_replaces_the_earlier():
    rows = [made_row("longattncomp", i, 0.2, identity="old") for i in range(3)]
    rows += [made_row("longattncomp", i, 0.8, identity="new") for i in range(2)]
    (cell,) = summarise(rows)["cells"]
    assert (cell["n"], cell["recall"]["mean"]) == (2, 0.8)


def test_failed_rows_are_counted_and_left_out():
    rows = [made_row("bm25", 0, 1.0), {**made_row("bm25", 1, 0.0), "error": {"code": "x", "message": "y"}}]
    summary = summarise(rows)
    assert summary["failed"] == 1
    assert summary["cells"][0]["n"] == 1


def test_auroc_is_of_answerable_against_each_other_kind():
    values = [("answerable", 0.9), ("answerable", 0.4), ("removed", 0.5), ("removed", 0.1)]
    rows = [made_row("m", i, None, label=label, confidence=c) for i, (label, c) in enumerate(values)]
    # Pairs: 0.9 beats both, 0.4 beats one of two.
    assert summarise(rows)["auroc"] == [{"task": "t", "method": "m", "against": "removed", "auroc": 0.75}]


def test_breakdown_is_by_length_and_depth():
    rows = [
        made_row("m", i, recall, length=length, depth=depth)
        for i, (length, depth, recall) in enumerate([(8, 0.0, 1.0), (8, 0.0, 0.0), (16, 0.5, 1.0)])
    ]
    found = {(b["length"], b["depth"]): (b["recall"], b["n"]) for b in summarise(rows)["breakdown"]}
    assert found == {(8, 0.0): (0.5, 2), (16, 0.5): (1.0, 1)}
