"""Reach and coverage: shares stay shares, the best stays the best, and each does what it is for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longattncomp_cli.core.coverage import cover
from longattncomp_cli.core.passages import reach

shares = st.lists(st.floats(0, 1), min_size=1, max_size=40).filter(lambda v: sum(v) > 1e-9)


def normal(values: list[float]) -> torch.Tensor:
    found = torch.tensor(values, dtype=torch.float64)
    return (0.8 * found / found.sum()).float()


@given(shares, st.integers(0, 2**31), st.floats(0, 3))
@settings(max_examples=200, deadline=None)
def test_reach_keeps_the_sum_and_the_best_and_stays_in_the_passage(values, seed, fall) -> None:
    scores = normal(values)
    starts = np.random.default_rng(seed).random(len(values)) < 0.4
    passages = np.cumsum(starts)
    raised = reach(scores, passages, fall)
    assert float(raised.sum()) == pytest.approx(0.8, abs=1e-5)
    assert scores[int(raised.argmax())] == scores.max()
    alone = reach(scores, np.arange(len(values)), fall)
    torch.testing.assert_close(alone, scores, rtol=1e-4, atol=1e-6)


def test_what_follows_the_best_chunk_in_its_passage_rises_and_what_stands_before_it_does_not() -> None:
    scores = normal([1, 1, 50, 1, 1, 2])
    raised = reach(scores, np.array([0, 1, 1, 1, 2, 2]), 0.4)
    order = torch.argsort(raised, descending=True).tolist()
    assert order[:2] == [2, 3]
    assert raised[1] == pytest.approx(float(raised[0]))
    assert raised[5] > raised[4]


@given(shares, st.integers(0, 2**31), st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_coverage_keeps_the_sum_and_the_best(values, seed, strength) -> None:
    scores = normal(values)
    gains = torch.from_numpy(np.random.default_rng(seed).random((len(values), 5)))
    covered = cover(scores, gains, strength)
    assert float(covered.sum()) == pytest.approx(0.8, abs=1e-5)
    assert covered[int(scores.argmax())] == covered.max()
    torch.testing.assert_close(cover(scores, gains, 0.0), scores, rtol=1e-4, atol=1e-6)


def test_the_other_thing_that_is_asked_for_goes_before_more_of_the_first() -> None:
    scores = normal([8, 7, 6, 5, 1])
    gains = torch.tensor([[3.0, 0], [3, 0], [3, 0], [0, 3], [0, 0]])
    order = torch.argsort(cover(scores, gains, 0.25), descending=True).tolist()
    assert order == [0, 3, 1, 2, 4]


def test_chunks_beyond_those_taken_one_by_one_stay_behind_them(monkeypatch) -> None:
    from longattncomp_cli.core import coverage

    rng = np.random.default_rng(3)
    scores = normal(rng.random(50).tolist())
    gains = torch.from_numpy(rng.random((50, 4)) * 3)
    whole = cover(scores, gains, 0.5)
    monkeypatch.setattr(coverage, "MOST_TAKEN", 10)
    first = torch.argsort(whole, descending=True)[:10].tolist()
    assert torch.argsort(cover(scores, gains, 0.5), descending=True)[:10].tolist() == first
