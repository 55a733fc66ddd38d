"""Calibrated confidence: of the requests with confidence 0.8, about 80% hold an answer.

Raw confidence is ``1 − sink``, which orders requests but is no frequency. A calibration turns it into one: a
logistic model of features of the scores (:mod:`longattncomp_cli.core.scoring.confidence`), which stands in
the checkpoint's ``config.json``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Features = Mapping[str, float]

SCORE_FEATURES = ("sink", "best", "gap_2", "gap_5", "entropy", "chunks")
"""Log-odds of the chunks against the sink; logarithms of the best share over an even one, over the second and
over the fifth; the entropy of the shares; the logarithm of the number of chunks."""
LEXICAL_FEATURES = ("words", "matched_long_words", "missing_names")
"""The logarithm of the number of query words; of the words of several tokens, log(1 + how many) the best
chunks hold; and of those with a digit, a capital or an underscore, log(1 + how many) stand nowhere in the
context: names and keys stand there as they are, a plain word perhaps in another form."""
HEAD_FEATURE = "similarity"
"""For each head, as ``similarity_0``: how near the best chunk comes to the query's tokens, weighted by idf:
0 is a token itself, −1 far from it."""


def is_feature(name: str, num_heads: int) -> bool:
    """Whether a scorer with so many heads gives a feature of this name."""
    kind, _, head = name.rpartition("_")
    if kind == HEAD_FEATURE:
        return head in map(str, range(num_heads))
    return name in SCORE_FEATURES or name in LEXICAL_FEATURES


LOGISTIC_VERSION = 2
_LARGEST = 1e6


@dataclass(frozen=True, kw_only=True)
class LogisticModel:
    """A logistic model of a few features."""

    weights: Mapping[str, float]
    """Weights in the log-odds, by the name of the feature."""
    offset: float
    """Constant term of the log-odds."""
    version: int = LOGISTIC_VERSION
    """Version of this form."""

    def __post_init__(self) -> None:
        """Refuse what cannot be computed.

        Raises:
            ValueError: says what is wrong.
        """
        if type(self.version) is not int or self.version != LOGISTIC_VERSION:
            raise ValueError(f"version {self.version!r} is not {LOGISTIC_VERSION}")
        if not isinstance(self.weights, Mapping) or not self.weights:
            raise ValueError("it has no weights")
        if not all(map(_is_number, (self.offset, *self.weights.values()))):
            raise ValueError("weights and offset must be finite numbers")

    def unknown(self, num_heads: int) -> list[str]:
        """The names that a scorer with so many heads does not give."""
        return sorted(name for name in self.weights if not is_feature(name, num_heads))

    def probability(self, features: Features) -> float:
        """The probability in [0, 1] that the model gives."""
        return _logistic(self.offset + sum(w * features[name] for name, w in self.weights.items()))


def calibrated(raw: float, calibration: LogisticModel | None, features: Features | None = None) -> float:
    """The confidence in [0, 1]; ``raw`` itself where there is no calibration, or no features to read."""
    return raw if calibration is None or features is None else calibration.probability(features)


def read_logistic(value: Any) -> LogisticModel | None:
    """Check and convert a model of features.

    Raises:
        ValueError: it is none; says why.
    """
    if value is None or isinstance(value, LogisticModel):
        return value
    if not isinstance(value, dict) or set(value) != {"version", "weights", "offset"}:
        raise ValueError("its fields must be version, weights and offset")
    return LogisticModel(**value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < _LARGEST


def _logistic(odds: float) -> float:
    return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0
