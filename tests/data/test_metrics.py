import numpy as np
import pytest

from longattncomp_cli.core.text.spans import merge_spans
from longattncomp_cli.data.metrics import (
    auroc,
    bootstrap_mean,
    evidence_recall,
    is_evidence_complete,
    paired_difference,
)


def test_recall_counts_each_character_once():
    # Evidence 0–10 and 20–30; kept 5–10 (twice) and 18–25: 5 + 5 of 20 characters.
    assert evidence_recall([(5, 10), (5, 9), (18, 25)], [(0, 10), (20, 30)]) == 0.5


def test_recall_equals_a_count_over_characters():
    rng = np.random.default_rng(0)
    for _ in range(200):
        kept, evidence = (
            [
                (int(a), int(a + n))
                for a, n in zip(rng.integers(0, 90, 4), rng.integers(0, 30, 4), strict=True)
            ]
            for _ in range(2)
        )
        evidence.append((3, 7))
        wanted = {i for start, end in evidence for i in range(start, end)}
        found = wanted & {i for start, end in kept for i in range(start, end)}
        assert evidence_recall(kept, evidence) == pytest.approx(len(found) / len(wanted))
        assert is_evidence_complete(kept, evidence) == (found == wanted)


def test_nothing_kept_recalls_nothing_and_everything_recalls_all():
    assert evidence_recall([], [(2, 4)]) == 0.0
    assert evidence_recall([(0, 3), (3, 9)], [(2, 4)]) == 1.0
    assert is_evidence_complete([(0, 3), (3, 9)], [(2, 4)])


def test_recall_without_evidence_is_refused():
    with pytest.raises(ValueError, match="evidence"):
        evidence_recall([(0, 1)], [(4, 4)])


def test_merged_spans_are_sorted_and_disjoint():
    assert merge_spans([(5, 6), (0, 2), (2, 3), (9, 9), (1, 2)]) == [(0, 3), (5, 6)]


def test_interval_is_the_same_for_one_seed_and_holds_the_mean():
    values = np.random.default_rng(1).random(50)
    interval = bootstrap_mean(values, seed=3)
    assert interval == bootstrap_mean(values, seed=3)
    assert interval != bootstrap_mean(values, seed=4)
    assert interval.mean == pytest.approx(values.mean())
    assert interval.low < interval.mean < interval.high
    # The normal approximation: ± 1.96 standard errors.
    error = 1.96 * values.std() / np.sqrt(50)
    assert interval.high - interval.mean == pytest.approx(error, rel=0.1)


def test_interval_covers_the_true_mean_about_95_times_in_100():
    rng = np.random.default_rng(2)
    hits = 0
    for seed in range(200):
        interval = bootstrap_mean(rng.random(60), seed=seed, resamples=1_000)
        hits += interval.low <= 0.5 <= interval.high
    assert 180 <= hits <= 199


def test_constant_values_have_no_width():
    interval = bootstrap_mean([0.25] * 8)
    assert (interval.low, interval.mean, interval.high) == (0.25, 0.25, 0.25)


def test_paired_difference_sees_what_unpaired_noise_hides():
    base = np.random.default_rng(5).random(40)
    interval = paired_difference(base + 0.01, base)
    assert interval.mean == pytest.approx(0.01)
    assert interval.low > 0
    nothing = paired_difference(base, base)
    assert nothing.low <= 0 <= nothing.high
    with pytest.raises(ValueError, match="equal lengths"):
        paired_difference([1.0], [1.0, 2.0])


def test_auroc_equals_a_count_over_pairs():
    rng = np.random.default_rng(6)
    positive, negative = rng.integers(0, 6, 30), rng.integers(0, 5, 20)
    pairs = [1.0 if p > n else 0.5 if p == n else 0.0 for p in positive for n in negative]
    assert auroc(positive, negative) == pytest.approx(sum(pairs) / len(pairs))
    assert auroc([2, 3], [0, 1]) == 1.0
    assert auroc([1, 1], [1]) == 0.5


def test_empty_samples_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        bootstrap_mean([])
    with pytest.raises(ValueError, match="positive and negative"):
        auroc([], [1.0])
