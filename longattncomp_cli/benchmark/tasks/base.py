"""What a task is: items, budgets, the prompt for a target model and how its reply is graded."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.data.examples import Document, Example
from longattncomp_cli.data.haystacks import CountTokens, HaystackConfig, HaystackSet
from longattncomp_cli.data.splits import is_held_out
from longattncomp_cli.errors import UsageError

Grade = Callable[[Item, str], float]

HARD_NEGATIVES = 50
"""Of an example's own distractors, at most this many stand in a haystack."""


@dataclass(frozen=True)
class Draft:
    """An item that is to be made.

    Attributes:
        item_id: its name.
        length: of its context, in tokens.
        depth: where its needle lies, from 0 to 1.
        rng: random numbers that follow from the seed and its name.
    """

    item_id: str
    length: int
    depth: float
    rng: random.Random


@dataclass(frozen=True, kw_only=True)
class TaskSetting:
    """What tasks are built with.

    Attributes:
        files: by flag's name, the files or folders of the command line.
        limit: items of a task, for each length.
        lengths: context lengths in tokens, of tasks that can make any.
        depths: where needles lie, from 0 to 1, taken in turn.
        held_out: take only this held-out share of each file's examples, as training leaves it; 0 takes all.
        seed: of everything random.
        query_language: of the questions, in tasks that have several; ``""``: that of the text.
        count_tokens: how long a text is.
    """

    files: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    limit: int = 20
    lengths: tuple[int, ...] = (20_000,)
    depths: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    held_out: float = 0.0
    seed: int = 0
    query_language: str = ""
    count_tokens: CountTokens

    def rng(self, *names: object) -> random.Random:
        """Random numbers that follow from the seed and the names."""
        return random.Random(":".join(map(str, ("bench", self.seed, *names))))

    def drafts(self, task: str) -> Iterator[Draft]:
        """``limit`` items of each length, with the depths in turn."""
        for length in self.lengths:
            for number in range(self.limit):
                depth = self.depths[number % len(self.depths)]
                yield Draft(f"{task}-{length}-{number}", length, depth, self.rng(task, length, number))

    def of(self, flag: str, task: str) -> Sequence[Path]:
        """The files given by one flag.

        Raises:
            UsageError: there are none.
        """
        if not self.files.get(flag):
            raise UsageError(f"task {task} needs a file", hint=f"name it with --{flag}", code="no-file")
        return self.files[flag]

    def sample(self, task: str, examples: Iterable[Example]) -> list[Example]:
        """Draw ``limit`` examples; a larger limit draws these and more."""
        usable = [e for e in examples if not self.held_out or is_held_out(e, self.held_out)]
        usable.sort(key=lambda example: example.id)
        self.rng("sample", task).shuffle(usable)
        return usable[: self.limit]

    def haystacks(
        self,
        examples: Sequence[Example],
        pool: Sequence[Document],
        length: int,
        hard: int = HARD_NEGATIVES,
        *,
        negative: bool = False,
    ) -> Iterator[Example]:
        """Each example in a haystack of ``length`` tokens.

        Args:
            examples: with the documents that each brings along.
            pool: what the haystacks are filled up with.
            length: in tokens.
            hard: at most this many of an example's own distractors.
            negative: leave the relevant documents out.
        """
        config = HaystackConfig(
            num_documents=None,
            min_tokens=length,
            max_tokens=length,
            negative_share=1.0 if negative else 0.0,
            max_hard_negatives=hard,
            seed=self.seed,
        )
        composed = HaystackSet(examples, pool, self.count_tokens, config)
        return (composed[index].example for index in range(len(composed)))


@dataclass(frozen=True)
class PromptTemplate:
    """How a target model is asked, and its reply is graded.

    Attributes:
        template: with ``{context}``, ``{query}`` and the item's fields.
        grade: from 0 to 1.
        max_tokens: of the reply.
        source: where template and grade come from.
    """

    template: str
    grade: Grade
    max_tokens: int
    source: str

    def fill(self, item: Item, context: str) -> str:
        """Fill the template; braces in the data are only data."""
        values = {"context": context, "query": item.request.query, **item.fields}
        parts: list[str] = []
        rest = self.template
        while rest:
            before, brace, after = rest.partition("{")
            parts.append(before)
            if brace:
                name, _, after = after.partition("}")
                parts.append(values[name])
            rest = after
        return "".join(parts)


@dataclass(frozen=True)
class Task:
    """A named set of questions.

    Attributes:
        name: as on the command line.
        build: makes the items.
        prompt: for target models.
        needs: the flag that names its file; ``""`` where everything is made.
        takes: flags of further files that it can use.
        about: one line.
    """

    name: str
    build: Callable[[TaskSetting], list[Item]]
    prompt: PromptTemplate
    needs: str = ""
    takes: tuple[str, ...] = ()
    about: str = ""
