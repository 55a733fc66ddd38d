"""Reach and coverage: shares stay shares, the best stays the best, and each does what it is for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.chunking.passages import MAX_PASSAGE_CHUNKS
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.scoring.coverage import rerank_for_coverage
from longattncomp_cli.core.scoring.propagation import decays, normalise_by_length, propagate_scores

shares = st.lists(st.floats(0, 1), min_size=1, max_size=40).filter(lambda v: sum(v) > 1e-9)


def normal(values: list[float]) -> torch.Tensor:
    found = torch.tensor(values, dtype=torch.float64)
    return (0.8 * found / found.sum()).float()


def within(passage_C: np.ndarray, fall: float, text: str = "Prose.") -> np.ndarray:
    """What reaches the chunks of one text, whose spans do not matter."""
    chunks = [Chunk(i, 0, 0, 1, 1) for i in range(len(passage_C))]
    return decays(chunks, passage_C, [Source(text)], fall)


@given(shares, st.integers(0, 2**31), st.floats(0, 3))
@settings(max_examples=200, deadline=None)
def test_reach_keeps_the_sum_and_the_best_and_stays_in_the_passage(values, seed, fall) -> None:
    scores = normal(values).double().numpy()
    starts = np.random.default_rng(seed).random(len(values)) < 0.4
    raised = propagate_scores(scores, within(np.cumsum(starts), fall))
    assert raised.sum() == pytest.approx(scores.sum())
    assert raised[int(scores.argmax())] == raised.max()
    assert np.array_equal(raised > 0, scores > 0)
    np.testing.assert_allclose(
        propagate_scores(scores, within(np.arange(len(values)), fall)), scores, rtol=1e-9
    )


def test_what_follows_the_best_chunk_in_its_passage_rises_and_what_stands_before_it_does_not() -> None:
    scores = normal([1, 1, 50, 1, 1, 2]).double().numpy()
    raised = propagate_scores(scores, within(np.array([0, 1, 1, 1, 2, 2]), 0.4))
    assert np.argsort(-raised)[:2].tolist() == [2, 3]
    assert raised[1] == pytest.approx(raised[0])
    assert raised[5] > raised[4]


def test_of_two_chunks_with_one_score_the_shorter_is_worth_more_unless_both_are_short() -> None:
    scores = np.array([0.3, 0.3, 0.1, 0.1, 0.0])
    denser = normalise_by_length(scores, np.array([400, 100, 5, 30, 50]), 32)
    assert denser.sum() == pytest.approx(0.8)
    assert denser[1] / denser[0] == pytest.approx(4)
    assert denser[2] == denser[3]
    assert denser[4] == 0
    assert np.array_equal(normalise_by_length(np.zeros(2), np.array([1, 2]), 1), np.zeros(2))


def test_in_what_goes_on_without_end_nothing_reaches() -> None:
    scores = np.array([0.9, *[0.1 / MAX_PASSAGE_CHUNKS] * MAX_PASSAGE_CHUNKS])
    one = np.zeros(len(scores), dtype=np.int64)
    np.testing.assert_allclose(propagate_scores(scores, within(one, 0.4)), scores)
    assert not np.allclose(propagate_scores(scores[:-1], within(one[:-1], 0.4)), scores[:-1])


ORDER = ["Ann", "Bob", "Cem", "Ann", "Cem", "Bob", "Bob", "Ann", "Ann", "Cem"] * 3
LONG = "we agreed on this long ago, and nobody in the council ever raised it again until spring of this year"
TALK = "".join(f"{name}: {LONG if i % 4 == 0 else 'Yes.'}\n" for i, name in enumerate(ORDER))
LISTS = {
    "a log": "".join(
        f"{('INFO', 'WARN', 'ERROR')[i * i % 3]}: job {i} has ended. {LONG}\n" for i in range(30)
    ),
    "a service's log": "".join(f"{('db', 'api', 'web')[i * i % 3]}: job {i} has ended\n" for i in range(30)),
    "questions": "".join(f"Q: what is {i}?\nA: {LONG if i % 4 == 0 else i}\n" for i in range(30)),
    "fields": "".join(f"name: host{i}\nrole: {LONG}\n" for i in range(30)),
}


@pytest.mark.parametrize("kind", LISTS)
def test_what_only_looks_like_talk_does_not_go_on(kind: str) -> None:
    assert Source(LISTS[kind]).kind == ("log" if kind == "a log" else "chat")
    assert np.isinf(within(np.arange(40), 0.4, LISTS[kind])).all()


def test_a_conversation_goes_on_over_its_turns_however_long_it_is() -> None:
    apart, together = np.arange(40), np.zeros(40, dtype=np.int64)
    for passage_C in (apart, together):
        fall_C = within(passage_C, 0.4, TALK)
        assert np.isinf(fall_C[0])
        np.testing.assert_allclose(fall_C[1:], 0.4)
    chunks = [Chunk(0, 0, 0, 1, 1), Chunk(1, 1, 0, 1, 1), Chunk(2, 1, 1, 2, 1)]
    fall_C = decays(chunks, np.array([0, 1, 2]), [Source("Prose."), Source(TALK)], 0.4)
    assert np.isinf(fall_C).tolist() == [True, True, False]


@given(shares, st.integers(0, 2**31), st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_coverage_keeps_the_sum_and_the_best(values, seed, strength) -> None:
    scores = normal(values)
    gains = torch.from_numpy(np.random.default_rng(seed).random((len(values), 5)))
    covered = rerank_for_coverage(scores, gains, strength)
    assert float(covered.sum()) == pytest.approx(0.8, abs=1e-5)
    assert covered[int(scores.argmax())] == covered.max()
    torch.testing.assert_close(rerank_for_coverage(scores, gains, 0.0), scores, rtol=1e-4, atol=1e-6)


def test_the_other_thing_that_is_asked_for_goes_before_more_of_the_first() -> None:
    scores = normal([8, 7, 6, 5, 1])
    gains = torch.tensor([[3.0, 0], [3, 0], [3, 0], [0, 3], [0, 0]])
    order = torch.argsort(rerank_for_coverage(scores, gains, 0.25), descending=True).tolist()
    assert order == [0, 3, 1, 2, 4]


def test_chunks_beyond_those_taken_one_by_one_stay_behind_them(monkeypatch) -> None:
    from longattncomp_cli.core.scoring import coverage

    rng = np.random.default_rng(3)
    scores = normal(rng.random(50).tolist())
    gains = torch.from_numpy(rng.random((50, 4)) * 3)
    whole = rerank_for_coverage(scores, gains, 0.5)
    monkeypatch.setattr(coverage, "MAX_RERANKED", 10)
    first = torch.argsort(whole, descending=True)[:10].tolist()
    assert torch.argsort(rerank_for_coverage(scores, gains, 0.5), descending=True)[:10].tolist() == first
