"""``--preset paper`` is the paper's recipe (LongAttnComp, arXiv:2606.01336), number by number."""

from __future__ import annotations

import pytest
import torch

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.training.config import EXAMPLE_LIMITS, NUM_HEADS, preset
from longattncomp_cli.training.optimizer import AveragingOptimizer


@pytest.mark.parametrize(("stage", "rate"), [(1, 2e-4), (2, 5e-5)])
def test_both_stages_have_the_papers_numbers(stage: int, rate: float) -> None:
    config = preset("paper", stage)
    assert config.learning_rate == pytest.approx(rate)
    assert (config.weight_decay, config.dropout, config.clip_norm) == (0.01, 0.1, 1.0)
    assert (config.batch_pools, config.epochs, config.held_out_share) == (8, 15, 0.05)
    assert config.pooling == "mean"
    assert NUM_HEADS["paper"] == 16
    pools = config.pools
    assert (pools.num_documents, pools.min_tokens, pools.max_tokens) == (100, 8_000, 48_000)
    assert pools.negative_share == 0.25
    assert pools.questions_per_pool == 1
    assert pools.haystacks


def test_each_stage_has_the_papers_examples() -> None:
    assert EXAMPLE_LIMITS["paper", 1] == {"squad": 16_000, "hotpotqa": 16_000}
    second = {"musique": 8_000, "2wikimultihopqa": 4_000, "squad": 4_000, "hotpotqa": 4_000}
    assert EXAMPLE_LIMITS["paper", 2] == second


def test_no_run_ends_early_and_all_held_out_questions_choose_the_checkpoint() -> None:
    config = preset("paper", 1)
    assert config.patience is None
    assert config.validation_questions >= 0.05 * 32_000


def test_the_rate_falls_by_half_a_cosine_from_the_first_step() -> None:
    optimizer = AveragingOptimizer(CrossAttention([1], 4, 2), preset("paper", 1), 1_000, {})
    rates = [optimizer.learning_rate(step) for step in (0, 250, 500, 750, 1_000)]
    assert rates == pytest.approx([2e-4, 1.7071e-4, 1e-4, 0.2929e-4, 0], rel=5e-3, abs=1e-9)


def test_what_is_saved_is_the_weights_as_trained_by_plain_adamw() -> None:
    """Against torch's own AdamW with the paper's decay, on the same gradients."""
    torch.manual_seed(0)
    layer, twin = CrossAttention([1, 1], 6, 4), CrossAttention([1, 1], 6, 4)
    twin.load_state_dict(layer.state_dict())
    config = preset("paper", 1)
    start = {name: value.detach().clone() for name, value in layer.named_parameters()}
    optimizer = AveragingOptimizer(layer, config, 10, start)
    plain = torch.optim.AdamW(twin.parameters(), lr=1.0, betas=(0.9, 0.98), weight_decay=0.01)
    for step in range(4):
        for one, other in zip(layer.parameters(), twin.parameters(), strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        torch.nn.utils.clip_grad_norm_(list(twin.parameters()), config.clip_norm)
        for group in plain.param_groups:
            group["lr"] = optimizer.learning_rate(step)
        optimizer.step(step)
        plain.step()
    with optimizer.averaged():
        for one, other in zip(layer.parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(one, other)
