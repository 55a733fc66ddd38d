"""XQuAD (Artetxe et al., arXiv:1910.11856): SQuAD's paragraphs and questions, translated by people.

A haystack holds the paragraph of a question among others of the same language. Questions have the same ids in
every language, so one language may ask about texts in another (as LAReQA does, arXiv:2004.05484).
"""

from __future__ import annotations

from pathlib import Path

from longattncomp_cli.benchmark.tasks.base import PromptTemplate, Task, TaskSetting
from longattncomp_cli.benchmark.tasks.grading import token_f1
from longattncomp_cli.benchmark.tasks.item import Item, item_of_text
from longattncomp_cli.data.examples import Example
from longattncomp_cli.data.haystacks import render
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
        UsageError: the questions' language has no file, or two files have one.
    """
    by_language: dict[str, list[Example]] = {}
    for path in setting.of("xquad", "xquad"):
        language = language_of(path)
        if language in by_language:
            raise UsageError(
                f"two files are of the language {language!r} by their names", hint="name one file a language"
            )
        by_language[language] = list(read_squad(path))
    asked = setting.query_language
    if asked and asked not in by_language:
        raise UsageError(
            f"--query-language {asked}: no file of --xquad is of it",
            hint=f"languages of the files: {', '.join(by_language)}",
        )
    questions = {example.id: example.query for example in by_language.get(asked, [])}
    return [
        item
        for language, examples in by_language.items()
        for item in _items(setting, language, examples, asked or language, questions)
    ]


def _items(
    setting: TaskSetting, language: str, examples: list[Example], asked: str, questions: dict[str, str]
) -> list[Item]:
    """Haystacks of one language; ``questions`` by id where they are asked in another."""
    pool = list(dict.fromkeys(document for example in examples for document in example.documents))
    usable = [
        example for example in examples if example.relevant and (not questions or example.id in questions)
    ]
    chosen = setting.sample("xquad", usable)
    label = language if asked == language else f"{asked}→{language}"
    items = []
    for length in setting.lengths:
        for example in setting.haystacks(chosen, pool, length, hard=0):
            text, spans = render(example.documents)
            items.append(
                item_of_text(
                    f"{label}-{example.id}" + (f"-{length}" if len(setting.lengths) > 1 else ""),
                    questions.get(example.id, example.query),
                    text,
                    [spans[number] for number in example.relevant],
                    answers=(example.answers,) if example.answers else (),
                    label=label,
                    length=length,
                )
            )
    return items


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
