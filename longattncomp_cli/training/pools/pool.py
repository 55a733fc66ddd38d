"""What a pool is: documents, the questions asked over them, and which chunks answer each.

Shapes: C chunks of a pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from longattncomp_cli.data.examples import Document, Example
from longattncomp_cli.training.pools.feature_files import DocumentFeatures
from longattncomp_cli.training.pools.features import document_key


@dataclass(frozen=True)
class Question:
    """One question of a pool: its example, and whether its relevant chunks are hidden from it."""

    example: Example
    evidence_hidden: bool


@dataclass(frozen=True)
class Pool:
    """Documents, and the questions asked over them; ``in_order``: the documents are one running text."""

    documents: tuple[Document, ...]
    questions: tuple[Question, ...]
    in_order: bool = False


def relevant_chunks(
    example: Example, pool: Pool, features: Sequence[DocumentFeatures], *, whole_documents: bool
) -> np.ndarray:
    """(C,) booleans: all chunks of relevant documents, or only those that hold known evidence."""
    evidence: dict[int, list[tuple[int, int]]] = {}
    for span in () if whole_documents else example.evidence:
        evidence.setdefault(span.document, []).append((span.start, span.end))
    wanted: dict[str, list[tuple[int, int]] | None] = {
        document_key(example.documents[i]): evidence.get(i) for i in example.relevant
    }
    relevant_C = []
    for document, feature in zip(pool.documents, features, strict=True):
        key = document_key(document)
        spans = wanted.get(key)
        for start, end in feature.spans:
            has_evidence = spans is None or any(a < end and b > start for a, b in spans)
            relevant_C.append(key in wanted and has_evidence)
    return np.array(relevant_C, dtype=bool)
