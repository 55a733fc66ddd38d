"""The layer's laws: mass sums to 1, streaming is exact, pooling is what the papers say."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.attention.pooling import normalise, pool_log_mass, pool_mean, softmax_with_sink
from longattncomp_cli.core.backbones.base import StateBlock

WIDTH, LAYERS = 12, (3, 3, 0)


def make_layer(seed: int = 0, learned_sink: bool = False) -> CrossAttention:
    generator = torch.Generator().manual_seed(seed)
    layer = CrossAttention(LAYERS, WIDTH, WIDTH, learned_sink)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
        layer.center += 0.1 * torch.randn(layer.center.shape, generator=generator)
    return layer.requires_grad_(False)


def make_states(num_tokens: int, seed: int) -> dict[int, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {layer: torch.randn(num_tokens, WIDTH, generator=generator) for layer in (0, 3)}


def blocks(states: dict[int, torch.Tensor], chunk_N: torch.Tensor, size: int) -> list[StateBlock]:
    return [
        StateBlock(chunk_N[i : i + size], {layer: value[i : i + size] for layer, value in states.items()})
        for i in range(0, len(chunk_N), size)
    ]


def naive_paper_scores(layer, query, context, sink, chunk_N, num_chunks):
    """One shot, as the paper writes it: a softmax over sink and context, a mean over heads and query."""
    total = torch.zeros(num_chunks + 1, dtype=torch.float64)
    for head, number in enumerate(LAYERS):

        def normal(states, head=head, number=number):
            return F.normalize(states[number] - layer.center[head], dim=-1).double()

        queries = normal(query) @ layer.w_q[head].double() + layer.b_q[head].double()
        keys = torch.cat([normal(sink), normal(context)]) @ layer.w_k[head].double()
        logits = queries @ keys.T * layer.log_temperature[head].double().exp()
        attention = logits.softmax(dim=1).mean(dim=0)
        owner = torch.cat([torch.zeros(len(sink[0]), dtype=torch.long), chunk_N + 1])
        total.index_add_(0, owner, attention / len(LAYERS))
    return total[1:], total[0]


@pytest.fixture
def setting():
    chunk_N = torch.tensor([0] * 9 + [1] * 4 + [2] * 17 + [4] * 10)  # chunk 3 has no token
    return make_layer(), make_states(5, 1), make_states(40, 2), make_states(3, 3), chunk_N


@pytest.mark.parametrize("block_tokens", [1, 7, 40])
def test_mean_pooling_equals_the_papers_one_shot_arithmetic(setting, block_tokens: int) -> None:
    layer, query, context, sink, chunk_N = setting
    folded = layer.queries(query)
    chunks_CHM = layer.chunk_logsumexp(folded, blocks(context, chunk_N, block_tokens), 5)
    sink_HM = layer.logits(folded, sink).logsumexp(dim=0)
    scores, sink_mass = pool_mean(normalise(chunks_CHM, sink_HM))
    wanted, wanted_sink = naive_paper_scores(layer, query, context, sink, chunk_N, 5)
    torch.testing.assert_close(scores.double(), wanted, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(sink_mass.double(), wanted_sink, atol=1e-6, rtol=1e-4)
    assert float(scores.sum() + sink_mass) == pytest.approx(1, abs=1e-5)
    assert scores[3] == 0


def log_pooled(layer, query, context, chunk_N, block_tokens, order=None):
    normal = torch.stack(layer.unit_states(query))
    parts = blocks(context, chunk_N, block_tokens)
    folded = layer.queries(query)
    chunks_CHM = layer.chunk_logsumexp(folded, parts if order is None else [parts[i] for i in order], 5)
    sink_HM = layer.sink_logits(folded) if layer.learned_sink else None
    weights = layer.weights(normal, torch.linspace(0, 1, normal.shape[1]))
    return softmax_with_sink(*pool_log_mass(normalise(chunks_CHM, sink_HM), weights, layer.floor))


@pytest.mark.parametrize("learned_sink", [False, True])
def test_log_pooling_is_a_distribution_whatever_the_blocks_and_their_order(
    setting, learned_sink: bool
) -> None:
    _, query, context, _, chunk_N = setting
    layer = make_layer(learned_sink=learned_sink)
    once, sink = log_pooled(layer, query, context, chunk_N, 40)
    assert float(once.sum() + (0 if sink is None else sink)) == pytest.approx(1, abs=1e-6)
    assert (sink is not None) == learned_sink
    for size in (1, 3, 11):
        torch.testing.assert_close(log_pooled(layer, query, context, chunk_N, size)[0], once)
    reverse = list(range(4))[::-1]
    torch.testing.assert_close(log_pooled(layer, query, context, chunk_N, 10, reverse)[0], once)


def test_a_chunk_without_tokens_gets_nothing(setting) -> None:
    layer, query, context, _, chunk_N = setting
    assert log_pooled(layer, query, context, chunk_N, 40)[0][3] == 0


def test_tokens_of_another_query_in_the_batch_change_nothing(setting) -> None:
    layer, query, context, _, chunk_N = setting
    other = make_states(4, 9)
    both = {key: torch.cat([query[key], other[key]]) for key in query}
    alone = layer.chunk_logsumexp(layer.queries(query), blocks(context, chunk_N, 9), 5)
    joint = layer.chunk_logsumexp(layer.queries(both), blocks(context, chunk_N, 9), 5)
    torch.testing.assert_close(joint[:, :, :5], alone)


def test_an_untrained_head_compares_the_states_themselves() -> None:
    layer = CrossAttention((3,), WIDTH, WIDTH)
    states = make_states(6, 4)
    folded = layer.queries(states)
    logits_NHM = layer.logits(folded, states)
    assert torch.equal(logits_NHM[:, 0].argmax(dim=1), torch.arange(6))
    assert float(logits_NHM.detach()[0, 0, 0]) == pytest.approx(
        20, rel=1e-5
    )  # temperature × cosine of a state with itself


def test_an_absent_query_token_loses_its_weight_where_the_head_says_so() -> None:
    layer = CrossAttention((0, 3), WIDTH, WIDTH)
    with torch.no_grad():
        layer.gate_absent[0] = -20.0
        layer.gate_rarity.zero_()
    normal = torch.stack(layer.unit_states(make_states(2, 5)))
    weights = layer.weights(normal, torch.tensor([0.5, 1.0]))
    assert float(weights.detach()[0, 1]) < 1e-6
    torch.testing.assert_close(weights[1, 0], weights[1, 1])  # the other head does not mind
    assert float(weights.detach().sum()) == pytest.approx(1)


def test_logits_of_any_size_stay_finite() -> None:
    layer = CrossAttention((3,), WIDTH, WIDTH)
    with torch.no_grad():
        layer.log_temperature.fill_(8.0)  # e⁸ ≈ 2981: exp() of a logit overflows a float many times over
    states = make_states(30, 6)
    folded = layer.queries(states)
    mass = normalise(layer.chunk_logsumexp(folded, blocks(states, torch.arange(30) // 3, 5), 10), None)
    assert torch.isfinite(pool_mean(mass)[0]).all()
    assert float(pool_mean(mass)[0].detach().sum()) == pytest.approx(1, abs=1e-5)
