"""Pools read and scored with a layer, and its evidence recall on held-out ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from longattncomp_cli.core.backbone import LayerStates
from longattncomp_cli.core.cross_attention import CrossAttention
from longattncomp_cli.data.examples import Document
from longattncomp_cli.training.config import TrainingConfig
from longattncomp_cli.training.features import DocumentFeatures, FeatureStore
from longattncomp_cli.training.pool_features import encode_query, pool_states
from longattncomp_cli.training.pool_scores import PoolStates, QuestionScores, score_questions
from longattncomp_cli.training.pools import Pool, PoolPlan, relevant_chunks
from longattncomp_cli.training.validation import SHARES, ValidationResult, auroc, recall_at


@dataclass(frozen=True)
class ReadPool:
    """A pool, its states, and for each of its questions (C,) which chunks are relevant."""

    pool: Pool
    states: PoolStates
    relevant: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class PoolReader:
    """Looks pools up in the store and asks their questions of the layer."""

    attention: CrossAttention
    store: FeatureStore
    config: TrainingConfig

    @property
    def judges_sink(self) -> bool:
        """Whether the sink is worth judging: it is trained."""
        return self.attention.learned_sink

    def read(self, pool: Pool) -> ReadPool:
        """Look up the states of a pool's documents."""
        features = self.features(pool)
        states = pool_states(self.attention, self.store, features, in_order=pool.in_order)
        whole = self.config.pools.whole_documents
        relevant = (relevant_chunks(q.example, pool, features, whole_documents=whole) for q in pool.questions)
        return ReadPool(pool, states, tuple(relevant))

    def features(self, pool: Pool) -> list[DocumentFeatures]:
        """The encoded documents of a pool."""
        return [self.store.get(document) for document in pool.documents]

    def num_tokens(self, document: Document) -> int:
        """How long a document is in a pool."""
        return self.store.num_tokens(document)

    def query(self, text: str) -> tuple[Tensor, LayerStates]:
        """A query's token ids and states."""
        return encode_query(self.store, text)

    def score(
        self, read: ReadPool, allowed: Sequence[np.ndarray], dropout: float = 0.0
    ) -> list[QuestionScores]:
        """Ask every question over the chunks (C,) that it may see."""
        return self.score_queries(read, self.queries(read), allowed, dropout)

    def queries(self, read: ReadPool) -> list[tuple[Tensor, LayerStates]]:
        """The token ids and states of a pool's questions."""
        return [self.query(question.example.query) for question in read.pool.questions]

    def score_queries(
        self,
        read: ReadPool,
        queries: Sequence[tuple[Tensor, LayerStates]],
        allowed: Sequence[np.ndarray],
        dropout: float = 0.0,
    ) -> list[QuestionScores]:
        """Score by the layer."""
        return score_questions(
            self.attention,
            read.states,
            [ids for ids, _ in queries],
            [layer_states for _, layer_states in queries],
            allowed,
            pooling=self.config.pooling,
            dropout=dropout,
        )

    def confidence(self, scores: QuestionScores) -> float:
        """How much more the chunks drew than the sink; comparable between questions."""
        if scores.sink is None:
            return 0.0
        if self.config.pooling == "mean":
            return float(1 - scores.sink)
        return float(torch.logsumexp(scores.chunks_C, 0) - scores.sink)


@torch.no_grad()
def judge(reader: PoolReader, plan: PoolPlan, documents: Sequence[Document]) -> ValidationResult:
    """Evidence recall on a plan's pools, and whether the sink notices when the evidence is hidden."""
    recalls: dict[str, list[list[float]]] = {}
    shown: list[float] = []
    hidden: list[float] = []
    for number in range(len(plan)):
        asked = reader.read(plan.pool(number, documents))
        sizes_C = asked.states.sizes_C.cpu().numpy()
        everything = reader.score(asked, [np.ones_like(wanted) for wanted in asked.relevant])
        for question, wanted, scores in zip(asked.pool.questions, asked.relevant, everything, strict=True):
            if wanted.any():
                values = scores.chunks_C.float().cpu().numpy()
                found = [recall_at(values, sizes_C, wanted, share) for share in SHARES]
                recalls.setdefault(question.example.dataset, []).append(found)
                shown.append(reader.confidence(scores))
        if not reader.judges_sink:
            continue
        without = reader.score(asked, [~wanted for wanted in asked.relevant])
        hidden += [
            reader.confidence(scores)
            for scores, wanted in zip(without, asked.relevant, strict=True)
            if wanted.any()
        ]
    means = {name: tuple(np.mean(found, axis=0).tolist()) for name, found in sorted(recalls.items())}
    return ValidationResult(means, auroc(shown, hidden) if reader.judges_sink else None)
