"""Ask a target model every question over every context that was kept, many at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from longattncomp_cli.benchmark.measuring.journal import Journal, Row
from longattncomp_cli.benchmark.measuring.runner import Counts, OnProgress
from longattncomp_cli.benchmark.setup.settings import BenchSettings
from longattncomp_cli.benchmark.targets.client import Target, TargetError
from longattncomp_cli.benchmark.targets.config import TargetConfig
from longattncomp_cli.benchmark.targets.rendering import rendered
from longattncomp_cli.benchmark.tasks import TASKS
from longattncomp_cli.benchmark.tasks.grading import exact_match, token_f1
from longattncomp_cli.benchmark.tasks.item import Item

_IDENTITY = (
    "task",
    "item",
    "digest",
    "method",
    "checkpoint",
    "identity",
    "budget",
    "length",
    "depth",
    "label",
)
_SHOWN_CHARS = 400


@dataclass(frozen=True)
class Question:
    """One context of one item, as one method kept it."""

    item: Item
    row: Row


def evaluate_target(
    choice: TargetConfig,
    items: Mapping[str, Sequence[Item]],
    journal: Journal,
    settings: BenchSettings,
    counts: Counts,
    on_progress: OnProgress,
) -> None:
    """Ask about every retrieval row of these items; what was answered already is not asked again.

    Args:
        choice: which target.
        items: of each task.
        journal: holds the retrieval rows, and takes the answers' rows.
        settings: how texts are joined.
        counts: grows by what is done and what failed.
        on_progress: hears how far it is.
    """
    target = Target(choice)
    questions = list(_questions(items, journal, choice.model))
    pool = ThreadPoolExecutor(max_workers=choice.concurrency, thread_name_prefix="target")
    try:
        futures: dict[Future[Row], Question] = {
            pool.submit(_answer, target, question, settings): question for question in questions
        }
        for number, future in enumerate(as_completed(futures), 1):
            row = {**_identity(futures[future].row, choice.model), **future.result()}
            journal.add(row)
            if "error" in row:
                counts.failed += 1
                where = f"{row['task']} {row['item']} {row['method']}"
                counts.first_failure = counts.first_failure or f"{where}: {row['error']['message']}"
            else:
                counts.done += 1
            on_progress(f"asking {choice.model}", number, len(questions))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _questions(items: Mapping[str, Sequence[Item]], journal: Journal, model: str) -> Iterator[Question]:
    known = {(task, item.id, item.digest): item for task, members in items.items() for item in members}
    for row in list(journal.rows.values()):
        item = known.get((row["task"], row["item"], row["digest"]))
        if row["kind"] != "retrieval" or "error" in row or item is None:
            continue
        if not journal.is_done(_identity(row, model)):
            yield Question(item, row)


def _identity(row: Row, model: str) -> Row:
    kept = {name: row[name] for name in _IDENTITY if row.get(name) is not None}
    return {"kind": "target", **kept, "target": model}


def _answer(target: Target, question: Question, settings: BenchSettings) -> dict[str, Any]:
    """The figures of one answer, or its error."""
    template = TASKS[question.row["task"]].prompt
    row = question.row
    text = rendered(question.item, row["spans"], settings.separator, unmarked=row.get("bare", False))
    try:
        reply = target.ask(template.fill(question.item, text), template.max_tokens)
    except TargetError as error:
        return {"error": {"code": error.code, "message": error.message}}
    return {
        "accuracy": round(template.grade(question.item, reply.text), 5),
        **_word_figures(question.item, reply.text),
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "seconds": reply.seconds,
        "first_token_seconds": reply.first_token_seconds,
        "cached": reply.is_cached,
        "finish": reply.finish,
        "reply": reply.text[:_SHOWN_CHARS],
    }


def _word_figures(item: Item, reply: str) -> dict[str, float]:
    """Exact match and F1, where one answer is asked for; beside the task's own grade, which may be milder."""
    if len(item.answers) != 1:
        return {}
    return {"exact_match": exact_match(item, reply), "f1": round(token_f1(item, reply), 5)}
