"""Calibrated confidence: of the requests with confidence 0.8, about 80% hold an answer.

Raw confidence is ``1 − sink``, which orders requests but is no frequency. Platt's rule, a line in the
log-odds, turns it into one and keeps the order; its two numbers stand in the checkpoint's ``config.json``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from longattncomp_cli.core.types import FloatArray

Calibration = tuple[float, float]
"""Slope (positive) and offset of the line in the log-odds."""

_EDGE = 1e-9
_STEPS = 100
_PENALTY = 1e-3
_LEAST_SLOPE = 1e-3
_SMALLEST_STEP = 1e-9


def calibrated(raw: float, calibration: Calibration | None) -> float:
    """The confidence in [0, 1]; ``raw`` itself where there is no calibration."""
    if calibration is None:
        return raw
    slope, offset = calibration
    odds = slope * _log_odds(raw) + offset
    return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0


def fit_calibration(raw: Sequence[float], has_answer: Sequence[bool]) -> Calibration:
    """Fit by Newton's method on the log loss, with Platt's softened targets and a small penalty.

    Raises:
        ValueError: only one of the two kinds is there.
    """
    num_yes, num_no = sum(has_answer), len(has_answer) - sum(has_answer)
    if not num_yes or not num_no:
        raise ValueError("calibration needs requests with and without an answer")
    odds = np.array([_log_odds(value) for value in raw])
    inputs = np.stack([odds, np.ones_like(odds)], axis=1)
    wanted = np.where(np.array(has_answer), (num_yes + 1) / (num_yes + 2), 1 / (num_no + 2))
    line = np.array([1.0, 0.0])
    for _ in range(_STEPS):
        guess = 1 / (1 + np.exp(-np.clip(inputs @ line, -60, 60)))
        gradient = inputs.T @ (guess - wanted) + _PENALTY * (line - [1.0, 0.0])
        curve = (inputs * (guess * (1 - guess))[:, None]).T @ inputs + _PENALTY * np.eye(2)
        step = np.linalg.solve(curve, gradient)
        now = _loss(inputs, wanted, line)
        while _loss(inputs, wanted, line - step) > now and np.abs(step).max() > _SMALLEST_STEP:
            step = step / 2  # far from the minimum a whole step leads away
        line = line - step
        line[0] = max(line[0], _LEAST_SLOPE)
    return float(line[0]), float(line[1])


def _loss(inputs: FloatArray, wanted: FloatArray, line: FloatArray) -> float:
    odds = inputs @ line
    penalty = _PENALTY / 2 * float(((line - [1.0, 0.0]) ** 2).sum())
    return float((np.logaddexp(0, odds) - wanted * odds).sum()) + penalty


def _log_odds(share: float) -> float:
    share = min(1 - _EDGE, max(_EDGE, share))
    return math.log(share / (1 - share))
