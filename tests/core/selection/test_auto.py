"""The adaptive rule: the peak where it suffices, a stop at a gap, all of the budget where all is equal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.auto import AutoRule, num_chunks_to_keep, perplexity
from longattncomp_cli.core.selection.select import SelectionRule, num_chunks_by_rule


def test_the_peak_alone_is_taken_where_it_is_sufficient() -> None:
    rule = AutoRule(min_sufficiency=0.8, peak_min_ratio=0.1, peak_min_chunks=1)
    ranked = np.array([0.5, 0.3, 0.049, 0.01])
    assert num_chunks_to_keep(ranked, 0.1, rule, sufficiency=0.8) == 2  # 0.3 is above 0.1 · 0.5, 0.049 is not
    assert num_chunks_to_keep(ranked, 0.1, rule, sufficiency=0.79) == 4
    assert num_chunks_to_keep(ranked, 0.1, replace(rule, peak_min_chunks=3), sufficiency=1.0) == 3
    assert num_chunks_to_keep(ranked, 0.1, replace(rule, peak_min_chunks=9), sufficiency=1.0) == 4
    scores = ChunkScores(tuple(Chunk(i, 0, i, i + 1, 1) for i in range(4)), ranked, 0.1, sufficiency=0.9)
    assert num_chunks_by_rule(scores, SelectionRule(mode="auto", auto=rule)) == (2, "auto")


def test_the_adaptive_rule_stops_at_a_gap_and_fills_where_all_is_equal() -> None:
    rule = AutoRule(stop_ratio=0.1, stop_min_mass=0.5, max_perplexity=10)
    sharp = np.array([0.6, 0.3, 0.02, 0.01, 0.01])
    assert perplexity(np.ones(7)) == pytest.approx(7)
    assert num_chunks_to_keep(sharp, None, rule) == 2  # 0.02 < 0.1 · 0.6, and 0.9 of 0.94 is held
    assert num_chunks_to_keep(np.ones(30) / 30, None, rule) == 30
    # 0.2 of 0.22 is 0.91 and with the next 0.95: below 0.96 all are taken.
    late = replace(rule, stop_min_mass=0.96)
    assert num_chunks_to_keep(np.array([0.2, 0.01, 0.01]), None, late) == 3
    assert num_chunks_to_keep(np.array([1.0]), None, rule) == 1
    assert num_chunks_to_keep(np.zeros(3), 1.0, rule) >= 1
    scores = ChunkScores(tuple(Chunk(i, 0, i, i + 1, 1) for i in range(5)), sharp, None)
    assert num_chunks_by_rule(scores, SelectionRule(mode="auto", auto=rule)) == (2, "auto")
    assert num_chunks_by_rule(scores, SelectionRule(mode="auto", auto=replace(rule, max_perplexity=1))) == (
        5,
        "exhausted",
    )
