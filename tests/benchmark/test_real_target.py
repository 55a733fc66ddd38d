"""`bench` asks a real model over real HTTP: SmolLM2 out of a wheel, served on this machine.

Skipped where the wheel or the server's package is not installed; tests/benchmarks/serve_target.py says how.
"""

from __future__ import annotations

import json

import pytest

from longattncomp_cli.benchmark.targets.client import Target
from longattncomp_cli.benchmark.targets.config import TargetConfig
from longattncomp_cli.benchmark.tasks import TASKS, TaskSetting
from tests.benchmarks.serve_target import MODEL_NAME, served, what_is_missing
from tests.support.cli import run_bench as run

MISSING = what_is_missing()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=MISSING)]

POSITIONS = 1024
FACTS = {
    "harbour": (
        "The harbour master of Velden is called Jonna Riik.",
        "What is the harbour master called?",
        "Jonna Riik",
    ),
    "bridge": (
        "The old bridge of Tarmo was painted green.",
        "What colour was the old bridge painted?",
        "green",
    ),
    "school": ("The school in Ostvik teaches 340 pupils.", "How many pupils does the school teach?", "340"),
}


@pytest.fixture(scope="module")
def url():
    with served(positions=POSITIONS) as address:
        yield address


@pytest.fixture
def squad_file(tmp_path):
    articles = [
        {
            "title": name,
            "paragraphs": [
                {
                    "context": fact,
                    "qas": [
                        {
                            "id": name,
                            "question": question,
                            "answers": [{"text": answer, "answer_start": fact.index(answer)}],
                        }
                    ],
                }
            ],
        }
        for name, (fact, question, answer) in FACTS.items()
    ]
    path = tmp_path / "made.json"
    path.write_text(json.dumps({"version": "1.1", "data": articles}), encoding="utf-8")
    return path


def bench(tmp_path, url, *words):
    report = tmp_path / "report.json"
    methods = [word for name in ("bm25", "full", "oracle") for word in ("--method", name)]
    target = ["--target-url", url, "--target-model", MODEL_NAME, "--concurrency", "1"]
    arguments = [*words, *methods, *target, "--cache", tmp_path / "cache", "--quiet", "-o", report]
    done = run(*arguments)
    return done, json.loads(report.read_bytes())["targets"]


def accuracy_without_context(url, task, setting, cache):
    target = Target(TargetConfig(url=url, model=MODEL_NAME, cache=cache))
    template = TASKS[task].prompt
    items = TASKS[task].build(setting)
    grades = [
        template.grade(item, target.ask(template.fill(item, ""), template.max_tokens).text) for item in items
    ]
    return sum(grades) / len(grades)


def test_the_evidence_helps_and_what_is_too_long_costs_one_answer(tmp_path, url, o200k):
    """Of contexts of 400 and 2,000 tokens a model of 1,024 positions reads one whole, of both the parts."""
    lengths = ["--context-tokens", "400", "--context-tokens", "2000"]
    done, targets = bench(tmp_path, url, "niah_single_1", *lengths, "--limit", "1", "--budget", "100")
    assert done.exit_code == 3
    assert (targets["answered"], targets["failed"]) == (5, 1)
    assert [each["method"] for each in targets["failures"]] == ["full"]
    assert "answers failed" in " ".join(done.output.split())
    cells = {cell["method"]: cell for cell in targets["cells"]}
    assert cells["full"]["n"] == 1
    assert cells["bm25"]["decomposition"]["n"] == 2
    assert cells["bm25"]["saved"]["context_tokens"] > 0.5
    assert cells["bm25"]["saved"]["first_token_seconds"]["mean"] > 0
    setting = TaskSetting(lengths=(400, 2000), limit=1, count_tokens=o200k.count)
    without = accuracy_without_context(url, "niah_single_1", setting, tmp_path / "cache")
    assert without == 0.0
    assert cells["oracle"]["accuracy"]["mean"] == cells["bm25"]["accuracy"]["mean"] == 1.0


def test_questions_get_exact_match_and_f1(tmp_path, url, o200k, squad_file):
    done, targets = bench(
        tmp_path, url, "squad", "--squad", squad_file, "--context-tokens", "200", "--budget", "60"
    )
    assert done.exit_code == 0, done.output
    assert targets["failed"] == 0
    cells = {cell["method"]: cell for cell in targets["cells"]}
    assert cells["oracle"]["n"] == 3
    assert cells["oracle"]["exact_match"]["mean"] <= cells["oracle"]["f1"]["mean"]
    setting = TaskSetting(lengths=(200,), files={"squad": (squad_file,)}, count_tokens=o200k.count)
    without = accuracy_without_context(url, "squad", setting, tmp_path / "cache")
    assert cells["oracle"]["f1"]["mean"] > without
