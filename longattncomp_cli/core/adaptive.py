"""``--select auto``: stop where the scores say that nothing more is to be found, else fill the budget.

Cumulative top-p stops too early where scores are sharp at the top and evidence is spread, and never where
they are flat. This rule looks at the shape instead: it stops where scores fall below a share of the best one,
once some mass is held; where they are as wide as those of many equal chunks, it fills the budget.
The three numbers are fitted by ``tests/benchmarks/adaptive_selection.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longattncomp_cli.core.types import FloatArray


@dataclass(frozen=True, kw_only=True)
class AutoRule:
    """When to stop, and when not to."""

    ratio: float = 0.003
    """Stop at a chunk whose score is below this share of the best one."""
    mass: float = 0.5
    """But not before this much of what the chunks hold together is kept."""
    spread: float = 2.0
    """Fill the budget where the scores are as wide as those of more than so many equal chunks."""
    least: int = 1
    """Never fewer chunks than this, or all there are."""


def spread_of(ranked: FloatArray) -> float:
    """The perplexity of the scores: ``n`` for ``n`` equal chunks and nothing else."""
    total = float(ranked.sum())
    if total <= 0:
        return float(len(ranked))
    shares = ranked / total
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def stop_rank(ranked: FloatArray, sink: float | None, rule: AutoRule) -> int:
    """How many of the best chunks to take where no budget binds.

    Args:
        ranked: (C,) scores, best first.
        sink: the mass that no chunk drew; it widens the doubt, so it counts as one more chunk.
        rule: the fitted numbers.

    Returns:
        At least 1 for a context that is not empty; the number of chunks where the budget is to be filled.
    """
    held = ranked if not sink else np.append(ranked, sink)
    if not len(ranked) or spread_of(held) > rule.spread:
        return len(ranked)
    cumulative = np.cumsum(ranked) / max(float(ranked.sum()), 1e-300)
    enough = (ranked < rule.ratio * ranked[0]) & (np.concatenate([[0.0], cumulative[:-1]]) >= rule.mass)
    limit = int(np.argmax(enough)) if enough.any() else len(ranked)
    return min(len(ranked), max(1, rule.least, limit))
