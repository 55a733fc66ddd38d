"""The paper's training form: each example has a haystack of its own, from the composer of ``data``.

One hundred candidate documents, needles spread over front, middle and end, a quarter without a needle; a
composition follows from seed and epoch. What was composed is reported beside the run.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import orjson

from longattncomp_cli.data.examples import Document, Example
from longattncomp_cli.data.haystack_report import CompositionReport, describe, write_plot
from longattncomp_cli.data.haystacks import HaystackConfig, HaystackSet
from longattncomp_cli.errors import ResourceError
from longattncomp_cli.training.pools import Pool, PoolConfig, PoolPlan, Question

# Describing a composition means composing it; so many of a run's haystacks are looked at.
_DESCRIBED = 400
_CHARS_A_TOKEN = 4.4


class HaystackPlan(PoolPlan):
    """The pools of one epoch, each with one question.

    Args:
        examples: those to train on, or to validate with.
        config: lengths, numbers of documents and negatives.
        seed: of everything.
        epoch: another epoch composes anew.
        documents: for random negatives.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        config: PoolConfig,
        seed: int,
        epoch: int,
        documents: Sequence[Document],
    ) -> None:
        """Plan the order and the composition."""
        super().__init__(examples, config, seed, epoch)
        order = list(range(len(examples)))
        random.Random(f"haystacks:{seed}:{epoch}").shuffle(order)
        self.batches = [[index] for index in order]
        form = HaystackConfig(
            num_documents=config.num_documents,
            min_tokens=config.min_tokens,
            max_tokens=config.max_tokens,
            negative_share=config.negative_share,
            max_hard_negatives=config.hard_negatives,
            seed=random.Random(f"form:{seed}:{epoch}").randrange(2**31),
        )
        self.haystacks = HaystackSet(examples, documents, _estimate, form)

    def pool(self, number: int, documents: Sequence[Document]) -> Pool:
        """Compose pool ``number``; the same one every time.

        Args:
            number: from 0.
            documents: not read; those given at the start are the negatives.
        """
        example = self.haystacks[self.batches[number][0]].example
        return Pool(example.documents, (Question(example, hidden=False),))

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


def _estimate(text: str) -> int:
    return max(1, round(len(text) / _CHARS_A_TOKEN))
