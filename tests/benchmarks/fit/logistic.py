"""Fit the logistic model that turns features of the scores into a probability (Newton's method)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from longattncomp_cli.core.checkpoint.logistic import Features, LogisticModel
from longattncomp_cli.core.text.arrays import FloatArray

_EDGE = 1e-9
_STEPS = 100
_PENALTY = 1e-3
_SMALLEST_STEP = 1e-9


def fit_logistic(
    names: Sequence[str],
    features: Sequence[Features],
    has_answer: Sequence[bool],
    weights: FloatArray,
    penalty: float,
) -> LogisticModel:
    """Fit a logistic model of the named features, with a penalty on the weights of standardised features.

    Args:
        names: of the features to use.
        features: of each request.
        has_answer: what is to be told.
        weights: (N,) how much each request counts; they are scaled to a mean of 1.
        penalty: of the squared weights, per request.

    Raises:
        ValueError: only one of the two kinds is there.
    """
    wanted = np.array(has_answer, dtype=float)
    if not 0 < wanted.sum() < len(wanted):
        raise ValueError("calibration needs requests with and without an answer")
    share = weights / weights.mean()
    table = np.array([[found[name] for name in names] for found in features])
    mean = np.average(table, axis=0, weights=share)
    width = np.sqrt(np.average((table - mean) ** 2, axis=0, weights=share)) + _EDGE
    inputs = np.concatenate([(table - mean) / width, np.ones((len(table), 1))], axis=1)
    penalties = np.append(np.full(len(names), penalty * len(table)), _PENALTY)
    line = _newton(inputs, wanted, share, penalties)
    slopes = line[:-1] / width
    return LogisticModel(
        weights={name: float(f"{slope:.4g}") for name, slope in zip(names, slopes, strict=True)},
        offset=float(f"{line[-1] - float(slopes @ mean):.4g}"),
    )


def _newton(
    inputs: FloatArray,
    wanted: FloatArray,
    share: FloatArray,
    penalties: FloatArray,
) -> FloatArray:
    """Minimise the weighted log loss with a penalty on the squared weights, by Newton's method."""

    def loss(line: FloatArray) -> float:
        odds = inputs @ line
        pull = float((penalties * line**2).sum()) / 2
        return float((share * (np.logaddexp(0, odds) - wanted * odds)).sum()) + pull

    line = np.zeros(inputs.shape[1])
    for _ in range(_STEPS):
        guess = 1 / (1 + np.exp(-np.clip(inputs @ line, -60, 60)))
        gradient = inputs.T @ (share * (guess - wanted)) + penalties * line
        curve = (inputs * (share * guess * (1 - guess))[:, None]).T @ inputs + np.diag(penalties)
        step = np.linalg.solve(curve, gradient)
        now = loss(line)
        while loss(line - step) > now and np.abs(step).max() > _SMALLEST_STEP:
            step = step / 2  # far from the minimum a whole step leads away
        line = line - step
        if np.abs(step).max() < _SMALLEST_STEP:
            break
    return line
