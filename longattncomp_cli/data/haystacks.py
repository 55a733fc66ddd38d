"""Compose haystacks: a question's relevant documents among distractors, to a length, at spread depths.

The form is the training example of LongAttnComp (arXiv:2606.01336): 100 candidate documents, 8k–48k
tokens, needles spread over front, middle and end, a quarter of all haystacks without any needle.
Everything follows from the seed: one haystack can be composed without those before it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from longattncomp_cli.data.examples import Document, EvidenceSpan, Example, normal_text
from longattncomp_cli.errors import UsageError

CountTokens = Callable[[str], int]

_REGIONS = 3  # front, middle, end
_MISSES = 24  # so many documents in a row that are too long for the rest end the composition


@dataclass(frozen=True, kw_only=True)
class HaystackConfig:
    """How haystacks are composed."""

    num_documents: int | None = 100
    """At most this many; paragraphs of the pool are joined where one each would fall short of the length."""
    min_tokens: int = 8_000
    """The shortest length aimed at."""
    max_tokens: int = 48_000
    """The longest; lengths are spread evenly on a logarithmic scale. Only needles can exceed it."""
    negative_share: float = 0.25
    """Share of haystacks without a needle; examples that have none count towards it."""
    max_hard_negatives: int | None = 50
    """At most this many of the example's own distractors; ``None``: all that fit."""
    seed: int = 0
    """Another seed gives another composition of the same examples (an epoch, for instance)."""

    def __post_init__(self) -> None:
        """Refuse values that no haystack could have."""
        if self.num_documents is not None and self.num_documents < 1:
            raise UsageError(f"num_documents {self.num_documents} is below 1")
        if not 0 < self.min_tokens <= self.max_tokens:
            raise UsageError(
                f"lengths {self.min_tokens}…{self.max_tokens} are not a range of positive numbers"
            )
        if not 0 <= self.negative_share <= 1:
            raise UsageError(f"negative_share {self.negative_share} is outside [0, 1]")


@dataclass(frozen=True)
class Haystack:
    """A composed example.

    Attributes:
        example: its documents in the haystack's order; ``relevant`` is empty where nothing answers.
        document_tokens: the length of each document with its title.
        target_tokens: the length that was aimed at.
    """

    example: Example
    document_tokens: tuple[int, ...]
    target_tokens: int

    @property
    def num_tokens(self) -> int:
        """The length of all documents."""
        return sum(self.document_tokens)

    @cached_property
    def depths(self) -> tuple[float, ...]:
        """For each relevant document, where its middle lies: 0 is the front, 1 the end."""
        before = [sum(self.document_tokens[:index]) for index in self.example.relevant]
        return tuple(
            (start + self.document_tokens[index] / 2) / self.num_tokens
            for start, index in zip(before, self.example.relevant, strict=True)
        )


class HaystackSet(Sequence[Haystack]):
    """One haystack for each example, composed when it is asked for.

    Args:
        examples: in the order of the haystacks.
        pool: documents for the random negatives.
        count_tokens: how long a text is; called once for each document of a haystack.
        config: the form.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        pool: Sequence[Document],
        count_tokens: CountTokens,
        config: HaystackConfig,
    ) -> None:
        """Plan which haystacks have no needle, and in which regions the others' needles lie."""
        self.examples = examples
        self.pool = pool
        self.count_tokens = count_tokens
        self.config = config
        rng = random.Random(f"plan:{config.seed}:{len(examples)}")
        answerable = [i for i, example in enumerate(examples) if example.relevant]
        wanted = round(config.negative_share * len(examples)) - (len(examples) - len(answerable))
        self._negated = frozenset(rng.sample(answerable, min(len(answerable), max(0, wanted))))
        first = rng.randrange(_REGIONS)
        kept = [i for i in answerable if i not in self._negated]
        self._regions = {index: (first + number) % _REGIONS for number, index in enumerate(kept)}

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.examples)

    def __getitem__(self, index: int) -> Haystack:  # type: ignore[override]
        """Compose haystack ``index``; the same one every time."""
        if not 0 <= index < len(self.examples):
            raise IndexError(index)
        example = self.examples[index]
        rng = random.Random(f"haystack:{self.config.seed}:{index}:{example.id}")
        if index in self._negated or not example.relevant:
            return _Composition(self, example, rng).haystack(needles=(), first_region=0)
        return _Composition(self, example, rng).haystack(example.relevant, self._regions[index])


@dataclass(frozen=True)
class _Part:
    """A document of a haystack, its length, and where it is a needle its index in the example."""

    document: Document
    num_tokens: int
    needle: int | None = None

    def joined(self, other: _Part) -> _Part:
        """Both as one document."""
        text = f"{self.document.text}\n\n{other.document.titled_text}"
        return _Part(Document(self.document.title, text), self.num_tokens + other.num_tokens)


class _Composition:
    """The work on one haystack."""

    def __init__(self, parent: HaystackSet, example: Example, rng: random.Random) -> None:
        self.pool, self.count_tokens, self.config = parent.pool, parent.count_tokens, parent.config
        self.example = example
        self.rng = rng
        self.relevant_texts = [normal_text(document.text) for document in example.relevant_documents]
        self.relevant_titles = {document.title for document in example.relevant_documents if document.title}
        self.seen = set(self.relevant_texts)
        low, high = math.log(self.config.min_tokens), math.log(self.config.max_tokens)
        self.target = round(math.exp(rng.uniform(low, high)))

    def haystack(self, needles: tuple[int, ...], first_region: int) -> Haystack:
        """Fill up to the target and place the needles, the n-th in region ``first_region + n``."""
        parts = [self._part(self.example.documents[index], index) for index in needles]
        limit = math.inf if self.config.num_documents is None else self.config.num_documents
        room = self.target - _length(parts)
        negatives = self._hard(room, limit - len(needles))
        negatives += self._random(room - _length(negatives), limit - len(needles) - len(negatives))
        self.rng.shuffle(negatives)
        placed = self._place(parts, negatives, first_region)
        order = {part.needle: at for at, part in enumerate(placed) if part.needle is not None}
        example = replace(
            self.example,
            documents=tuple(part.document for part in placed),
            relevant=tuple(sorted(order.values())),
            evidence=tuple(
                EvidenceSpan(order[span.document], span.start, span.end)
                for span in self.example.evidence
                if span.document in order
            ),
        )
        return Haystack(example, tuple(part.num_tokens for part in placed), self.target)

    def _part(self, document: Document, needle: int | None = None) -> _Part:
        return _Part(document, self.count_tokens(document.titled_text), needle)

    def _hard(self, room: int, limit: float) -> list[_Part]:
        """The example's own distractors, in random order, as far as they fit."""
        if self.config.max_hard_negatives is not None:
            limit = min(limit, self.config.max_hard_negatives)
        own = list(self.example.distractors)
        self.rng.shuffle(own)
        taken: list[_Part] = []
        for document in own:
            if len(taken) >= limit or room <= 0:
                break
            if not self._is_new(document):
                continue
            part = self._part(document)
            if part.num_tokens <= room:
                taken.append(part)
                room -= part.num_tokens
        return taken

    def _random(self, room: int, limit: float) -> list[_Part]:
        """Documents of the pool until the room is used, at most ``limit``, joined where that is too few."""
        if limit < 1:
            return []
        share = room / limit
        taken: list[_Part] = []
        used = misses = 0
        for index in _shuffled(self.rng, len(self.pool)):
            document = self.pool[index]
            if document.title in self.relevant_titles or not self._is_new(document):
                continue
            part = self._part(document)
            if used + part.num_tokens > room:
                misses += 1
                if misses == _MISSES:
                    break
                continue
            # The number of documents that should be there by now; the last one grows until it is due.
            if taken and (used < share * len(taken) or len(taken) >= limit):
                taken[-1] = taken[-1].joined(part)
            else:
                taken.append(part)
            used += part.num_tokens
        return taken

    def _is_new(self, document: Document) -> bool:
        """Whether a text is unused, and neither contains nor is part of a relevant one; notes it as used."""
        text = normal_text(document.text)
        if not text or text in self.seen:
            return False
        if any(text in other or other in text for other in self.relevant_texts):
            return False
        self.seen.add(text)
        return True

    def _place(self, needles: list[_Part], negatives: list[_Part], first_region: int) -> list[_Part]:
        """Insert each needle where the tokens before it make up its depth."""
        total = _length(needles) + _length(negatives)
        regions = [(first_region + number) % _REGIONS for number in range(len(needles))]
        depths = [(region + self.rng.random()) / _REGIONS for region in regions]
        waiting = sorted(zip(depths, needles, strict=True), key=lambda each: each[0], reverse=True)
        placed: list[_Part] = []
        at = 0
        for negative in negatives:
            while waiting and at + waiting[-1][1].num_tokens / 2 >= waiting[-1][0] * total:
                placed.append(waiting.pop()[1])
                at += placed[-1].num_tokens
            placed.append(negative)
            at += negative.num_tokens
        return [*placed, *(needle for _, needle in reversed(waiting))]


def _length(parts: Sequence[_Part]) -> int:
    return sum(part.num_tokens for part in parts)


def _shuffled(rng: random.Random, count: int) -> Iterator[int]:
    """Yield 0 … count − 1 in random order; takes memory only for what was drawn (Fisher–Yates)."""
    moved: dict[int, int] = {}
    for index in range(count):
        other = rng.randrange(index, count)
        yield moved.get(other, other)
        moved[other] = moved.get(index, index)
