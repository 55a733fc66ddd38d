"""Haystacks from question-answering data: SQuAD, HotpotQA, MuSiQue, 2WikiMultiHopQA, QMSum, and our own form.

A haystack holds the relevant paragraphs, the example's own distractors, and paragraphs of other questions (of
the same file, or of a pool given with ``--paragraphs``) up to a length. Evidence is whole paragraphs, or the
relevant turns of a meeting.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from longattncomp_cli.benchmark.tasks.base import HARD_NEGATIVES, PromptTemplate, Task, TaskSetting
from longattncomp_cli.benchmark.tasks.grading import any_string, token_f1
from longattncomp_cli.benchmark.tasks.item import Item, item_of_text
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.data.examples import Document, Example, render
from longattncomp_cli.data.readers import READERS, read_paragraphs
from longattncomp_cli.data.readers.qmsum import TURN_SEPARATOR
from longattncomp_cli.data.splits import is_held_out

_TEMPLATE = (
    "Answer the question based on the given documents. Only give me the answer and do not output any other "
    "words.\n\nThe following are given documents.\n\n{context}\n\nAnswer the question based on the given "
    "documents. Only give me the answer and do not output any other words.\n\nQuestion: {query}\nAnswer:"
)
_MEETING = (
    "You are given a meeting transcript and a query. Answer the query in one or more sentences.\n\n"
    "Transcript:\n{context}\n\nNow, answer the query based on the above meeting transcript in one or more "
    "sentences.\n\nQuery: {query}\nAnswer:"
)


def qa_items(
    setting: TaskSetting,
    task: str,
    flag: str,
    reader: str,
    hard: int = HARD_NEGATIVES,
    numbered: bool = False,
) -> list[Item]:
    """Haystacks from the files of one flag, ``setting.limit`` of each length.

    Args:
        setting: files, lengths, seed.
        task: names the items' random numbers.
        flag: which files.
        reader: how to read them.
        hard: at most this many of the example's own distractors.
        numbered: head each document as RULER's qa tasks do, ``Document 3:``.
    """
    examples = [example for path in setting.of(flag, task) for example in READERS[reader](path)]
    pool = [d for path in setting.files.get("paragraphs", ()) for d in read_paragraphs(path)]
    if not pool or reader in ("squad", "musique"):
        pool = own_pool(setting, examples)
    chosen = setting.sample(task, [example for example in examples if example.relevant])
    items = []
    for length in setting.lengths:
        for example in setting.haystacks(chosen, pool, length, hard):
            items.append(_item(example, length, len(setting.lengths) > 1, numbered))
    return items


def meeting_items(setting: TaskSetting) -> list[Item]:
    """``qmsum``: the relevant turns of the whole meeting itself, as long as it is."""
    examples = [example for path in setting.of("qmsum", "qmsum") for example in READERS["qmsum"](path)]
    items = []
    for example in setting.sample("qmsum", [example for example in examples if example.relevant]):
        text, spans = render(example.documents, TURN_SEPARATOR)
        evidence = [
            Span(spans[span.document].start + span.start, spans[span.document].start + span.end)
            for span in example.evidence
        ]
        items.append(item_of_text(example.id, example.query, text, evidence, answers=_answers(example)))
    return items


def confidence_items(setting: TaskSetting) -> list[Item]:
    """``unanswerable``: does confidence tell answerable haystacks from others?

    Labels: ``answerable``; ``removed``, the same kind of question without its paragraph; ``impossible``, a
    question that was written to have no answer (SQuAD v2.0 only), among paragraphs of its own article.
    """
    examples = [e for path in setting.of("squad", "unanswerable") for e in READERS["squad"](path)]
    pool = own_pool(setting, examples)
    answerable = [example for example in examples if example.relevant]
    parts = {
        "answerable": (answerable, 0, False),
        "removed": (answerable, 0, True),
        "impossible": ([example for example in examples if not example.relevant], HARD_NEGATIVES, False),
    }
    items = []
    for label, (side, hard, negative) in parts.items():
        chosen = setting.sample(label, side)
        for length in setting.lengths:
            for example in setting.haystacks(chosen, pool, length, hard, negative=negative):
                item = _item(example, length, len(setting.lengths) > 1, False)
                items.append(replace(item, id=f"{label}-{item.id}", label=label))
    return items


def _item(example: Example, length: int, is_one_of_lengths: bool, numbered: bool) -> Item:
    documents = example.documents
    if numbered:
        documents = tuple(
            Document(f"Document {i}:" + (f"\n{d.title}" if d.title else ""), d.text)
            for i, d in enumerate(documents, 1)
        )
    text, spans = render(documents)
    return item_of_text(
        f"{example.id}-{length}" if is_one_of_lengths else example.id,
        example.query,
        text,
        [spans[index] for index in example.relevant],
        answers=_answers(example),
        length=length,
    )


def _answers(example: Example) -> tuple[tuple[str, ...], ...]:
    return (example.answers,) if example.answers else ()


def own_pool(setting: TaskSetting, examples: Iterable[Example]) -> list[Document]:
    """All documents of the examples on the setting's side."""
    groups = {
        example.group or example.id: example.documents
        for example in examples
        if not setting.held_out or is_held_out(example, setting.held_out)
    }
    return list(dict.fromkeys(document for documents in groups.values() for document in documents))


def _task(name: str, flag: str, reader: str, hard: int = HARD_NEGATIVES, about: str = "") -> Task:
    return Task(
        name,
        partial(qa_items, task=name, flag=flag, reader=reader, hard=hard),
        PromptTemplate(_TEMPLATE, token_f1, 32, "RULER's qa prompt; SQuAD's F1 (arXiv:1606.05250)"),
        needs=flag,
        takes=("paragraphs",),
        about=about,
    )


def _ruler(name: str, flag: str, reader: str) -> Task:
    return Task(
        name,
        partial(qa_items, task=name, flag=flag, reader=reader, hard=0, numbered=True),
        PromptTemplate(_TEMPLATE, any_string, 32, "RULER (arXiv:2404.06654); string_match_part"),
        needs=flag,
        takes=("paragraphs",),
        about=f"RULER: questions of {flag} among numbered documents",
    )


QUESTION_TASKS = (
    _ruler("qa_1", "squad", "squad"),
    _ruler("qa_2", "hotpotqa", "hotpotqa"),
    _task("squad", "squad", "squad", hard=0, about="SQuAD: one paragraph among those of other articles"),
    _task("squad-hard", "squad", "squad", about="SQuAD: the same among paragraphs of its own article"),
    _task("hotpotqa", "hotpotqa", "hotpotqa", about="HotpotQA: two paragraphs"),
    _task("musique", "musique", "musique", about="MuSiQue: two to four paragraphs"),
    _task("2wiki", "2wiki", "2wikimultihopqa", about="2WikiMultiHopQA: two to four paragraphs"),
    Task(
        "qmsum",
        meeting_items,
        PromptTemplate(
            _MEETING, token_f1, 256, "LongBench's qmsum prompt (arXiv:2308.14508); word F1 for its ROUGE"
        ),
        needs="qmsum",
        about="QMSum: turns of a whole meeting",
    ),
    Task(
        "unanswerable",
        confidence_items,
        PromptTemplate(_TEMPLATE, token_f1, 32, "RULER's qa prompt; SQuAD's F1 (arXiv:1606.05250)"),
        needs="squad",
        about="SQuAD v2.0: is confidence low where nothing answers?",
    ),
)
