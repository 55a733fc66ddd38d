"""Ours, made from nothing but a seed or Python files: keys in key–value lists, and functions by docstring."""

from __future__ import annotations

from collections.abc import Iterable

from longattncomp_cli.benchmark.tasks.base import PromptTemplate, Task, TaskSetting
from longattncomp_cli.benchmark.tasks.grading import any_string, token_f1
from longattncomp_cli.benchmark.tasks.item import Item, item_of_text
from longattncomp_cli.benchmark.tasks.made import vocabulary
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.data.examples import Document, Example, render
from longattncomp_cli.data.python_source import Module, read_modules, standard_library

FUNCTION_SEPARATOR = "\n\n\n"
_LEAST_WORDS, _LEAST_LINES, _MOST_LINES = 5, 4, 60


def key_value_items(setting: TaskSetting) -> list[Item]:
    """``kv``: random keys and values, as in InfiniteBench's Retrieve.KV; the evidence is one pair."""
    items = []
    for draft in setting.drafts("kv"):
        rng = draft.rng
        pairs: list[tuple[str, str]] = []
        used = 0
        while used < draft.length:
            pairs.append((vocabulary.identifier(rng), vocabulary.identifier(rng)))
            used += setting.count_tokens(_pair(*pairs[-1]) + ",\n")
        key, value = rng.choice(pairs)
        text = "{\n" + ",\n".join(_pair(*pair) for pair in pairs) + "\n}"
        start = text.index(_pair(key, value))
        evidence = [Span(start, start + len(_pair(key, value)))]
        query = f'What is the value of the key "{key}"?'
        items.append(
            item_of_text(draft.item_id, query, text, evidence, answers=((value,),), length=draft.length)
        )
    return items


def _pair(key: str, value: str) -> str:
    return f'"{key}": "{value}"'


def docstring_items(setting: TaskSetting) -> list[Item]:
    """``code-nl``: functions without their docstrings; the question is a docstring's first line."""
    folders = setting.files.get("python") or (standard_library(),)
    pool, examples = docstring_examples(module for folder in folders for module in read_modules(folder))
    chosen = setting.sample("code-nl", examples)
    items = []
    for length in setting.lengths:
        for example in setting.haystacks(chosen, pool, length):
            text, spans = render(example.documents, FUNCTION_SEPARATOR)
            evidence = [spans[i] for i in example.relevant]
            name = f"{example.id}-{length}"
            answers = tuple((text[start:end],) for start, end in evidence)
            items.append(item_of_text(name, example.query, text, evidence, answers=answers, length=length))
    return items


def docstring_examples(modules: Iterable[Module]) -> tuple[list[Document], list[Example]]:
    """All functions of some modules, and one example for each docstring that makes a question."""
    pool: list[Document] = []
    examples: dict[str, Example] = {}
    for module in modules:
        functions = module.functions()
        documents = tuple(Document("", function.code) for function in functions)
        pool.extend(documents)
        for index, function in enumerate(functions):
            is_fit = _LEAST_LINES <= function.code.count("\n") <= _MOST_LINES
            if is_fit and len(function.question.split()) >= _LEAST_WORDS:
                name = f"{module.name}:{function.name}"
                example = Example(name, function.question, documents, (index,), dataset="code-nl")
                examples[function.question] = example
    return pool, list(examples.values())


LOOKUP_TASKS = (
    Task(
        "kv",
        key_value_items,
        PromptTemplate(
            "Extract the value corresponding to the specified key in the JSON object below.\n\n{context}\n\n"
            "{query}",
            any_string,
            96,
            "InfiniteBench's kv_retrieval (arXiv:2402.13718); the value in the reply",
        ),
        about="a key in a list of keys and values",
    ),
    Task(
        "code-nl",
        docstring_items,
        PromptTemplate(
            "{context}\n\nRepeat the function of which this is said: {query}", token_f1, 512, "ours"
        ),
        takes=("python",),
        about="a Python function by the first line of its docstring",
    ),
)
