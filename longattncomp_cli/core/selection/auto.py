"""``--select auto``: stop where the scores say that nothing more is to be found, else fill the budget.

Cumulative top-p stops too early where scores are sharp at the top and evidence is spread, and never where
they are flat. A checkpoint with a fitted ``sufficiency`` says how probable it is that the peak of the
scores, its best chunks and those near the best one, holds all that is needed; where that is nearly sure the
selection is the peak, else the budget is filled. Without one the shape of the scores alone decides: it
stops where they fall below a share of the best one, once some mass is held, and fills where they are as
wide as those of many equal chunks. All numbers are fitted by ``tests/benchmarks/fit/fit_sufficiency.py``, and
the share of the best score by ``fit_shape.py`` there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longattncomp_cli.core.text.arrays import FloatArray


@dataclass(frozen=True, kw_only=True)
class AutoRule:
    """When to stop, and when not to; the first three where the checkpoint knows what is ``sufficiency``."""

    min_sufficiency: float = 0.9
    """Take the peak alone where it holds all that is needed with this probability."""
    peak_min_ratio: float = 0.01
    """Chunks whose score is at least this share of the best one belong to the peak."""
    peak_min_chunks: int = 2
    """And so do so many of the best."""
    stop_ratio: float = 0.0001
    """Stop at a chunk whose score is below this share of the best one."""
    stop_min_mass: float = 0.5
    """But not before this much of what the chunks hold together is kept."""
    max_perplexity: float = 2.0
    """Fill the budget where the scores are as wide as those of more than so many equal chunks."""


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
    return min(
        len(ranked), max(1, rule.peak_min_chunks, int((ranked >= rule.peak_min_ratio * ranked[0]).sum()))
    )


def num_chunks_to_keep(
    ranked: FloatArray, sink: float | None, rule: AutoRule, sufficiency: float | None = None
) -> int:
    """How many of the best chunks to take where no budget binds.

    Args:
        ranked: (C,) scores, best first.
        sink: the mass that no chunk drew; counted as one more chunk in the perplexity.
        rule: the fitted numbers.
        sufficiency: the probability that the peak holds all that is needed, where that is known.

    Returns:
        At least 1 for a context that is not empty; the number of chunks where the budget is to be filled.
    """
    if sufficiency is not None and len(ranked):
        return peak_chunks(ranked, rule) if sufficiency >= rule.min_sufficiency else len(ranked)
    held = ranked if not sink else np.append(ranked, sink)
    if not len(ranked) or perplexity(held) > rule.max_perplexity:
        return len(ranked)
    cumulative = np.cumsum(ranked) / max(float(ranked.sum()), 1e-300)
    is_past = (ranked < rule.stop_ratio * ranked[0]) & (
        np.concatenate([[0.0], cumulative[:-1]]) >= rule.stop_min_mass
    )
    limit = int(np.argmax(is_past)) if is_past.any() else len(ranked)
    return min(len(ranked), max(1, limit))
