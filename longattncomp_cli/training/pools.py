"""Pools: many questions asked over one shared haystack, which is encoded, multiplied and paid for once.

The relevant documents of the other questions, hard negatives and random documents are the negatives of
each; a question without an answer is made by hiding its relevant chunks from it. With one question a pool
this is the paper's training example. Pools follow from seed, epoch and number alone.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from longattncomp_cli.data.examples import Document, Example
from longattncomp_cli.training.features import DocumentFeatures, document_key

# Data sets whose documents are parts of one text, so that relevant passages run over several of them: a pool
# holds all of one group's documents, in their order.
_IN_ORDER = ("qmsum",)


@dataclass(frozen=True, kw_only=True)
class PoolConfig:
    """How pools are composed."""

    questions: int = 16
    """Questions that share a pool."""
    questions_per_group: int = 4
    """Of these, how many from one group (a SQuAD article, a meeting)."""
    min_tokens: int = 12_000
    """The shortest pool aimed at."""
    max_tokens: int = 24_000
    """The longest."""
    hard_negatives: int = 32
    """At most this many of an example's own distractors."""
    negative_share: float = 0.25
    """Share of questions whose relevant chunks are hidden."""
    haystacks: bool = False
    """Whether each question has a haystack of its own, composed as in the paper."""
    num_documents: int = 100
    """Of such a haystack, at most."""
    whole_documents: bool = True
    """Whether all of a relevant document counts, or only the chunks that hold its evidence."""


@dataclass(frozen=True)
class Question:
    """One question of a pool: its example, and whether its relevant chunks are hidden from it."""

    example: Example
    hidden: bool


@dataclass(frozen=True)
class Pool:
    """Documents, and the questions asked over them; ``in_order``: the documents are one running text."""

    documents: tuple[Document, ...]
    questions: tuple[Question, ...]
    in_order: bool = False


@dataclass
class PoolPlan:
    """The pools of one epoch: which examples share a pool.

    Args:
        examples: those to train on, or to validate with.
        config: the form.
        seed: of everything.
        epoch: another epoch groups and fills anew.
    """

    examples: Sequence[Example]
    config: PoolConfig
    seed: int
    epoch: int
    batches: list[list[int]] = field(init=False)

    def __post_init__(self) -> None:
        """Shuffle examples inside data sets, keep groups together, and mix the data sets' batches."""
        rng = random.Random(f"pools:{self.seed}:{self.epoch}")
        by_dataset: dict[str, dict[str, list[int]]] = {}
        for index, example in enumerate(self.examples):
            groups = by_dataset.setdefault(example.dataset, {})
            groups.setdefault(example.group or example.id, []).append(index)
        self.batches = []
        for name in sorted(by_dataset):
            self.batches += self._batches(list(by_dataset[name].values()), rng)
        rng.shuffle(self.batches)

    def _batches(self, groups: list[list[int]], rng: random.Random) -> list[list[int]]:
        pieces = []
        for group in groups:
            rng.shuffle(group)
            in_order = self.examples[group[0]].dataset in _IN_ORDER
            size = self.config.questions if in_order else self.config.questions_per_group
            pieces += [group[i : i + size] for i in range(0, len(group), size)]
        rng.shuffle(pieces)
        batches: list[list[int]] = [[]]
        for piece in pieces:
            alone = self.examples[piece[0]].dataset in _IN_ORDER
            if batches[-1] and (alone or len(batches[-1]) + len(piece) > self.config.questions):
                batches.append([])
            batches[-1] += piece
        return [batch for batch in batches if batch]

    def __len__(self) -> int:
        """Return the number of pools."""
        return len(self.batches)

    def pool(self, number: int, documents: Sequence[Document]) -> Pool:
        """Compose pool ``number``; the same one every time.

        Args:
            number: from 0.
            documents: for random negatives.
        """
        rng = random.Random(f"pool:{self.seed}:{self.epoch}:{number}")
        examples = [self.examples[i] for i in self.batches[number]]
        chosen: dict[str, Document] = {}
        relevant = {document.text for e in examples for document in e.relevant_documents}
        titles = {document.title for e in examples for document in e.relevant_documents if document.title}
        for example in examples:
            chosen.update((document_key(d), d) for d in example.relevant_documents)
        seen: set[int] = set()
        for example in examples:
            if id(example.documents) in seen:
                continue
            seen.add(id(example.documents))
            own = [d for d in example.distractors if d.text not in relevant]
            rng.shuffle(own)
            limit = None if example.dataset in _IN_ORDER else self.config.hard_negatives
            chosen.update((document_key(d), d) for d in own[:limit])
        target = rng.uniform(self.config.min_tokens, self.config.max_tokens)
        length = sum(map(_estimate, chosen.values()))
        for _ in range(20_000 if documents else 0):
            if length >= target:
                break
            document = documents[rng.randrange(len(documents))]
            if document.title in titles or document.text in relevant or document_key(document) in chosen:
                continue
            chosen[document_key(document)] = document
            length += _estimate(document)
        order = self._ordered(list(chosen.values()), examples, rng)
        questions = tuple(Question(e, rng.random() < self.config.negative_share) for e in examples)
        return Pool(tuple(order), questions, all(e.dataset in _IN_ORDER for e in examples))

    def _ordered(
        self, chosen: list[Document], examples: Sequence[Example], rng: random.Random
    ) -> list[Document]:
        """In random order, but turns of a meeting in theirs: relevant passages run over many of them."""
        rng.shuffle(chosen)
        place = {
            document_key(document): (group, index)
            for group, e in enumerate(examples)
            if e.dataset in _IN_ORDER
            for index, document in enumerate(e.documents)
        }
        ordered = sorted(
            (d for d in chosen if document_key(d) in place), key=lambda d: place[document_key(d)]
        )
        return ordered + [d for d in chosen if document_key(d) not in place]


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
    marks = []
    for document, feature in zip(pool.documents, features, strict=True):
        key = document_key(document)
        spans = wanted.get(key)
        for start, end in feature.spans:
            inside = key in wanted and (spans is None or any(a < end and b > start for a, b in spans))
            marks.append(inside)
    return np.array(marks, dtype=bool)


def _estimate(document: Document) -> float:
    return (len(document.text) + len(document.title)) / 4.4
