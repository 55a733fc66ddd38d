"""Confidence is a frequency where it was calibrated, and what is doubtful is said."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from longattncomp_cli.core.assembly.kept_spans import KeptSpan
from longattncomp_cli.core.checkpoint.logistic import LogisticModel, calibrated
from longattncomp_cli.core.checkpoint.store import load_checkpoint, save_checkpoint
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.compressor import Compressor, CompressorSettings
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.results.report import compression_record, score_report
from longattncomp_cli.core.results.warnings import find_warnings
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.auto import AutoRule, num_chunks_to_keep, perplexity
from longattncomp_cli.core.selection.select import Selection, SelectionRule, num_chunks_by_rule
from longattncomp_cli.errors import CheckpointError
from longattncomp_cli.training.calibration import fit_logistic


def test_calibration_keeps_the_order_and_the_identity() -> None:
    grid = np.linspace(0, 1, 21).tolist()
    assert [calibrated(value, None) for value in grid] == grid


def test_a_model_of_signs_finds_the_one_that_tells() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(2_000) < 0.5
    signs = [{"sink": 3.0 * yes + rng.normal(), "best": 100 * rng.normal()} for yes in truth]
    model = fit_logistic(["sink", "best"], signs, truth.tolist(), np.ones(len(truth)), 1e-4)
    # Two normal distributions 3 apart: the log-odds are 3 x - 4.5.
    assert model.weights["sink"] == pytest.approx(3, rel=0.15)
    assert model.offset == pytest.approx(-4.5, rel=0.15)
    assert abs(model.weights["best"]) < 0.01
    given = np.array([model.probability(found) for found in signs])
    assert given.mean() == pytest.approx(truth.mean(), abs=0.01)
    assert calibrated(0.3, model, signs[0]) == given[0]
    assert calibrated(0.3, model, None) == 0.3
    with pytest.raises(ValueError, match="without an answer"):
        fit_logistic(["sink"], signs, [True] * len(signs), np.ones(len(truth)), 1e-4)


def test_a_fit_leaves_a_question_counted_twice_where_it_was_weighted_double() -> None:
    truth = [True, False, True, False, True]
    signs = [{"sink": value} for value in (2.0, -1.0, 0.5, 0.7, 1.0)]
    twice = fit_logistic(["sink"], signs, truth, np.array([2.0, 1, 1, 1, 1]), 0.1)
    repeated = fit_logistic(["sink"], [signs[0], *signs], [True, *truth], np.ones(6), 0.1)
    # The penalty is per request: five requests of mean weight 1 against six.
    assert twice.weights["sink"] == pytest.approx(repeated.weights["sink"], rel=1e-3)


MODEL = {"version": 2, "weights": {"sink": 0.5, "similarity_3": 1.0}, "offset": -1.0}


@pytest.mark.parametrize("value", [math.nan, math.inf, True])
def test_a_model_of_what_is_no_number_cannot_be_built(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        LogisticModel(weights={"sink": value}, offset=0.0)
    with pytest.raises(ValueError, match="finite"):
        LogisticModel(weights={"sink": 1.0}, offset=value)


def test_a_checkpoint_keeps_its_models(tmp_path: Path) -> None:
    stage1 = load_checkpoint("stage1")
    model = LogisticModel(weights=MODEL["weights"], offset=-1.0)
    config = replace(stage1.config, calibration=model, enough=model)
    save_checkpoint(replace(stage1, config=config), tmp_path, "")
    read = load_checkpoint(str(tmp_path))
    assert read.config.calibration == read.config.enough == model
    assert read.digest != stage1.digest


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 3}, "version"),
        ({"offset": None}, "finite"),
        ({"offset": "x"}, "finite"),
        ({"weights": {}}, "no weights"),
        ({"weights": [1.0, 2.0]}, "no weights"),
        ({"weights": {"sink": None}}, "finite"),
        ({"weights": {"sink": 1e300}}, "finite"),
        ({"weights": {"mood": 1.0}}, "mood"),
        ({"weights": {"similarity_4": 1.0}}, "similarity_4"),  # its heads are 0 to 3
        ({"weights": {"nearest_": 1.0}}, "nearest_"),
        ({"more": 1}, "fields"),
    ],
)
@pytest.mark.parametrize("name", ["calibration", "enough"])
def test_a_model_that_cannot_be_used_is_refused(
    tmp_path: Path, name: str, change: dict[str, object], reason: str
) -> None:
    stage1 = load_checkpoint("stage1")
    save_checkpoint(stage1, tmp_path, "")
    config = orjson.loads((tmp_path / "config.json").read_bytes()) | {name: MODEL | change}
    (tmp_path / "config.json").write_bytes(orjson.dumps(config))
    with pytest.raises(CheckpointError, match=reason):
        load_checkpoint(str(tmp_path))


@pytest.mark.parametrize("value", [[0.0, 1.0], [1.0], ["a", 1], [1.0, 1e99], 3, [-1.0, 0.0], {"a": 1}])
def test_a_checkpoint_with_another_calibration_is_refused(tmp_path: Path, value: object) -> None:
    stage1 = load_checkpoint("stage1")
    save_checkpoint(replace(stage1, config=replace(stage1.config, calibration=(0.5, -1.0))), tmp_path, "")
    assert load_checkpoint(str(tmp_path)).config.calibration == (0.5, -1.0)
    config = orjson.loads((tmp_path / "config.json").read_bytes())
    (tmp_path / "config.json").write_bytes(orjson.dumps({**config, "calibration": value}))
    with pytest.raises(CheckpointError):
        load_checkpoint(str(tmp_path))


def case(*, sink: float | None, query: str = "q", parser: str = "given", kept: tuple[int, ...] = (0,)):
    sources = (Source("a" * 10, "src/store.py"), Source("b" * 10, "context[1]", title="Ice age"))
    chunks = (Chunk(0, 0, 0, 10, 1), Chunk(1, 1, 0, 10, 1))
    scores = ChunkScores(chunks, np.array([0.5, 0.5]) * (1 - (sink or 0)), sink)
    selection = Selection(tuple(KeptSpan(chunks[i], 0, 10) for i in kept), "budget", 0.5)
    return Request(sources, query, query_parser=parser), scores, selection


def test_low_confidence_a_guessed_query_and_a_dropped_source_are_named() -> None:
    assert find_warnings(*case(sink=None)) == find_warnings(*case(sink=0.6)) == ()
    assert [doubt.code for doubt in find_warnings(*case(sink=0.8))] == ["low-confidence"]
    for parser in ("tail", "auto:last-paragraph", "auto:chatml+first-paragraph"):
        assert [doubt.code for doubt in find_warnings(*case(sink=None, parser=parser))] == ["guessed-query"]
    assert find_warnings(*case(sink=None, parser="auto:question-last")) == ()
    (doubt,) = find_warnings(*case(sink=None, query="what about the ICE AGE then?"))
    assert doubt.code == "dropped-source"
    assert "'Ice age'" in doubt.message
    assert "100%" in doubt.message
    assert find_warnings(*case(sink=None, query="what about ice ages?")) == ()
    assert find_warnings(*case(sink=None, query="see store.py", kept=(0,))) == ()
    assert [d.code for d in find_warnings(*case(sink=None, query="see store.py", kept=(1,)))] == [
        "dropped-source"
    ]
    assert find_warnings(*case(sink=None, query="a store", kept=(1,))) == ()


def test_warnings_stand_in_the_record_and_only_where_there_are_any(scorer, o200k) -> None:
    compressor = Compressor(scorer, o200k, CompressorSettings(budget=12))
    sources = (
        Source("The ledger was signed by Ines. " * 9, title="Ledger"),
        Source("Rain fell. " * 40, "rain.txt"),
    )
    sure = compressor.compress(Request(sources, "Who signed the ledger?"))
    named = compressor.compress(Request(sources, "Who signed it, by rain.txt?", query_parser="tail"))
    codes = [warning["code"] for warning in compression_record(named, "c", "s")["selection"]["warnings"]]
    assert (
        codes[:1] == ["guessed-query"]
        if scorer.checkpoint.config.sink == "none"
        else "guessed-query" in codes
    )
    if scorer.checkpoint.config.sink == "none":
        assert "warnings" not in compression_record(sure, "c", "s")["selection"]
        assert "warnings" not in score_report(sure.scored)


def test_the_peak_alone_is_taken_where_it_is_enough() -> None:
    rule = AutoRule(sure=0.8, peak_min_ratio=0.1, peak_min_chunks=1)
    ranked = np.array([0.5, 0.3, 0.049, 0.01])
    assert num_chunks_to_keep(ranked, 0.1, rule, enough=0.8) == 2  # 0.3 is above 0.1 · 0.5, 0.049 is not
    assert num_chunks_to_keep(ranked, 0.1, rule, enough=0.79) == 4
    assert num_chunks_to_keep(ranked, 0.1, replace(rule, peak_min_chunks=3), enough=1.0) == 3
    assert num_chunks_to_keep(ranked, 0.1, replace(rule, peak_min_chunks=9), enough=1.0) == 4
    scores = ChunkScores(tuple(Chunk(i, 0, i, i + 1, 1) for i in range(4)), ranked, 0.1, enough=0.9)
    assert num_chunks_by_rule(scores, SelectionRule(mode="auto", auto=rule)) == (2, "auto")


def test_the_adaptive_rule_stops_at_a_gap_and_fills_where_all_is_equal() -> None:
    rule = AutoRule(ratio=0.1, mass=0.5, spread=10)
    sharp = np.array([0.6, 0.3, 0.02, 0.01, 0.01])
    assert perplexity(np.ones(7)) == pytest.approx(7)
    assert num_chunks_to_keep(sharp, None, rule) == 2  # 0.02 < 0.1 · 0.6, and 0.9 of 0.94 is held
    assert num_chunks_to_keep(np.ones(30) / 30, None, rule) == 30
    # 0.2 of 0.22 is 0.91 and with the next 0.95: below 0.96 all are taken.
    assert (
        num_chunks_to_keep(np.array([0.2, 0.01, 0.01]), None, AutoRule(ratio=0.1, mass=0.96, spread=10)) == 3
    )
    assert num_chunks_to_keep(sharp, None, replace(rule, least=4)) == 4
    assert num_chunks_to_keep(sharp, None, replace(rule, least=9)) == 5
    assert num_chunks_to_keep(np.array([1.0]), None, rule) == 1
    assert num_chunks_to_keep(np.zeros(3), 1.0, rule) >= 1
    scores = ChunkScores(tuple(Chunk(i, 0, i, i + 1, 1) for i in range(5)), sharp, None)
    assert num_chunks_by_rule(scores, SelectionRule(mode="auto", auto=rule)) == (2, "auto")
    assert num_chunks_by_rule(scores, SelectionRule(mode="auto", auto=replace(rule, spread=1))) == (
        5,
        "exhausted",
    )
