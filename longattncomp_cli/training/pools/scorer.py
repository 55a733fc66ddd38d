"""Pools encoded, and scored with the layer in training.

Shapes: C chunks of a pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.backbones.base import LayerStates, SegmentStates
from longattncomp_cli.core.checkpoint.config import Pooling
from longattncomp_cli.core.chunking.chunks import ContextTokens
from longattncomp_cli.data.examples import Document
from longattncomp_cli.training.pools.feature_files import DocumentFeatures
from longattncomp_cli.training.pools.features import FeatureStore
from longattncomp_cli.training.pools.pool import Pool, relevant_chunks
from longattncomp_cli.training.pools.scores import QuestionScores, score_questions
from longattncomp_cli.training.pools.states import PoolStates, cloned, encode_query, pool_states


@dataclass(frozen=True)
class EncodedPool:
    """A pool, its states, and for each of its questions (C,) which chunks are relevant."""

    pool: Pool
    states: PoolStates
    relevant: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class PoolScorer:
    """Encodes pools and scores their chunks for each question.

    Attributes:
        attention: the layer that scores.
        store: encodes documents, or holds them encoded.
        pooling: how token scores become chunk scores.
        whole_documents: whether all chunks of a relevant document are relevant, or only those with evidence.
        null_query: whose mass is taken out under mean pooling; ``""``: none.
    """

    attention: CrossAttention
    store: FeatureStore
    pooling: Pooling = "log"
    whole_documents: bool = True
    null_query: str = ""

    @property
    def evaluates_sink(self) -> bool:
        """Whether the sink is trained, so that its AUROC says something."""
        return self.attention.learned_sink or bool(self.store.instruction)

    def encode(self, pool: Pool) -> EncodedPool:
        """Join the states of a pool's documents, and mark the chunks that are relevant to each question."""
        features = self.features(pool)
        states = pool_states(
            self.attention,
            self.store,
            features,
            in_order=pool.in_order,
            instruction=self.instruction_states() if self.store.instruction else None,
        )
        relevant = (
            relevant_chunks(question.example, pool, features, whole_documents=self.whole_documents)
            for question in pool.questions
        )
        return EncodedPool(pool, states, tuple(relevant))

    def features(self, pool: Pool) -> list[DocumentFeatures]:
        """The encoded documents of a pool."""
        return [self.store.get(document) for document in pool.documents]

    def num_tokens(self, document: Document) -> int:
        """How long a document is in a pool."""
        return self.store.num_tokens(document)

    def longest_pool(self, queries: Sequence[str]) -> int | None:
        """How many tokens a pool may have, as :meth:`num_tokens` counts them; ``None``: any number.

        Args:
            queries: that may be asked over it.
        """
        return None

    def instruction_states(self) -> LayerStates:
        """Those of the store's instruction."""
        return self._instruction_in(ContextTokens((), ()))

    def _instruction_in(self, context: ContextTokens) -> LayerStates:
        store = self.store
        found = store.backbone.encode(context, ".", store.instruction, store.asked_layers).instruction
        assert found is not None
        return cloned(found).states

    def query(self, text: str) -> SegmentStates:
        """A query's tokens and their states."""
        return encode_query(self.store, text)

    def score(
        self, encoded: EncodedPool, allowed: Sequence[np.ndarray], dropout: float = 0.0
    ) -> list[QuestionScores]:
        """Score the chunks (C,) that each question may see."""
        return self.score_queries(encoded, self.queries(encoded), allowed, dropout)

    def queries(self, encoded: EncodedPool) -> list[SegmentStates]:
        """The tokens of a pool's questions and their states."""
        return [self.query(question.example.query) for question in encoded.pool.questions]

    def score_queries(
        self,
        encoded: EncodedPool,
        queries: Sequence[SegmentStates],
        allowed: Sequence[np.ndarray],
        dropout: float = 0.0,
    ) -> list[QuestionScores]:
        """Score with the layer alone."""
        return score_questions(
            self.attention,
            encoded.states,
            queries,
            allowed,
            pooling=self.pooling,
            dropout=dropout,
            null=self.query(self.null_query) if self.null_query else None,
        )

    def confidence(self, scores: QuestionScores) -> float:
        """The mass of the chunks against that of the sink; comparable between questions.

        ``1 − sink`` under mean pooling, the log odds ``log Σ exp(chunks) − sink`` under log pooling.
        """
        if scores.sink is None:
            return 0.0
        if self.pooling == "mean":
            return float(1 - scores.sink)
        return float(torch.logsumexp(scores.chunks_C, 0) - scores.sink)
