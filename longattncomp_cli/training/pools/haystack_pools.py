"""The paper's training form: each example has a haystack of its own, from the composer of ``data``.

One hundred candidate documents, needles spread over front, middle and end, a quarter without a needle; a
composition follows from seed and epoch. What was composed is reported beside the run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson

from longattncomp_cli.data.examples import Document, Example, estimate_tokens
from longattncomp_cli.data.haystack_report import CompositionReport, describe, write_plot
from longattncomp_cli.data.haystacks import HaystackConfig, HaystackSet
from longattncomp_cli.errors import ResourceError
from longattncomp_cli.training.pools.plan import PoolConfig, PoolPlan, no_document_fits
from longattncomp_cli.training.pools.pool import Pool, Question

# Describing a composition means composing it; so many of a run's haystacks are looked at.
_DESCRIBED = 400
# A blank line is at most so many tokens: two line ends.
_PARAGRAPH_TOKENS = 2


class HaystackPlan(PoolPlan):
    """The pools of one epoch, each with one question.

    Args:
        examples: those to train on, or to validate with.
        config: lengths, numbers of documents and negatives.
        seed: of everything.
        epoch: another epoch composes anew.
        documents: for random negatives.
        count_tokens: how long a document is with its title.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        config: PoolConfig,
        seed: int,
        epoch: int,
        documents: Sequence[Document],
        count_tokens: Callable[[Document], int] = estimate_tokens,
    ) -> None:
        """Plan the order and the composition."""
        super().__init__(examples, config, seed, epoch, count_tokens)
        kept = sorted(index for batch in self.batches for index in batch)
        self._order = list(range(len(kept)))
        random.Random(f"haystacks:{seed}:{epoch}").shuffle(self._order)
        self.batches = [[kept[position]] for position in self._order]
        form = HaystackConfig(
            num_documents=config.num_documents,
            min_tokens=config.shortest,
            max_tokens=config.max_tokens,
            negative_share=config.negative_share,
            max_hard_negatives=config.hard_negatives,
            seed=random.Random(f"form:{seed}:{epoch}").randrange(2**31),
        )
        self.haystacks = HaystackSet([examples[i] for i in kept], documents, self._length, form)

    def _length(self, text: str) -> int:
        """Tokens of a text, and of the blank line that stands before it where paragraphs are joined."""
        return self.count_tokens(Document("", text)) + _PARAGRAPH_TOKENS

    def pool(self, number: int, documents: Sequence[Document]) -> Pool:
        """Compose pool ``number``; the same one every time.

        Args:
            number: from 0.
            documents: not read; those given at the start are the negatives.

        Raises:
            InputError: no document is short enough.
        """
        example = self.haystacks[self._order[number]].example
        if not example.documents:
            raise no_document_fits(self.config.max_tokens)
        return Pool(example.documents, (Question(example, evidence_hidden=False),))

    def report(self) -> CompositionReport:
        """Measure haystacks spread evenly over the epoch."""
        step = -(-len(self.haystacks) // _DESCRIBED)
        return describe(self.haystacks[i] for i in range(0, len(self.haystacks), step))


def write_report(report: CompositionReport, folder: Path) -> None:
    """Leave ``composition.json`` and, where matplotlib is installed, ``composition.png``."""
    folder.joinpath("composition.json").write_bytes(
        orjson.dumps(report.as_dict(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    )
    try:
        write_plot(report, folder / "composition.png")
    except ResourceError:
        return
