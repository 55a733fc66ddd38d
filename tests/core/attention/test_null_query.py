"""Mass that a query without content draws as well is taken out, and nothing else changes."""

from __future__ import annotations

import pytest
import torch

from longattncomp_cli.core.attention.pooling import without_null


def test_shares_sum_to_what_they_summed_to_and_follow_the_excess() -> None:
    mass_C, null_C = torch.tensor([0.4, 0.3, 0.1]), torch.tensor([0.35, 0.05, 0.02])
    found = without_null(mass_C, null_C)
    # What exceeds: 0.05, 0.25, 0.08 of 0.38; the three had 0.8 together.
    assert found.tolist() == pytest.approx([0.8 * x / 0.38 for x in (0.05, 0.25, 0.08)], rel=1e-5)


def test_a_null_query_that_draws_nothing_changes_nothing() -> None:
    mass_C = torch.tensor([0.5, 0.2, 0.1])
    torch.testing.assert_close(without_null(mass_C, torch.zeros(3)), mass_C)


def test_the_null_query_itself_leaves_its_own_shares() -> None:
    mass_C = torch.tensor([0.5, 0.2, 0.1])
    torch.testing.assert_close(without_null(mass_C, mass_C), mass_C)


def test_chunks_that_the_null_query_draws_more_to_come_last_in_their_order() -> None:
    mass_C, null_C = torch.tensor([0.30, 0.20, 0.02, 0.0]), torch.tensor([0.40, 0.30, 0.01, 0.0])
    found = without_null(mass_C, null_C)
    assert found.argsort(descending=True).tolist() == [2, 0, 1, 3]
    assert (found >= 0).all()
