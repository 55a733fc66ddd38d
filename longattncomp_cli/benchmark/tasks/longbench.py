"""``longbench-v2`` from its released JSON (arXiv:2412.15204), and ``records``: the user's own JSONL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from longattncomp_cli.benchmark.tasks.base import PromptTemplate, Task, TaskSetting
from longattncomp_cli.benchmark.tasks.grading import any_string, longbench
from longattncomp_cli.benchmark.tasks.item import Item, item_of_text
from longattncomp_cli.core.inputs.record_fields import parse_spans
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.text.spans import SourceSpan
from longattncomp_cli.data.readers.json_records import Record, read_records

_LONGBENCH = (
    "Please read the following text and answer the question below.\n\n<text>\n{context}\n</text>\n\n"
    "What is the correct answer to this question: {question}\nChoices:\n{choices}\n\n"
    'Format your response as follows: "The correct answer is (insert answer here)".'
)
_RECORDS = "{context}\n\n{query}"


def longbench_items(setting: TaskSetting) -> list[Item]:
    """Questions with four choices over one text; nobody has marked the evidence."""
    records = [r for path in setting.of("longbench-v2", "longbench-v2") for r in read_records(path)]
    setting.rng("longbench-v2").shuffle(records)
    return [longbench_item(record) for record in records[: setting.limit]]


def longbench_item(record: Record) -> Item:
    """One question; its query is the question with the choices."""
    letter = record.text("answer")
    if letter not in ("A", "B", "C", "D"):
        raise record.error(f"field 'answer' is {letter!r}, not A, B, C or D")
    question = record.text("question").strip()
    choices = "\n".join(f"({c}) {record.text(f'choice_{c}').strip()}" for c in "ABCD")
    return item_of_text(
        record.identifier("_id" if "_id" in record.value else "id", default=record.where),
        f"{question}\n{choices}",
        record.text("context").strip(),
        (),
        label=f"{record.text('length', default='')} {record.text('difficulty', default='')}".strip(),
        fields={"question": question, "choices": choices, "letter": letter},
    )


def record_items(setting: TaskSetting) -> list[Item]:
    """The user's records, in the order of the files: ``context``, ``query``, and ``evidence`` or ``answer``.

    ``evidence`` holds objects ``{"start", "end", "source"?}`` or strings, which stand where they first occur;
    ``answer`` is a string or a list of strings that are all accepted.
    """
    items = []
    for path in setting.of("data", "records"):
        for record in read_records(path):
            items.append(record_item(record))
            if len(items) == setting.limit:
                return items
    return items


def record_item(record: Record) -> Item:
    """One record: what ``compress`` reads of it, and what must be kept.

    A record's own budget is left to ``compress``: here the budgets are those of the run.

    Raises:
        InputError: a field is missing or is not what it must be.
    """
    sources = tuple(_sources(record))
    query = record.text("query")
    if not query.strip():
        raise record.error("field 'query' is empty")
    evidence = tuple(_places(record, sources))
    answers = record.strings("answer")
    if not evidence and not answers:
        raise record.error("neither 'evidence' nor 'answer' says what must be kept")
    item_id = record.identifier("id", default=record.where)
    keep = parse_spans(record.items("keep", optional=True), len(sources), f"{record.path}: {record.where}")
    instruction = record.text("instruction", default="")
    request = Request(sources, query, instruction=instruction, id=item_id, keep=keep)
    return Item(item_id, request, evidence, (answers,) if answers else ())


def _sources(record: Record) -> Iterator[Source]:
    context = record.value.get("context")
    parts = context if isinstance(context, list) else [context]
    texts: list[str] = []
    for part in parts:
        text = part.get("text") if isinstance(part, dict) else part
        if not isinstance(text, str):
            raise record.error(f"field 'context' holds {_shown(text)}, not a text")
        texts.append(text)
    if not any(text.strip() for text in texts):
        raise record.error("field 'context' is empty")
    for index, (part, text) in enumerate(zip(parts, texts, strict=True)):
        title = (part.get("title") or "") if isinstance(part, dict) else ""
        if not isinstance(title, str):
            raise record.error(f"field 'context[{index}].title' is not a string")
        yield Source(text, name=title or f"context[{index}]", title=title)


def _places(record: Record, sources: tuple[Source, ...]) -> Iterator[SourceSpan]:
    for index, part in enumerate(record.items("evidence", optional=True)):
        name = f"evidence[{index}]"
        match part:
            case str(text) if text:
                found = [(i, s.text.find(text)) for i, s in enumerate(sources) if text in s.text]
                if not found:
                    raise record.error(f"field {name!r} is a string that the context does not hold")
                source, start = found[0]
                yield SourceSpan(source, start, start + len(text))
            case {"start": int(start), "end": int(end), **rest}:
                number = rest.get("source", 0)
                if not isinstance(number, int) or not 0 <= number < len(sources):
                    shown = f"{_shown(number)}, not one of {len(sources)}"
                    raise record.error(f"field '{name}.source' is {shown}")
                if not 0 <= start < end <= len(sources[number].text):
                    raise record.error(f"field {name!r}: {start}:{end} is outside its source")
                yield SourceSpan(number, start, end)
            case _:
                raise record.error(f"field {name!r} is {_shown(part)}, not a string or a start and end")


def _shown(value: Any) -> str:
    return "nothing" if value is None else repr(value)[:60]


RELEASED_TASKS = (
    Task(
        "longbench-v2",
        longbench_items,
        PromptTemplate(
            _LONGBENCH, longbench, 128, "LongBench v2 (arXiv:2412.15204), prompts/0shot.txt and pred.py"
        ),
        needs="longbench-v2",
        about="LongBench v2's released JSON",
    ),
    Task(
        "records",
        record_items,
        PromptTemplate(_RECORDS, any_string, 512, "ours: the query behind the context; any accepted string"),
        needs="data",
        about="your own JSONL with evidence or answers",
    ),
)
