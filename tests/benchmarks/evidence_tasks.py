"""The questions of the evidence-recall benchmark: one text each, and the characters that answer."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from python_functions import Module, read_modules

from longattncomp_cli.core.text.spans import SpanPair
from longattncomp_cli.data.examples import Document, Example
from longattncomp_cli.data.haystacks import CountTokens, HaystackConfig, HaystackSet, render
from longattncomp_cli.data.readers import (
    read_2wiki,
    read_hotpotqa,
    read_musique,
    read_paragraphs,
    read_qmsum,
    read_squad,
)
from longattncomp_cli.data.readers.qmsum import TURN_SEPARATOR
from longattncomp_cli.data.splits import is_held_out

FUNCTION_SEPARATOR = "\n\n\n"
LONG_TOKENS = 105_000
MAX_HARD = 50
_QUESTIONS_PER_LONG_TEXT = 10


@dataclass(frozen=True)
class Item:
    """One question.

    Attributes:
        id: names the item in the results, which hold no text of the data.
        query: the question.
        text: the haystack.
        evidence: the ranges of ``text`` that answer; empty where nothing does.
        label: what kind of item it is, in tasks that have several.
    """

    id: str
    query: str
    text: str
    evidence: tuple[SpanPair, ...]
    label: str = ""


@dataclass(frozen=True)
class Setting:
    """What a task is built with."""

    data_dir: Path
    split: str
    held_out_share: float
    limit: int
    limit_long: int
    num_tokens: int
    seed: int
    count_tokens: CountTokens

    @property
    def is_dev(self) -> bool:
        """Whether the figures are the final ones; choices are made on the held-out part of train."""
        return self.split == "dev"

    def rng(self, task: str) -> random.Random:
        """The task's own random numbers."""
        return random.Random(f"{task}:{self.split}:{self.seed}")

    def sample(self, task: str, examples: Iterable[Example]) -> list[Example]:
        """Draw up to ``limit`` examples: of a dev file, or of the held-out part of train files."""
        usable = [e for e in examples if self.is_dev or is_held_out(e, self.held_out_share)]
        return self.rng(task).sample(usable, min(self.limit, len(usable)))

    def haystacks(
        self,
        examples: Sequence[Example],
        pool: Sequence[Document],
        *,
        negative: bool = False,
        hard: int = MAX_HARD,
    ) -> HaystackSet:
        """Haystacks of the benchmark's length, all or none with needles, up to ``hard`` hard negatives."""
        config = HaystackConfig(
            num_documents=None,
            min_tokens=self.num_tokens,
            max_tokens=self.num_tokens,
            negative_share=1.0 if negative else 0.0,
            max_hard_negatives=hard,
            seed=self.seed,
        )
        return HaystackSet(examples, pool, self.count_tokens, config)


@dataclass(frozen=True)
class Task:
    """A named set of questions, and the budgets (1 / n of the text's tokens) it is measured at."""

    name: str
    build: Callable[[Setting], list[Item]]
    budgets: tuple[int, ...] = (8, 32)


def squad(setting: Setting, hard: int = 0) -> list[Item]:
    """SQuAD 1.1: the paragraph of the answer among paragraphs drawn from all articles of the file.

    With ``hard``, that many paragraphs of the answer's own article come first.
    """
    examples = list(
        read_squad(setting.data_dir / "squad" / _file(setting, "train-v1.1.json.gz", "dev-v1.1.json.gz"))
    )
    chosen = setting.sample("squad", examples)
    return _items(setting.haystacks(chosen, own_pool(setting, examples), hard=hard))


def hotpotqa(setting: Setting) -> list[Item]:
    """HotpotQA: the paragraphs of the supporting facts."""
    folder = setting.data_dir / "hotpotqa"
    chosen = setting.sample(
        "hotpotqa", read_hotpotqa(folder / _file(setting, "train.json.gz", "dev.json.gz"))
    )
    return _items(setting.haystacks(chosen, list(read_paragraphs(folder / "paragraph_pool.jsonl.gz"))))


def musique(setting: Setting) -> list[Item]:
    """MuSiQue: the supporting paragraphs among those of other questions."""
    folder = setting.data_dir / "musique"
    examples = list(read_musique(folder / _file(setting, "train.jsonl.gz", "dev.jsonl.gz")))
    pool = distinct(document for example in examples for document in example.documents)
    if not setting.is_dev:
        examples += read_musique(folder / "gold_only.jsonl.gz")
    return _items(setting.haystacks(setting.sample("musique", examples), pool))


def wiki2(setting: Setting) -> list[Item]:
    """2WikiMultiHopQA: the paragraphs of the supporting facts."""
    folder = setting.data_dir / "2wikimultihopqa"
    examples = list(read_2wiki(folder / _file(setting, "train.json.gz", "dev.json.gz")))
    if not setting.is_dev:
        examples += read_2wiki(folder / "gold_only.jsonl.gz")
    pool = list(read_paragraphs(folder / "paragraph_pool.jsonl.gz"))
    return _items(setting.haystacks(setting.sample("2wiki", examples), pool))


def qmsum(setting: Setting) -> list[Item]:
    """QMSum: the relevant turns of the whole meeting itself."""
    path = setting.data_dir / "qmsum" / _file(setting, "train.jsonl.gz", "val.jsonl.gz")
    chosen = sorted(setting.sample("qmsum", read_qmsum(path)), key=lambda example: example.id)
    items = []
    for example in chosen:
        text, spans = render(example.documents, TURN_SEPARATOR)
        evidence = [
            (spans[span.document].start + span.start, spans[span.document].start + span.end)
            for span in example.evidence
        ]
        items.append(Item(example.id, example.query, text, tuple(evidence)))
    return items


def unanswerable(setting: Setting, hard: int = 0) -> list[Item]:
    """SQuAD 2.0: does confidence tell answerable haystacks from others?

    Labels: ``answerable``; ``removed``, the same kind of question without its paragraph; ``impossible``,
    a question written to have no answer (not in v1.1, which train is). With ``hard``, that many paragraphs
    of the question's own article come first, among them the one that an impossible question was written to.
    """
    examples = list(
        read_squad(setting.data_dir / "squad" / _file(setting, "train-v1.1.json.gz", "dev-v2.0.json.gz"))
    )
    pool = own_pool(setting, examples)
    answerable = [example for example in examples if example.relevant]
    chosen = setting.sample("answerable", answerable)
    removed = setting.sample("removed", answerable)
    impossible = setting.sample("impossible", [example for example in examples if not example.relevant])
    parts = {
        "answerable": setting.haystacks(chosen, pool, hard=hard),
        "removed": setting.haystacks(removed, pool, negative=True, hard=hard),
        "impossible": setting.haystacks(impossible, pool, hard=hard),
    }
    return [replace(item, label=label) for label, part in parts.items() for item in _items(part)]


def code_nl(setting: Setting) -> list[Item]:
    """Python functions without their docstrings; the question is a docstring's first line."""
    pool, examples = code_examples(setting)
    chosen = setting.rng("code-nl").sample(examples, setting.limit)
    return _items(setting.haystacks(chosen, pool), FUNCTION_SEPARATOR)


def code_examples(setting: Setting) -> tuple[list[Document], list[Example]]:
    """The functions of the split's modules, and those that have a question, in the order of their names."""
    pool: list[Document] = []
    examples: dict[str, Example] = {}
    for module in modules_of(setting):
        functions = module.functions()
        documents = tuple(Document("", function.code) for function in functions)
        pool.extend(documents)
        for index, function in enumerate(functions):
            is_fit = function.question and 4 <= function.code.count("\n") <= 60
            if is_fit and len(function.question.split()) >= 5:
                name = f"{module.name}:{function.name}"
                examples[function.question] = Example(
                    name, function.question, documents, (index,), dataset="code-nl", group=module.name
                )
    return pool, sorted(examples.values(), key=lambda example: example.id)


def code_four(setting: Setting) -> list[Item]:
    """Four named functions in over 100k tokens of Python, as in InfiniteBench's Code-Debug."""
    rng = setting.rng("code-four")
    items: list[Item] = []
    while len(items) < setting.limit_long:
        files = rng.sample(modules_of(setting), len(modules_of(setting)))
        text, at = "", 0
        definitions: list[tuple[str, SpanPair]] = []
        length = 0
        for module in files:
            if length >= LONG_TOKENS:
                break
            header = f"# {module.name}\n"
            spans = module.definitions()
            definitions += [
                (n, (len(text) + len(header) + s, len(text) + len(header) + e)) for n, (s, e) in spans
            ]
            text += header + module.source + "\n\n"
            length += setting.count_tokens(text[at:])
            at = len(text)
        tally = Counter(name for name, _ in definitions)
        fit = [
            (name, span)
            for name, span in definitions
            if tally[name] == 1 and len(name) >= 4 and 6 <= text[slice(*span)].count("\n") <= 80
        ]
        for _ in range(min(_QUESTIONS_PER_LONG_TEXT, setting.limit_long - len(items))):
            options = rng.sample(fit, 4)
            lines = [f"{letter}. {name}" for letter, (name, _) in zip("ABCD", options, strict=True)]
            query = "Which of these functions has a deliberate error?\n" + "\n".join(lines)
            items.append(Item(f"code-four-{len(items)}", query, text, tuple(span for _, span in options)))
    return items


def key_value(setting: Setting) -> list[Item]:
    """Random keys and values, as in InfiniteBench's Retrieve.KV; the evidence is one pair."""
    rng = setting.rng("kv")
    items = []
    for number in range(setting.limit):
        pairs: list[str] = []
        length = 0
        while length < setting.num_tokens:
            key, value = (uuid.UUID(int=rng.getrandbits(128), version=4) for _ in range(2))
            pairs.append(f'"{key}": "{value}"')
            length += setting.count_tokens(pairs[-1] + ",\n")
        wanted = rng.choice(pairs)
        text = "{\n" + ",\n".join(pairs) + "\n}"
        start = text.index(wanted)
        query = f"What is the value of the key {wanted.split(':')[0]}?"
        items.append(Item(f"kv-{number}", query, text, ((start, start + len(wanted)),)))
    return items


TASKS = {
    task.name: task
    for task in (
        Task("squad", squad),
        Task("squad-hard", partial(squad, hard=MAX_HARD)),
        Task("hotpotqa", hotpotqa),
        Task("musique", musique),
        Task("2wiki", wiki2),
        Task("qmsum", qmsum, (4, 8, 32)),
        Task("code-nl", code_nl),
        Task("kv", key_value),
        Task("code-four", code_four, (7, 28)),
        Task("unanswerable", unanswerable, ()),
        Task("unanswerable-hard", partial(unanswerable, hard=MAX_HARD), ()),
    )
}


def _file(setting: Setting, train: str, dev: str) -> str:
    return dev if setting.is_dev else train


def _items(haystacks: HaystackSet, separator: str = "\n\n") -> list[Item]:
    items = []
    for index in range(len(haystacks)):
        example = haystacks[index].example
        text, spans = render(example.documents, separator)
        evidence = tuple((spans[i].start, spans[i].end) for i in example.relevant)
        items.append(Item(example.id, example.query, text, evidence))
    return items


def own_pool(setting: Setting, examples: Sequence[Example]) -> list[Document]:
    """All documents of the examples on the split's side."""
    groups = {
        example.group: example.documents
        for example in examples
        if setting.is_dev or is_held_out(example, setting.held_out_share)
    }
    return distinct(document for documents in groups.values() for document in documents)


def distinct(documents: Iterable[Document]) -> list[Document]:
    return list(dict.fromkeys(documents))


def modules_of(setting: Setting) -> list[Module]:
    """The standard library's modules, one half for each split."""
    return [module for module in read_modules() if module.is_dev == setting.is_dev]
