"""Confidence: what its features count, reckoned by hand, and a frequency where it was calibrated."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
import torch

from longattncomp_cli.core.checkpoint.logistic import (
    LEXICAL_FEATURES,
    SCORE_FEATURES,
    LogisticModel,
    calibrated,
    is_feature,
)
from longattncomp_cli.core.checkpoint.store import load_checkpoint, save_checkpoint
from longattncomp_cli.core.chunking.chunks import Chunk, ChunkedSource, ContextTokens, Tokens
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.confidence import (
    head_features,
    lexical_features,
    score_features,
    self_logits,
)
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.errors import CheckpointError
from tests.benchmarks.fit.logistic import fit_logistic


def test_the_shape_of_shares() -> None:
    found = score_features(torch.tensor([0.1, 0.4, 0.1, 0.2], dtype=torch.float64), torch.tensor(0.2))
    assert found["sink"] == pytest.approx(math.log(0.8 / 0.2), rel=1e-5)
    assert found["best"] == pytest.approx(math.log(0.5 / 0.25))  # half of the mass against a quarter
    assert found["gap_2"] == pytest.approx(math.log(2))
    assert found["gap_5"] == pytest.approx(math.log(4))  # of four, the last
    assert found["chunks"] == pytest.approx(math.log(4))
    assert found["entropy"] == pytest.approx(0.5 * math.log(2) + 0.25 * math.log(4) + 0.25 * math.log(8))
    flat = score_features(torch.full((6,), 1e-30), torch.tensor(1.0))
    assert all(map(math.isfinite, flat.values()))


def test_nearness_is_zero_for_the_tokens_themselves_and_bounded() -> None:
    own_HM = torch.tensor([[20.0, 20.0]])
    chunks_CHM = torch.tensor([[[20.0, 10.0]], [[-1e30, 20.0]], [[float("-inf"), float("-inf")]]])
    shares_C = torch.tensor([0.6, 0.3, 0.1])
    found = head_features(chunks_CHM, own_HM, torch.tensor([20.0]), torch.tensor([1.0, 3.0]), shares_C)
    assert found["similarity_0"] == pytest.approx(0.75 * (10 - 20) / 20)
    alone = head_features(
        chunks_CHM[2:], own_HM, torch.tensor([20.0]), torch.tensor([1.0, 3.0]), shares_C[2:]
    )
    assert alone == {"similarity_0": -1.0}


def context_of(*chunks: list[int], title: tuple[int, ...] = ()) -> ContextTokens:
    """A source of these chunks of token ids."""
    ids = np.array([token for chunk in chunks for token in chunk], dtype=np.int64)
    bounds = np.concatenate([[0], np.cumsum([len(chunk) for chunk in chunks])]).tolist()
    made = tuple(Chunk(i, 0, bounds[i], bounds[i + 1], len(chunk)) for i, chunk in enumerate(chunks))
    return ContextTokens(
        (ChunkedSource(Tokens(ids, np.arange(len(ids))), made, tuple(bounds)),), (list(title),)
    )


def test_words_stand_where_all_their_tokens_follow_one_another() -> None:
    # "tide" is token 1, "x9_ab" tokens 2 3 4, "?" token 5.
    query, tokens = "tide x9_ab?", Tokens(np.array([1, 2, 3, 4, 5]), np.array([0, 5, 7, 8, 10]))
    shares_C = torch.tensor([0.1, 0.5, 0.2, 0.2])
    scattered = context_of([2, 3, 7], [3, 2, 4], [4, 7], [1, 7])
    found = lexical_features(query, tokens, scattered, shares_C)
    assert found["words"] == pytest.approx(math.log(2))
    assert (found["matched_long_words"], found["missing_names"]) == (0.0, pytest.approx(math.log(2)))
    whole = lexical_features(query, tokens, context_of([7], [2, 3, 4], [7], [7]), shares_C)
    assert (whole["matched_long_words"], whole["missing_names"]) == (pytest.approx(math.log(2)), 0.0)
    below = lexical_features(query, tokens, context_of([2, 3, 4], [7], [7], [7]), shares_C)
    assert (below["matched_long_words"], below["missing_names"]) == (
        0.0,
        0.0,
    )  # the best three are all but the first
    plain = lexical_features("tide xxxab?", tokens, scattered, shares_C)
    assert plain["missing_names"] == 0.0  # it may stand there in another form
    titled = lexical_features(
        query, tokens, context_of([7], [7], [7], [7], title=(2, 3, 4)), torch.tensor([1.0, 0, 0, 0])
    )
    assert titled["matched_long_words"] == pytest.approx(math.log(2))
    assert set(lexical_features("?", Tokens(np.array([5]), np.array([0])), scattered, shares_C).values()) == {
        0.0
    }


def test_names_of_features_follow_the_heads() -> None:
    assert all(is_feature(name, 2) for name in ("sink", "matched_long_words", "similarity_0", "similarity_1"))
    others = ("similarity_2", "similarity_", "similarity_00", "similarity_-1", f"similarity_{'9' * 9999}")
    assert not any(is_feature(name, 2) for name in (*others, "nearest_0", "sink_0", "far", ""))


def test_the_logit_of_a_token_with_itself_is_the_same_in_blocks(
    monkeypatch: pytest.MonkeyPatch, scorer: Scorer
) -> None:
    attention = scorer.attention
    torch.manual_seed(0)
    states = {layer: torch.randn(5, attention.center.shape[1]) for layer in set(attention.layers)}
    query_HMD = torch.stack(attention.unit_states(states))
    projected_HMD = attention.queries(states)
    whole = self_logits(attention, projected_HMD, states)
    torch.testing.assert_close(whole, (projected_HMD * query_HMD).sum(dim=-1))
    monkeypatch.setattr("longattncomp_cli.core.scoring.confidence._BLOCK", 2)
    torch.testing.assert_close(self_logits(attention, projected_HMD, states), whole)


def test_a_scorer_gives_every_feature_that_a_checkpoint_may_name(
    monkeypatch: pytest.MonkeyPatch, scorer: Scorer
) -> None:
    stage1 = load_checkpoint("stage1")
    plain = Scorer(stage1, scorer.backbone)
    sources = (Source("The ledger was signed by Ada Okwu.\n\nRain fell on the northern pier."),)
    found = plain.score(Request(sources, "Who signed the ledger?"))
    assert found.features is not None
    wanted = {*SCORE_FEATURES, *LEXICAL_FEATURES, *(f"similarity_{head}" for head in range(4))}
    assert set(found.features) == wanted
    assert all(is_feature(name, 4) for name in wanted)
    assert all(map(math.isfinite, found.features.values()))
    certain = LogisticModel(weights={"sink": 0.0}, offset=50.0)
    config = replace(stage1.config, calibration=certain, sufficiency=certain)
    sure = Scorer(replace(stage1, config=config), scorer.backbone)
    again = sure.score(Request(sources, "Who signed the ledger?"))
    assert again.confidence == pytest.approx(1.0)
    assert (again.sink, again.sufficiency) == (found.sink, None)  # of two chunks it is not said
    many = Request(
        (Source("\n\n".join(f"On day {day} the clerk wrote a line about the rain." for day in range(30))),),
        "Who signed the ledger?",
    )
    hops: list[int] = []
    monkeypatch.setattr(
        "longattncomp_cli.core.scoring.scorer.hop", lambda shares, *_: hops.append(1) or shares
    )
    small = sure.with_options(chunk_tokens=8)
    assert small.score(many).sufficiency == pytest.approx(1.0)
    assert (small.options.hops, len(hops)) == (2, 1)
    small.with_options(one_hop_above=0.5).score(many)  # as --select auto has it
    assert len(hops) == 1
    small.with_options(one_hop_above=0.5, hops_are_required=True).score(many)
    assert len(hops) == 2


def test_calibration_keeps_the_order_and_the_identity() -> None:
    grid = np.linspace(0, 1, 21).tolist()
    assert [calibrated(value, None) for value in grid] == grid


def test_a_model_of_features_finds_the_one_that_tells() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(2_000) < 0.5
    features = [{"sink": 3.0 * yes + rng.normal(), "best": 100 * rng.normal()} for yes in truth]
    model = fit_logistic(["sink", "best"], features, truth.tolist(), np.ones(len(truth)), 1e-4)
    # Two normal distributions 3 apart: the log-odds are 3 x - 4.5.
    assert model.weights["sink"] == pytest.approx(3, rel=0.15)
    assert model.offset == pytest.approx(-4.5, rel=0.15)
    assert abs(model.weights["best"]) < 0.01
    given = np.array([model.probability(found) for found in features])
    assert given.mean() == pytest.approx(truth.mean(), abs=0.01)
    assert calibrated(0.3, model, features[0]) == given[0]
    assert calibrated(0.3, model, None) == 0.3
    with pytest.raises(ValueError, match="without an answer"):
        fit_logistic(["sink"], features, [True] * len(features), np.ones(len(truth)), 1e-4)


def test_a_fit_leaves_a_question_counted_twice_where_it_was_weighted_double() -> None:
    truth = [True, False, True, False, True]
    features = [{"sink": value} for value in (2.0, -1.0, 0.5, 0.7, 1.0)]
    twice = fit_logistic(["sink"], features, truth, np.array([2.0, 1, 1, 1, 1]), 0.1)
    repeated = fit_logistic(["sink"], [features[0], *features], [True, *truth], np.ones(6), 0.1)
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
    config = replace(stage1.config, calibration=model, sufficiency=model)
    save_checkpoint(replace(stage1, config=config), tmp_path, "")
    read = load_checkpoint(str(tmp_path))
    assert read.config.calibration == read.config.sufficiency == model
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
        ({"weights": {"similarity_": 1.0}}, "similarity_"),
        ({"weights": {"nearest_0": 1.0}}, "nearest_0"),  # of format 1
        ({"more": 1}, "fields"),
    ],
)
@pytest.mark.parametrize("name", ["calibration", "sufficiency"])
def test_a_model_that_cannot_be_used_is_refused(
    tmp_path: Path, name: str, change: dict[str, object], reason: str
) -> None:
    stage1 = load_checkpoint("stage1")
    save_checkpoint(stage1, tmp_path, "")
    config = orjson.loads((tmp_path / "config.json").read_bytes()) | {name: MODEL | change}
    (tmp_path / "config.json").write_bytes(orjson.dumps(config))
    with pytest.raises(CheckpointError, match=reason):
        load_checkpoint(str(tmp_path))


@pytest.mark.parametrize("name", ["calibration", "sufficiency"])
@pytest.mark.parametrize("value", [[0.0, 1.0], [], "x", 3, 0, True, False, "", {}, {"a": 1}, {"weights": 1}])
def test_what_is_no_model_is_refused_with_a_sentence(tmp_path: Path, value: object, name: str) -> None:
    stage1 = load_checkpoint("stage1")
    save_checkpoint(stage1, tmp_path, "")
    config = orjson.loads((tmp_path / "config.json").read_bytes())
    (tmp_path / "config.json").write_bytes(orjson.dumps(config | {name: value}))
    with pytest.raises(CheckpointError, match=f"config.json: {name}: its fields must be"):
        load_checkpoint(str(tmp_path))
