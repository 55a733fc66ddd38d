"""Evidence recall at a budget on held-out examples: what chooses the checkpoint.

Computed on pools, like training: the share of a question's relevant tokens that the best chunks hold when
they are taken in order of score until 1/8 or 1/32 of the pool's tokens is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from longattncomp_cli.data.examples import Document
from longattncomp_cli.data.metrics import auroc
from longattncomp_cli.training.pools.plan import PoolPlan
from longattncomp_cli.training.pools.scorer import PoolScorer

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


@torch.no_grad()
def evaluate(pool_scorer: PoolScorer, plan: PoolPlan, documents: Sequence[Document]) -> ValidationResult:
    """Evidence recall on a plan's pools, and whether the sink tells when the evidence is hidden."""
    recalls: dict[str, list[list[float]]] = {}
    shown: list[float] = []
    hidden: list[float] = []
    for number in range(len(plan)):
        encoded = pool_scorer.encode(plan.pool(number, documents))
        sizes_C = encoded.states.sizes_C.cpu().numpy()
        with_evidence = pool_scorer.score(
            encoded, [np.ones_like(relevant_C) for relevant_C in encoded.relevant]
        )
        for question, relevant_C, scores in zip(
            encoded.pool.questions, encoded.relevant, with_evidence, strict=True
        ):
            if relevant_C.any():
                scores_C = scores.chunks_C.float().cpu().numpy()
                recall = [recall_at(scores_C, sizes_C, relevant_C, share) for share in SHARES]
                recalls.setdefault(question.example.dataset, []).append(recall)
                shown.append(pool_scorer.confidence(scores))
        if not pool_scorer.evaluates_sink:
            continue
        without_evidence = pool_scorer.score(encoded, [~relevant_C for relevant_C in encoded.relevant])
        hidden += [
            pool_scorer.confidence(scores)
            for scores, relevant_C in zip(without_evidence, encoded.relevant, strict=True)
            if relevant_C.any()
        ]
    means = {name: tuple(np.mean(values, axis=0).tolist()) for name, values in sorted(recalls.items())}
    return ValidationResult(means, auroc(shown, hidden) if shown and hidden else None)
