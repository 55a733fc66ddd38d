"""``--select auto``: stop where the scores say that nothing more is to be found, else fill the budget.

Cumulative top-p stops too early where scores are sharp at the top and evidence is spread, and never where
they are flat. A checkpoint with a fitted ``enough`` says how probable it is that the peak of the scores, its
best chunks and those near the best one, holds all that is needed; where that is nearly sure the selection is
the peak, else the budget is filled. Without one the shape of the scores alone decides: it stops where they
fall below a share of the best one, once some mass is held, and fills where they are as wide as those of many
equal chunks. All numbers are fitted by ``tests/benchmarks/adaptive_selection.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longattncomp_cli.core.text.arrays import FloatArray


@dataclass(frozen=True, kw_only=True)
class AutoRule:
    """When to stop, and when not to; the first three where the checkpoint knows what is ``enough``."""

    sure: float = 0.9
    """Take the peak alone where it holds all that is needed with this probability."""
    peak_ratio: float = 0.01
    """Chunks whose score is at least this share of the best one belong to the peak."""
    peak_least: int = 2
    """And so do so many of the best."""
    ratio: float = 0.003
    """Stop at a chunk whose score is below this share of the best one."""
    mass: float = 0.5
    """But not before this much of what the chunks hold together is kept."""
    spread: float = 2.0
    """Fill the budget where the scores are as wide as those of more than so many equal chunks."""
    least: int = 1
    """Never fewer chunks than this, or all there are."""


def perplexity(ranked: FloatArray) -> float:
    """The perplexity of the scores: ``n`` for ``n`` equal chunks and nothing else."""
    total = float(ranked.sum())
    if total <= 0:
        return float(len(ranked))
    shares = ranked / total
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def peak_chunks(ranked: FloatArray, rule: AutoRule) -> int:
    """How many chunks the peak of the scores has, of (C,) scores, best first."""
    return min(len(ranked), max(1, rule.peak_least, int((ranked >= rule.peak_ratio * ranked[0]).sum())))


def num_chunks_to_keep(
    ranked: FloatArray, sink: float | None, rule: AutoRule, enough: float | None = None
) -> int:
    """How many of the best chunks to take where no budget binds.

    Args:
        ranked: (C,) scores, best first.
        sink: the mass that no chunk drew; it widens the doubt, so it counts as one more chunk.
        rule: the fitted numbers.
        enough: the probability that the peak holds all that is needed, where that is known.

    Returns:
        At least 1 for a context that is not empty; the number of chunks where the budget is to be filled.
    """
    if enough is not None and len(ranked):
        return peak_chunks(ranked, rule) if enough >= rule.sure else len(ranked)
    held = ranked if not sink else np.append(ranked, sink)
    if not len(ranked) or perplexity(held) > rule.spread:
        return len(ranked)
    cumulative = np.cumsum(ranked) / max(float(ranked.sum()), 1e-300)
    is_past = (ranked < rule.ratio * ranked[0]) & (np.concatenate([[0.0], cumulative[:-1]]) >= rule.mass)
    limit = int(np.argmax(is_past)) if is_past.any() else len(ranked)
    return min(len(ranked), max(1, rule.least, limit))
