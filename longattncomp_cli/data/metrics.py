"""Figures that say how good a scorer is, with the uncertainty of their mean. Spans are character ranges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from longattncomp_cli.core.text.arrays import FloatArray
from longattncomp_cli.core.text.spans import Span, merge_spans, overlap

_RESAMPLES = 10_000
_RESAMPLES_AT_ONCE = 500
_CONFIDENCE = 0.95  # the share of resampled means between the bounds


def evidence_recall(kept: Iterable[Span], evidence: Iterable[Span]) -> float:
    """Share of the evidence's characters that were kept; spans may overlap, each character counts once.

    Raises:
        ValueError: there is no evidence to keep.
    """
    kept_ranges, evidence_ranges = merge_spans(kept), merge_spans(evidence)
    total = sum(end - start for start, end in evidence_ranges)
    if not total:
        raise ValueError("evidence recall needs evidence of at least one character")
    return overlap(kept_ranges, evidence_ranges) / total


def evidence_iou(kept: Iterable[Span], evidence: Iterable[Span]) -> float:
    """Characters of the evidence that were kept, over all that were kept or are evidence."""
    kept_ranges, evidence_ranges = merge_spans(kept), merge_spans(evidence)
    common = overlap(kept_ranges, evidence_ranges)
    total = sum(end - start for start, end in [*kept_ranges, *evidence_ranges]) - common
    return common / max(1, total)


def is_evidence_complete(kept: Iterable[Span], evidence: Iterable[Span]) -> bool:
    """Whether every character of the evidence was kept."""
    kept_ranges, evidence_ranges = merge_spans(kept), merge_spans(evidence)
    return overlap(kept_ranges, evidence_ranges) == sum(end - start for start, end in evidence_ranges)


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the bounds of its confidence interval."""

    mean: float
    low: float
    high: float


def bootstrap_mean(
    values: Sequence[float] | FloatArray,
    *,
    seed: int = 0,
    resamples: int = _RESAMPLES,
) -> Interval:
    """The mean with a percentile bootstrap interval; the same for the same values and seed.

    Args:
        values: one figure an item.
        seed: of the resampling.
        resamples: how many.

    Raises:
        ValueError: there are no values.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or not len(sample):
        raise ValueError("a bootstrap interval needs at least one value")
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    for at in range(0, resamples, _RESAMPLES_AT_ONCE):
        count = min(_RESAMPLES_AT_ONCE, resamples - at)
        means[at : at + count] = sample[rng.integers(len(sample), size=(count, len(sample)))].mean(axis=1)
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(sample.mean()), float(low), float(high))


def paired_difference(
    first: Sequence[float] | FloatArray,
    second: Sequence[float] | FloatArray,
    *,
    seed: int = 0,
) -> Interval:
    """The mean of ``first − second`` over the same items, with its bootstrap interval.

    Raises:
        ValueError: the lengths differ, or there are no values.
    """
    if len(first) != len(second):
        raise ValueError(f"a paired difference needs equal lengths, not {len(first)} and {len(second)}")
    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    return bootstrap_mean(differences, seed=seed)


def auroc(positive: Sequence[float] | FloatArray, negative: Sequence[float] | FloatArray) -> float:
    """The chance that a positive item's figure is above a negative one's; equal figures count half.

    Raises:
        ValueError: one side is empty.
    """
    above, below = np.asarray(positive, dtype=np.float64), np.sort(np.asarray(negative, dtype=np.float64))
    if not len(above) or not len(below):
        raise ValueError("AUROC needs positive and negative items")
    wins = np.searchsorted(below, above, side="left")
    ties = np.searchsorted(below, above, side="right") - wins
    return float((wins.sum() + ties.sum() / 2) / (len(above) * len(below)))
