"""Which examples a run trains on: files read, split and limited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from longattncomp_cli.data.examples import Document, Example
from longattncomp_cli.data.readers import READERS
from longattncomp_cli.data.splits import hash_share, split_examples
from longattncomp_cli.data.synthetic import key_examples, python_examples
from longattncomp_cli.errors import InputError, UsageError
from longattncomp_cli.training.pools.features import document_key

REPLAYED = ("squad", "hotpotqa")
"""The paper's Stage 1 data, of which Stage 2 sees a share again."""
_LEAST_OF_GROUP = 16


@dataclass(frozen=True)
class TrainingData:
    """Examples on both sides of the split, and the documents that random negatives are drawn from."""

    train: list[Example]
    held_out: list[Example]
    documents: list[Document]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Examples of each data set on each side."""
        names = sorted({example.dataset for example in [*self.train, *self.held_out]})
        return {
            name: {
                "train": sum(e.dataset == name for e in self.train),
                "held_out": sum(e.dataset == name for e in self.held_out),
            }
            for name in names
        }


def load_data(
    files: Mapping[str, Sequence[Path]],
    *,
    limits: Mapping[str, int],
    held_out_share: float,
    validation_questions: int,
    sub_queries: bool = False,
    python: Sequence[Path] = (),
    key_lists: int = 0,
    replay: float | None = None,
) -> TrainingData:
    """Read and split.

    Args:
        files: by reader's name, the files of each data set.
        limits: at most so many training examples of a data set, whole groups in the order of their hash.
        held_out_share: see ``data.splits``.
        validation_questions: held-out examples of each data set that are kept.
        sub_queries: append the sub-queries to the query.
        python: folders whose Python files are asked about.
        key_lists: made key–value lists.
        replay: share of the training examples that are Stage 1's (``REPLAYED``), in equal parts of each set;
            instead of their limits.

    Raises:
        InputError: a file cannot be read, or nothing is left.
        UsageError: no file is given.
    """
    if not any(files.values()) and not python and not key_lists:
        raise UsageError("no training data", hint="give at least one file, such as --squad train-v1.1.json")
    train: list[Example] = []
    held_out: list[Example] = []
    sources = {name: [e for path in paths for e in READERS[name](path)] for name, paths in files.items()}
    sources["python"] = [e for folder in python for e in python_examples(folder)]
    sources["keys"] = list(key_examples(key_lists))
    if replay is not None:
        limits = {**limits, **_replay_limits(sources, limits, held_out_share, replay)}
    for name, examples in sources.items():
        if sub_queries:
            examples = [with_sub_queries(example) for example in examples]
        kept, held = split_examples(examples, held_out_share)
        train += limited(kept, limits.get(name))
        held_out += sorted(held, key=lambda e: hash_share(e.id))[:validation_questions]
    if not train:
        raise InputError("the files hold no examples to train on")
    distinct: dict[int, Sequence[Document]] = {id(e.documents): e.documents for e in [*train, *held_out]}
    documents = {document_key(d): d for d in chain.from_iterable(distinct.values()) if d.text.strip()}
    return TrainingData(train, held_out, list(documents.values()))


def _replay_limits(
    sources: Mapping[str, Sequence[Example]], limits: Mapping[str, int], held_out_share: float, share: float
) -> dict[str, int]:
    """How many examples of each replayed set make up ``share`` of all."""
    new = sum(
        len(limited(split_examples(examples, held_out_share)[0], limits.get(name)))
        for name, examples in sources.items()
        if name not in REPLAYED
    )
    replayed = [name for name in REPLAYED if sources.get(name)]
    return {name: round(new * share / (1 - share) / len(replayed)) for name in replayed}


def limited(examples: Sequence[Example], limit: int | None) -> list[Example]:
    """The first ``limit`` examples in the groups' hash order, no group with over 1/128 of them (or 16)."""
    order = sorted(examples, key=lambda e: (hash_share(f"{e.dataset}:{e.group or e.id}"), hash_share(e.id)))
    if limit is None or len(order) <= limit:
        return order
    taken: list[Example] = []
    of_group: Counter[str] = Counter()
    for example in order:
        of_group[example.group or example.id] += 1
        if of_group[example.group or example.id] <= max(_LEAST_OF_GROUP, limit // 128):
            taken.append(example)
    return taken[:limit]


def with_sub_queries(example: Example) -> Example:
    """The example with its single-hop questions behind its query."""
    if not example.sub_queries:
        return example
    query = "\n".join([example.query, *example.sub_queries])
    return Example(
        id=example.id,
        query=query,
        documents=example.documents,
        relevant=example.relevant,
        sub_queries=example.sub_queries,
        dataset=example.dataset,
        evidence=example.evidence,
        group=example.group,
    )
