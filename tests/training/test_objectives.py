"""Losses, pool scores and validation against arithmetic done in sight."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from longattncomp_cli.core.attention.cross_attention import CrossAttention, distinct_tokens
from longattncomp_cli.core.backbones.base import SegmentStates, StateBlock
from longattncomp_cli.core.checkpoint.config import Pooling
from longattncomp_cli.training.losses import attncomp_loss, cross_entropy
from longattncomp_cli.training.pools import logsumexp
from longattncomp_cli.training.pools.logsumexp import chunk_logsumexp
from longattncomp_cli.training.pools.scores import score_questions
from longattncomp_cli.training.pools.states import PoolStates
from longattncomp_cli.training.validation import recall_at


def test_cross_entropy_by_hand() -> None:
    scores = torch.tensor([2.0, 1.0, 0.0])
    sink = torch.tensor(0.5)
    relevant = torch.tensor([True, True, False])
    against = math.exp(0.0) + math.exp(0.5)  # the irrelevant chunk and the sink; not the other relevant chunk
    wanted = -np.mean([math.log(math.exp(s) / (math.exp(s) + against)) for s in (2.0, 1.0)])
    assert float(cross_entropy(scores, sink, relevant)) == pytest.approx(wanted, rel=1e-6)


def test_where_nothing_is_relevant_the_sink_is_the_answer() -> None:
    scores, nothing = torch.tensor([1.0, -1.0]), torch.tensor([False, False])
    wanted = -math.log(math.exp(3.0) / (math.exp(3.0) + math.exp(1.0) + math.exp(-1.0)))
    assert float(cross_entropy(scores, torch.tensor(3.0), nothing)) == pytest.approx(wanted, rel=1e-5)
    assert float(cross_entropy(scores, None, nothing)) == 0


def test_attncomps_loss_by_hand() -> None:
    mass = torch.tensor([0.3, 0.2, 0.4])  # the first two chunks are one document; the sink has 0.1
    relevant, document = torch.tensor([True, True, False]), torch.tensor([4, 4, 9])
    wanted = -math.log(0.5) - math.log(1 - 0.4) - 0.8 * math.log(1 - 0.1)
    assert float(attncomp_loss(mass, torch.tensor(0.1), relevant, document)) == pytest.approx(
        wanted, rel=1e-5
    )
    nothing = torch.zeros(3, dtype=torch.bool)
    wanted = -math.log(1 - 0.5) - math.log(1 - 0.4) - 0.8 * math.log(0.1)
    assert float(attncomp_loss(mass, torch.tensor(0.1), nothing, document)) == pytest.approx(wanted, rel=1e-5)


def test_recall_counts_the_last_chunk_in_part() -> None:
    scores, sizes = np.array([0.1, 0.9, 0.5]), np.array([10, 20, 30])
    relevant = np.array([False, True, True])
    # A half of 60 tokens: all 20 of the best chunk and 10 of the next one's 30; 30 of 50 relevant tokens.
    assert recall_at(scores, sizes, relevant, 1 / 2) == pytest.approx(30 / 50)
    assert recall_at(scores, sizes, relevant, 1) == 1


WIDTH, SIZES = 8, [3, 5, 1, 700, 600]


def make_pool(seed: int = 0) -> tuple[CrossAttention, PoolStates, dict[int, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    layer = CrossAttention((2, 0), WIDTH, WIDTH, learned_sink=True)
    states = {n: torch.randn(sum(SIZES), WIDTH, generator=generator) for n in (2, 0)}
    pool = PoolStates(
        torch.randint(0, 50, (sum(SIZES),), generator=generator),
        tuple(layer.unit_states(states)),
        (0, 1),
        torch.tensor(SIZES),
        torch.tensor([0, 0, 1, 2, 2]),
        torch.tensor([0, 0, 1, 2, 3]),
    )
    return layer, pool, states


def test_pool_logits_and_their_gradient_equal_the_scorers() -> None:
    layer, pool, states = make_pool()
    generator = torch.Generator().manual_seed(1)
    folded = torch.randn(2, 4, WIDTH, generator=generator).mul_(5).requires_grad_()
    weights = torch.randn(len(SIZES), 2, 4, generator=generator)

    owner = torch.repeat_interleave(torch.arange(len(SIZES)), torch.tensor(SIZES))
    logits_NHM = layer.logits(folded, states)
    wanted = torch.stack([logits_NHM[owner == i].logsumexp(dim=0) for i in range(len(SIZES))])
    found = chunk_logsumexp(folded, pool)
    torch.testing.assert_close(found, wanted)
    with torch.no_grad():
        streamed = layer.chunk_logsumexp(folded, [StateBlock(owner, states)], len(SIZES))
    torch.testing.assert_close(found.detach(), streamed)

    (wanted_grad,) = torch.autograd.grad((wanted * weights).sum(), folded)
    (found_grad,) = torch.autograd.grad((found * weights).sum(), folded)
    torch.testing.assert_close(found_grad, wanted_grad, atol=1e-4, rtol=1e-4)


def test_logits_computed_again_give_the_gradient_of_kept_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    _, pool, _ = make_pool()
    folded = torch.randn(2, 4, WIDTH, generator=torch.Generator().manual_seed(3)).requires_grad_()
    (kept,) = torch.autograd.grad(chunk_logsumexp(folded, pool).square().sum(), folded)
    monkeypatch.setattr(logsumexp, "KEPT_LOGITS_BYTES", 0)
    (again,) = torch.autograd.grad(chunk_logsumexp(folded, pool).square().sum(), folded)
    assert torch.equal(kept, again)


def test_a_state_for_each_distinct_token_is_one_for_each_token() -> None:
    _, pool, _ = make_pool()
    place_U, index_N = distinct_tokens(pool.ids_N)
    table_UD = pool.unit_states[1][place_U]
    whole = replace(pool, unit_states=(pool.unit_states[0], table_UD[index_N]))
    short = replace(pool, unit_states=(pool.unit_states[0], table_UD), row_N={1: index_N})
    torch.testing.assert_close(short.of_each_token(1), whole.of_each_token(1))
    folded = torch.randn(2, 4, WIDTH, generator=torch.Generator().manual_seed(4)).requires_grad_()
    found = []
    for each in (whole, short):
        sums_CHM = chunk_logsumexp(folded, each)
        found.append((sums_CHM, *torch.autograd.grad(sums_CHM.square().sum(), folded)))
    for wanted, got in zip(*found, strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("pooling", ["log", "mean"])
def test_questions_of_a_pool_do_not_see_each_other_nor_hidden_chunks(pooling: Pooling) -> None:
    layer, pool, _ = make_pool()
    generator = torch.Generator().manual_seed(2)
    ids = [torch.randint(0, 50, (n,), generator=generator) for n in (3, 6)]
    states = [{n: torch.randn(len(i), WIDTH, generator=generator) for n in (2, 0)} for i in ids]
    queries = [SegmentStates(*each) for each in zip(ids, states, strict=True)]
    everything, hidden = np.ones(5, dtype=bool), np.array([True, False, True, True, True])
    together = score_questions(layer, pool, queries, [everything, hidden], pooling=pooling)
    alone = score_questions(layer, pool, queries[1:], [hidden], pooling=pooling)[0]
    torch.testing.assert_close(together[1].chunks_C, alone.chunks_C)
    assert len(alone.chunks_C) == 4

    layer2, pool2, _ = make_pool()
    keep = torch.repeat_interleave(torch.tensor(hidden), torch.tensor(SIZES))
    without = PoolStates(
        pool2.ids_N[keep],
        tuple(x[keep] for x in pool2.unit_states),
        (0, 1),
        torch.tensor([3, 1, 700, 600]),
        pool2.document_C[hidden],
        pool2.passage_C[hidden],
    )
    really = score_questions(layer2, without, queries[1:], [np.ones(4, dtype=bool)], pooling=pooling)[0]
    torch.testing.assert_close(alone.chunks_C, really.chunks_C)
    torch.testing.assert_close(alone.sink, really.sink)
