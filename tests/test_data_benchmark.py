"""The evidence-recall benchmark's own parts: what it asks, and the rule all methods are selected by."""

import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import evidence_recall
import evidence_tasks
from evidence_methods import CachedBackbone, fill_budget, score_bm25, score_states
from evidence_tasks import TASKS, Setting
from python_functions import Module, read_modules

from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request

SOURCE = '''import os


class Tide:
    @property
    def level(self):
        """Return the level above the datum.

        More words.
        """
        return self._level

    def one_liner(self): "Docstring and body."; return 1


def helper(x):
    def inner():
        return x
    return inner
'''


def count_words(text):
    return len(text.split())


def make_setting(**changes):
    values = {
        "split": "dev",
        "held_out_share": 0.05,
        "limit": 3,
        "limit_long": 2,
        "num_tokens": 400,
        "seed": 0,
    }
    return Setting(data_dir=Path("none"), count_tokens=count_words, **(values | changes))


def make_chunks(sizes, chars_per_token=10):
    edges = np.concatenate([[0], np.cumsum(sizes)]) * chars_per_token
    return [Chunk(i, 0, int(edges[i]), int(edges[i + 1]), size) for i, size in enumerate(sizes)]


def test_budget_is_filled_by_rank_and_the_last_chunk_cut():
    chunks = make_chunks([4, 6, 5])
    # Rank: chunk 2 (5 tokens), chunk 0 (4), then 3 of the 6 tokens of chunk 1: half its 60 characters.
    kept = fill_budget(np.array([0.5, 0.1, 0.9]), chunks, 12)
    assert kept == [(100, 150), (0, 40), (40, 70)]


def test_a_larger_budget_keeps_a_superset_and_all_of_it_everything():
    rng = random.Random(0)
    for _ in range(50):
        chunks = make_chunks([rng.randint(0, 9) for _ in range(12)])
        scores = np.array([rng.choice([0.1, 0.2, 0.3]) for _ in chunks])
        total = sum(chunk.num_backbone_tokens for chunk in chunks)
        previous: set[int] = set()
        for budget in range(total + 1):
            kept = {i for start, end in fill_budget(scores, chunks, budget) for i in range(start, end)}
            assert len(kept) == budget * 10
            assert previous <= kept
            previous = kept


def test_functions_lose_their_docstrings_and_keep_their_lines():
    functions = {function.name: function for function in Module("tide.py", SOURCE).functions()}
    assert functions["level"].code == "@property\ndef level(self):\n    return self._level\n"
    assert functions["level"].question == "Return the level above the datum."
    assert "one_liner" not in functions
    assert functions["inner"].code == "def inner():\n    return x\n"
    assert functions["helper"].question == ""


def test_definitions_span_decorator_to_last_line():
    spans = dict(Module("tide.py", SOURCE).definitions())
    level = SOURCE[slice(*spans["level"])]
    assert level.startswith("    @property\n")
    assert level.endswith("return self._level\n")


def test_key_value_evidence_is_the_pair_that_is_asked_for():
    items = TASKS["kv"].build(make_setting())
    assert items == TASKS["kv"].build(make_setting())
    for item in items:
        ((start, end),) = item.evidence
        key, value = json.loads("{" + item.text[start:end] + "}").popitem()
        assert f'"{key}"' in item.query
        assert json.loads(item.text)[key] == value


def test_code_questions_are_answered_by_their_functions(monkeypatch):
    monkeypatch.setattr(evidence_tasks, "LONG_TOKENS", 5_000)
    monkeypatch.setattr(evidence_tasks, "read_modules", lambda: read_modules()[::12])
    for split in ("dev", "train"):
        for item in TASKS["code-nl"].build(make_setting(split=split)):
            ((start, end),) = item.evidence
            assert "def " in item.text[start:end]
            assert item.query not in item.text[start:end]
        items = TASKS["code-four"].build(make_setting(split=split, num_tokens=400))
        assert {len(item.evidence) for item in items} == {4}
        for item in items:
            for start, end in item.evidence:
                name = item.text[start:end].split("def ", 1)[1].split("(")[0]
                assert f". {name}" in item.query
                assert item.text.count(f"def {name}(") == 1
    dev, train = (
        {item.id for item in TASKS["code-nl"].build(make_setting(split=s))} for s in ("dev", "train")
    )
    assert not {name.split(":")[0] for name in dev} & {name.split(":")[0] for name in train}


def test_bm25_prefers_the_chunk_with_the_words():
    text = "amber birch cedar " + "delta ember fjord " + "grove heron inlet "
    chunks = [Chunk(i, 0, i * 18, (i + 1) * 18, 3) for i in range(3)]
    scores, _ = score_bm25(text, "where is the ember?", chunks)
    assert scores.argmax() == 1
    assert not score_bm25(text, "the", chunks)[0].any()


def test_cached_states_give_the_same_scores(scorer):
    text = "\n\n".join(f"Paragraph {i} tells of jetty number {i * 7}." for i in range(200))
    request = Request(sources=(Source(text),), query="Which paragraph tells of jetty number 91?")
    wanted = scorer.score(request)
    cached = CachedBackbone(scorer.backbone, scorer.checkpoint.config.layers)
    twin = type(scorer)(scorer.checkpoint, cached)
    for _ in range(2):
        np.testing.assert_allclose(twin.score(request).scores, wanted.scores, rtol=1e-5)
    context = twin.tokenize(request)
    figures = score_states(cached, context, request.query, max(scorer.checkpoint.config.layers))
    for scores, _ in figures.values():
        chunk = wanted.chunks[int(scores.argmax())]
        assert "number" in text[chunk.start : chunk.end]


def test_the_script_writes_figures_without_text(tmp_path, capsys):
    output = tmp_path / "results.json"
    arguments = ["--data-dir", str(tmp_path), "--tasks", "kv", "--limit", "2", "--tokens", "600"]
    evidence_recall.main([*arguments, "--output", str(output)])
    results = json.loads(output.read_text())
    rows = results["tasks"]["kv"]["summary"]["budgets"]["1/8"]
    assert set(rows) == {"bm25", "cosine", "maxsim", DEFAULT_CHECKPOINT}
    assert rows["bm25"]["recall"]["mean"] == 1.0
    assert len(results["tasks"]["kv"]["items"]) == 2
    assert "What is the value" not in output.read_text()
    assert "| kv (n = 2) |" in capsys.readouterr().out


def test_auroc_is_of_answerable_against_each_other_kind():
    items = [
        {"label": label, "methods": {"m": {"confidence": value}}}
        for label, value in [("answerable", 0.9), ("answerable", 0.4), ("removed", 0.5), ("removed", 0.1)]
    ]
    summary = evidence_recall.summarise(TASKS["unanswerable"], items, ["m"])
    # Pairs: 0.9 beats both, 0.4 beats one of two.
    assert summary["auroc"]["removed"]["m"] == pytest.approx(0.75)
