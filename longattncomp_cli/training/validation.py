"""Evidence recall at a budget on held-out examples: what chooses the checkpoint.

Computed on pools, like training: the share of a question's relevant tokens that the best chunks hold when
they are taken in order of score until 1/8 or 1/32 of the pool's tokens is used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SHARES = (1 / 8, 1 / 32)


@dataclass(frozen=True)
class ValidationResult:
    """Means over questions.

    Attributes:
        recall: for each data set, evidence recall at each of ``SHARES``.
        auroc: how well the sink tells answerable questions from the same ones with their evidence hidden.
    """

    recall: dict[str, tuple[float, ...]]
    auroc: float | None

    @property
    def score(self) -> float:
        """The mean over data sets and budgets."""
        return float(np.mean(list(self.recall.values())))


def recall_at(scores_C: np.ndarray, sizes_C: np.ndarray, relevant_C: np.ndarray, share: float) -> float:
    """Relevant tokens within the budget, the last chunk counted in part, over all relevant tokens.

    Args:
        scores_C: higher is more relevant.
        sizes_C: tokens of each chunk.
        relevant_C: booleans.
        share: the budget, as a share of all tokens.
    """
    order = np.argsort(-scores_C, kind="stable")
    sizes = sizes_C[order].astype(np.float64)
    # What is left of the budget before each chunk, best first.
    room = sizes_C.sum() * share - (np.cumsum(sizes) - sizes)
    kept = np.clip(room, 0, sizes)
    return float(kept[relevant_C[order]].sum() / max(1, sizes_C[relevant_C].sum()))
