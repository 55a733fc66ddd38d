"""Calibrated confidence: of the requests with confidence 0.8, about 80% hold an answer.

Raw confidence is ``1 − sink``, which orders requests but is no frequency. A calibration turns it into one; it
stands in the checkpoint's ``config.json`` and has one of two forms: Platt's line in the log-odds of
``1 − sink`` (two numbers, keeps the order), or a weighted sum of signs (:mod:`longattncomp_cli.core.signs`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from longattncomp_cli.core.signs import Signs, is_sign
from longattncomp_cli.core.types import FloatArray

Line = tuple[float, float]
"""Slope (positive) and offset of the line in the log-odds of ``1 − sink``."""

SIGNS_VERSION = 2
_LARGEST = 1e6
_EDGE = 1e-9
_STEPS = 100
_PENALTY = 1e-3
_LEAST_SLOPE = 1e-3
_SMALLEST_STEP = 1e-9


@dataclass(frozen=True, kw_only=True)
class SignModel:
    """A logistic model of a few signs."""

    weights: Mapping[str, float]
    """Of the log-odds, by the name of the sign."""
    offset: float
    """Of the log-odds."""
    version: int = SIGNS_VERSION
    """Of this form; the line is the first."""

    def __post_init__(self) -> None:
        """Refuse what cannot be computed.

        Raises:
            ValueError: says what is wrong.
        """
        if self.version != SIGNS_VERSION:
            raise ValueError(f"version {self.version!r} is not {SIGNS_VERSION}")
        if not isinstance(self.weights, Mapping) or not self.weights:
            raise ValueError("it has no weights")
        if not all(map(_is_number, (self.offset, *self.weights.values()))):
            raise ValueError("weights and offset must be finite numbers")

    def unknown(self, num_heads: int) -> list[str]:
        """The names that a scorer with so many heads does not give."""
        return sorted(name for name in self.weights if not is_sign(name, num_heads))

    def probability(self, signs: Signs) -> float:
        """The probability in [0, 1] that the model gives."""
        return _logistic(self.offset + sum(w * signs[name] for name, w in self.weights.items()))


Calibration = Line | SignModel


def calibrated(raw: float, calibration: Calibration | None, signs: Signs | None = None) -> float:
    """The confidence in [0, 1]; ``raw`` itself where there is no calibration, or no signs for it to read."""
    if calibration is None:
        return raw
    if isinstance(calibration, SignModel):
        return raw if signs is None else calibration.probability(signs)
    slope, offset = calibration
    return _logistic(slope * _log_odds(raw) + offset)


def read_calibration(value: Any) -> Calibration | None:
    """Check and convert what ``config.json`` says.

    Raises:
        ValueError: it is no calibration; says why.
    """
    if value is None or isinstance(value, (SignModel, dict)):
        return read_sign_model(value)
    if not isinstance(value, (list, tuple)) or len(value) != 2 or not all(map(_is_number, value)):
        raise ValueError("it must be a positive slope and an offset, or version, weights and offset")
    if value[0] <= 0:
        raise ValueError(f"its slope {value[0]} is not positive")
    return (value[0], value[1])


def read_sign_model(value: Any) -> SignModel | None:
    """Check and convert a model of signs.

    Raises:
        ValueError: it is none; says why.
    """
    if value is None or isinstance(value, SignModel):
        return value
    if not isinstance(value, dict) or set(value) != {"version", "weights", "offset"}:
        raise ValueError("its fields must be version, weights and offset")
    return SignModel(**value)


def fit_calibration(raw: Sequence[float], has_answer: Sequence[bool]) -> Line:
    """Fit a line by Newton's method on the log loss, with Platt's softened targets and a small penalty.

    Raises:
        ValueError: only one of the two kinds is there.
    """
    num_yes, num_no = sum(has_answer), len(has_answer) - sum(has_answer)
    if not num_yes or not num_no:
        raise ValueError("calibration needs requests with and without an answer")
    odds = np.array([_log_odds(value) for value in raw])
    inputs = np.stack([odds, np.ones_like(odds)], axis=1)
    wanted = np.where(np.array(has_answer), (num_yes + 1) / (num_yes + 2), 1 / (num_no + 2))
    line = _newton(
        inputs, wanted, np.ones(len(odds)), np.array([1.0, 0.0]), np.full(2, _PENALTY), _LEAST_SLOPE
    )
    return float(line[0]), float(line[1])


def fit_signs(
    names: Sequence[str],
    signs: Sequence[Signs],
    has_answer: Sequence[bool],
    weights: FloatArray,
    penalty: float,
) -> SignModel:
    """Fit a logistic model of the named signs, with a penalty on the weights of standardised signs.

    Args:
        names: of the signs to use.
        signs: of each request.
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
    table = np.array([[found[name] for name in names] for found in signs])
    mean = np.average(table, axis=0, weights=share)
    width = np.sqrt(np.average((table - mean) ** 2, axis=0, weights=share)) + _EDGE
    inputs = np.concatenate([(table - mean) / width, np.ones((len(table), 1))], axis=1)
    penalties = np.append(np.full(len(names), penalty * len(table)), _PENALTY)
    line = _newton(inputs, wanted, share, np.zeros(inputs.shape[1]), penalties, -np.inf)
    slopes = line[:-1] / width
    return SignModel(
        weights={name: float(f"{slope:.4g}") for name, slope in zip(names, slopes, strict=True)},
        offset=float(f"{line[-1] - float(slopes @ mean):.4g}"),
    )


def _newton(
    inputs: FloatArray,
    wanted: FloatArray,
    share: FloatArray,
    start: FloatArray,
    penalties: FloatArray,
    least_first: float,
) -> FloatArray:
    """Minimise the weighted log loss, pulled to ``start``; the first weight is at least ``least_first``."""

    def loss(line: FloatArray) -> float:
        odds = inputs @ line
        pull = float((penalties * (line - start) ** 2).sum()) / 2
        return float((share * (np.logaddexp(0, odds) - wanted * odds)).sum()) + pull

    line = start.copy()
    for _ in range(_STEPS):
        guess = 1 / (1 + np.exp(-np.clip(inputs @ line, -60, 60)))
        gradient = inputs.T @ (share * (guess - wanted)) + penalties * (line - start)
        curve = (inputs * (share * guess * (1 - guess))[:, None]).T @ inputs + np.diag(penalties)
        step = np.linalg.solve(curve, gradient)
        now = loss(line)
        while loss(line - step) > now and np.abs(step).max() > _SMALLEST_STEP:
            step = step / 2  # far from the minimum a whole step leads away
        line = line - step
        line[0] = max(line[0], least_first)
        if np.abs(step).max() < _SMALLEST_STEP:
            break
    return line


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < _LARGEST


def _logistic(odds: float) -> float:
    return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0


def _log_odds(share: float) -> float:
    share = min(1 - _EDGE, max(_EDGE, share))
    return math.log(share / (1 - share))
