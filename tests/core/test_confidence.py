"""Signs: what they count, on scores and token ids that can be reckoned by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from longattncomp_cli.core.checkpoint.logistic import LogisticModel, is_feature
from longattncomp_cli.core.checkpoint.store import load_checkpoint
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


def test_names_of_signs_follow_the_heads() -> None:
    assert all(is_feature(name, 2) for name in ("sink", "matched_long_words", "similarity_0", "similarity_1"))
    assert not any(
        is_feature(name, 2)
        for name in ("similarity_2", "nearest_", "similarity_00", "nearest_-1", "sink_0", "far", "")
    )


def test_the_logit_of_a_token_with_itself_is_the_same_in_blocks(
    monkeypatch: pytest.MonkeyPatch, scorer: Scorer
) -> None:
    attention = scorer.attention
    torch.manual_seed(0)
    states = {layer: torch.randn(5, attention.center.shape[1]) for layer in set(attention.layers)}
    query_HMD = torch.stack(attention.unit_states(states))
    projected_HMD = attention.project_queries(query_HMD)
    whole = self_logits(attention, projected_HMD, states)
    torch.testing.assert_close(whole, (projected_HMD * query_HMD).sum(dim=-1))
    monkeypatch.setattr("longattncomp_cli.core.scoring.confidence._BLOCK", 2)
    torch.testing.assert_close(self_logits(attention, projected_HMD, states), whole)


def test_a_scorer_gives_every_sign_that_a_checkpoint_may_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from longattncomp_cli.core.scoring.loading import load_scorer

    stage1 = load_checkpoint("stage1")
    scorer = load_scorer(stage1, device="cpu", dtype="float32")
    sources = (Source("The ledger was signed by Ada Okwu.\n\nRain fell on the northern pier."),)
    verdict = scorer.score(Request(sources, "Who signed the ledger?"))
    assert verdict.signs is not None
    assert all(is_feature(name, 4) for name in verdict.signs)
    assert all(map(math.isfinite, verdict.signs.values()))
    certain = LogisticModel(weights={"sink": 0.0}, offset=50.0)
    scorer.checkpoint = replace(stage1, config=replace(stage1.config, calibration=certain, enough=certain))
    again = scorer.score(Request(sources, "Who signed the ledger?"))
    assert again.confidence == pytest.approx(1.0)
    assert (again.sink, again.enough) == (verdict.sink, None)  # of two chunks it is not said
    many = "\n\n".join(f"On day {day} the clerk wrote a line about the rain." for day in range(30))
    scorer.chunk_tokens = 8
    hops: list[int] = []
    monkeypatch.setattr(
        "longattncomp_cli.core.scoring.scorer.hop", lambda shares, *_: hops.append(1) or shares
    )
    assert scorer.score(Request((Source(many),), "Who signed the ledger?")).enough == pytest.approx(1.0)
    assert (scorer.hops, len(hops)) == (2, 1)
    scorer.one_hop_from = 0.5  # as --select auto has it
    scorer.score(Request((Source(many),), "Who signed the ledger?"))
    assert len(hops) == 1
