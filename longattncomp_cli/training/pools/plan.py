"""Pools: many questions asked over one shared haystack, which is encoded, multiplied and paid for once.

The relevant documents of the other questions, hard negatives and random documents are the negatives of
each; a question without an answer is made by hiding its relevant chunks from it. With one question a pool
this is the paper's training example. Pools follow from seed, epoch and number alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from longattncomp_cli.data.examples import Document, Example, estimate_tokens
from longattncomp_cli.errors import InputError, UsageError
from longattncomp_cli.training.pools.features import document_key
from longattncomp_cli.training.pools.pool import Pool, Question

# Data sets whose documents are parts of one text, so that relevant passages run over several of them: a pool
# holds one group's documents in their order: all of them, or as many as fit.
_IN_ORDER = ("qmsum",)
_MAX_MISSES = 1_000  # so many draws in a row of documents that are relevant, known or too long end a pool


@dataclass(frozen=True, kw_only=True)
class PoolConfig:
    """How pools are composed."""

    questions_per_pool: int = 16
    """Questions that share a pool."""
    questions_per_group: int = 4
    """How many of them may come from one group (a SQuAD article, a meeting)."""
    min_tokens: int = 12_000
    """The shortest pool aimed at; one is shorter where documents run out or ``max_tokens`` is lower."""
    max_tokens: int = 24_000
    """The longest pool: none is longer. A question whose relevant documents alone are longer is left out."""
    hard_negatives: int = 32
    """At most this many of an example's own distractors."""
    negative_share: float = 0.25
    """Share of questions whose relevant chunks are hidden."""
    haystacks: bool = False
    """Whether each question has a haystack of its own, composed as in the paper."""
    num_documents: int = 100
    """Most tokens of such a haystack."""
    whole_documents: bool = True
    """Whether all of a relevant document counts, or only the chunks that hold its evidence."""

    def __post_init__(self) -> None:
        """Refuse lengths that no pool could have."""
        for name in ("min_tokens", "max_tokens"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} {getattr(self, name)} is below 1")

    @property
    def shortest(self) -> int:
        """The shortest pool aimed at, where ``max_tokens`` alone was lowered too."""
        return min(self.min_tokens, self.max_tokens)


@dataclass
class PoolPlan:
    """The pools of one epoch: which examples share a pool.

    Args:
        examples: those to train on, or to validate with.
        config: the form.
        seed: of everything.
        epoch: another epoch groups and fills anew.
        count_tokens: how long a document is with its title.

    Attributes:
        batches: for each pool the indices of its examples.
        left_out: indices of the examples whose relevant documents alone are longer than a pool may be.
    """

    examples: Sequence[Example]
    config: PoolConfig
    seed: int
    epoch: int
    count_tokens: Callable[[Document], int] = estimate_tokens
    batches: list[list[int]] = field(init=False)
    left_out: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Shuffle examples inside data sets, keep groups together, and mix the data sets' batches."""
        rng = random.Random(f"pools:{self.seed}:{self.epoch}")
        by_dataset: dict[str, dict[str, list[int]]] = {}
        left_out = []
        for index, example in enumerate(self.examples):
            if sum(map(self.count_tokens, example.relevant_documents)) > self.config.max_tokens:
                left_out.append(index)
                continue
            groups = by_dataset.setdefault(example.dataset, {})
            groups.setdefault(example.group or example.id, []).append(index)
        self.left_out = tuple(left_out)
        self.batches = []
        for name in sorted(by_dataset):
            self.batches += self._batches(list(by_dataset[name].values()), rng)
        rng.shuffle(self.batches)

    def _batches(self, groups: list[list[int]], rng: random.Random) -> list[list[int]]:
        """Divide one data set's groups into pieces, and join pieces to pools."""
        in_order = self.examples[groups[0][0]].dataset in _IN_ORDER
        pieces = []
        for group in groups:
            rng.shuffle(group)
            most = self.config.questions_per_pool
            size = most if in_order else min(most, self.config.questions_per_group)
            pieces += self._packed([[index] for index in group], size)
        rng.shuffle(pieces)
        return pieces if in_order else self._packed(pieces, self.config.questions_per_pool)

    def _packed(self, pieces: Sequence[list[int]], most: int) -> list[list[int]]:
        """Join pieces in their order, at most ``most`` questions whose relevant documents fit into a pool."""
        packed: list[list[int]] = []
        held: dict[str, int] = {}
        for piece in pieces:
            gold = self._gold_tokens(piece)
            joined = held | gold
            is_full = sum(joined.values()) > self.config.max_tokens
            if not packed or is_full or len(packed[-1]) + len(piece) > most:
                packed.append([])
                joined = gold
            packed[-1] += piece
            held = joined
        return packed

    def _gold_tokens(self, indices: Sequence[int]) -> dict[str, int]:
        """The tokens of each distinct relevant document of some examples, by its key."""
        gold = (document for index in indices for document in self.examples[index].relevant_documents)
        return {document_key(document): self.count_tokens(document) for document in gold}

    def __len__(self) -> int:
        """Return the number of pools."""
        return len(self.batches)

    def pool(self, number: int, documents: Sequence[Document]) -> Pool:
        """Compose pool ``number``; the same one every time.

        Relevant documents come first, then hard negatives up to ``max_tokens``, then random ones up to a
        length drawn between the two bounds.

        Args:
            number: from 0.
            documents: for random negatives.

        Raises:
            InputError: no document is short enough.
        """
        rng = random.Random(f"pool:{self.seed}:{self.epoch}:{number}")
        examples = [self.examples[i] for i in self.batches[number]]
        gold = [document for example in examples for document in example.relevant_documents]
        filling = _Filling(self.count_tokens, self.config.max_tokens)
        for document in gold:
            filling.add(document)
        texts = {document.text for document in gold}
        for document in self._hard_negatives(examples, texts, rng):
            filling.add(document)
        target = rng.uniform(self.config.shortest, self.config.max_tokens)
        titles = {document.title for document in gold if document.title}
        misses = 0
        while documents and filling.num_tokens < target and misses < _MAX_MISSES:
            document = documents[rng.randrange(len(documents))]
            is_relevant = document.title in titles or document.text in texts
            misses = 0 if not is_relevant and filling.add(document) else misses + 1
        if not filling.documents:
            raise no_document_fits(self.config.max_tokens)
        order = self._ordered(list(filling.documents.values()), examples, rng)
        questions = tuple(Question(e, rng.random() < self.config.negative_share) for e in examples)
        return Pool(tuple(order), questions, all(e.dataset in _IN_ORDER for e in examples))

    def _hard_negatives(
        self, examples: Sequence[Example], relevant_texts: set[str], rng: random.Random
    ) -> Iterator[Document]:
        """The examples' own distractors in random order, one of each example in turn."""
        drawn: dict[int, list[Document]] = {}
        for example in examples:
            if id(example.documents) not in drawn:
                own = [d for d in example.distractors if d.text not in relevant_texts]
                rng.shuffle(own)
                limit = None if example.dataset in _IN_ORDER else self.config.hard_negatives
                drawn[id(example.documents)] = own[:limit]
        for turn in zip_longest(*drawn.values()):
            yield from (document for document in turn if document is not None)

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


def no_document_fits(max_tokens: int) -> InputError:
    """The error of a pool that would be empty."""
    return InputError(f"no document fits into a pool of {max_tokens} tokens", hint="raise --max-tokens")


class _Filling:
    """The distinct documents of a pool in the making, of which none is added that would not fit."""

    def __init__(self, count_tokens: Callable[[Document], int], max_tokens: int) -> None:
        self.documents: dict[str, Document] = {}
        self.num_tokens = 0
        self._count_tokens = count_tokens
        self._max_tokens = max_tokens

    def add(self, document: Document) -> bool:
        """Add a document; whether it is new and fits."""
        key = document_key(document)
        if key in self.documents:
            return False
        num_tokens = self._count_tokens(document)
        if self.num_tokens + num_tokens > self._max_tokens:
            return False
        self.documents[key] = document
        self.num_tokens += num_tokens
        return True
