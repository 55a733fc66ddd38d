"""XQuAD (Artetxe et al., arXiv:1910.11856): SQuAD's paragraphs and questions, translated by people.

All questions of a language are asked of one haystack of its paragraphs, so that it is encoded once. The
haystacks of all languages hold the same paragraphs in the same order, and questions have the same ids, so one
language may ask about texts in another (as LAReQA does, arXiv:2004.05484).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from longattncomp_cli.benchmark.tasks.base import PromptTemplate, Task, TaskSetting
from longattncomp_cli.benchmark.tasks.grading import token_f1
from longattncomp_cli.benchmark.tasks.item import Item, item_of_text
from longattncomp_cli.data.examples import Document, Example, render
from longattncomp_cli.data.readers import read_squad
from longattncomp_cli.errors import UsageError

_TEMPLATE = (
    "Answer the question based on the given documents, in their language. Only give me the answer.\n\n"
    "{context}\n\nQuestion: {query}\nAnswer:"
)


def language_of(path: Path) -> str:
    """The language of a file by its name: ``xquad.de.json`` and ``dev.de.json.gz`` are ``de``."""
    name = path.name.removesuffix(".gz").removesuffix(".zst").removesuffix(".json")
    return name.rpartition(".")[2]


def xquad_items(setting: TaskSetting) -> list[Item]:
    """``setting.limit`` questions of each language, the same ones in all; labels name the languages.

    Raises:
        UsageError: the questions' language has no file, two files have one, or they are not parallel.
    """
    by_language = _read(setting.of("xquad", "xquad"))
    asked = setting.query_language
    if asked and asked not in by_language:
        raise UsageError(
            f"--query-language {asked}: no file of --xquad is of it",
            hint=f"languages of the files: {', '.join(by_language)}",
        )
    paragraphs = {language: _paragraphs(examples) for language, examples in by_language.items()}
    if len({len(pool) for pool in paragraphs.values()}) > 1:
        counts = ", ".join(f"{language} {len(pool)}" for language, pool in paragraphs.items())
        raise UsageError(
            f"the files of --xquad have different numbers of paragraphs: {counts}",
            hint="name files of the same articles",
        )
    questions = {example.id: example.query for example in by_language.get(asked, [])}
    items: list[Item] = []
    for length in setting.lengths:
        numbers = _haystack(setting, list(paragraphs.values()), length)
        for language, examples in by_language.items():
            label = language if asked in ("", language) else f"{asked}→{language}"
            items += _items(setting, examples, paragraphs[language], numbers, questions, label, length)
    return items


def _read(paths: Sequence[Path]) -> dict[str, list[Example]]:
    by_language: dict[str, list[Example]] = {}
    for path in paths:
        language = language_of(path)
        if language in by_language:
            raise UsageError(
                f"two files are of the language {language!r} by their names", hint="name one file a language"
            )
        by_language[language] = list(read_squad(path))
    return by_language


def _paragraphs(examples: Iterable[Example]) -> list[Document]:
    """The paragraphs of a file in its order, by which those of two languages correspond."""
    articles = dict.fromkeys((example.group, example.documents) for example in examples)
    return [document for _, documents in articles for document in documents]


def _haystack(setting: TaskSetting, pools: Sequence[list[Document]], length: int) -> list[int]:
    """Numbers of the paragraphs that fit into ``length`` tokens in every language, shuffled; one at least."""
    numbers = list(range(len(pools[0])))
    setting.rng("xquad", "order").shuffle(numbers)
    num_taken = len(numbers)
    for pool in pools:
        ends = accumulate(setting.count_tokens(pool[number].text) for number in numbers)
        num_taken = min(num_taken, sum(end <= length for end in ends))
    return numbers[: max(1, num_taken)]


def _items(
    setting: TaskSetting,
    examples: list[Example],
    pool: list[Document],
    numbers: list[int],
    questions: dict[str, str],
    label: str,
    length: int,
) -> Iterator[Item]:
    """Questions over one haystack; ``questions`` by id where they are asked in another language."""
    documents = [pool[number] for number in numbers]
    text, spans = render(documents)
    places = dict(zip(documents, spans, strict=True))
    usable = [
        example
        for example in examples
        if example.relevant
        and all(document in places for document in example.relevant_documents)
        and (not questions or example.id in questions)
    ]
    for example in setting.sample("xquad", usable):
        yield item_of_text(
            f"{label}-{example.id}" + (f"-{length}" if len(setting.lengths) > 1 else ""),
            questions.get(example.id, example.query),
            text,
            [places[document] for document in example.relevant_documents],
            answers=(example.answers,) if example.answers else (),
            label=label,
            length=length,
        )


XQUAD_TASKS = (
    Task(
        "xquad",
        xquad_items,
        PromptTemplate(
            _TEMPLATE, token_f1, 32, "ours, after RULER's qa prompt; SQuAD's F1 (arXiv:1606.05250)"
        ),
        needs="xquad",
        about="XQuAD: one paragraph among others, in the languages of the files",
    ),
)
