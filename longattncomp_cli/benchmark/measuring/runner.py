"""Run tasks × items × methods × budgets; every finished row is safe at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from longattncomp_cli.benchmark.measuring.journal import Journal, Row
from longattncomp_cli.benchmark.measuring.measure import rows_of
from longattncomp_cli.benchmark.methods.base import Method
from longattncomp_cli.benchmark.setup.settings import UNBUDGETED
from longattncomp_cli.benchmark.setup.workbench import Workbench
from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.errors import LongAttnCompError

# Hears what is worked on, how many item × method pairs are finished, of how many.
OnProgress = Callable[[str, int, int], None]


@dataclass
class Counts:
    """How a run went."""

    done: int = 0
    skipped: int = 0
    failed: int = 0
    first_failure: str = field(default="")


def run_retrieval(
    items: Mapping[str, Sequence[Item]],
    methods: Sequence[Method],
    budgets: Sequence[str],
    bench: Workbench,
    journal: Journal,
    on_progress: OnProgress,
) -> Counts:
    """Measure every method on every item, item by item, so that a pass of the backbone is shared.

    Args:
        items: of each task.
        methods: in the order of the tables.
        budgets: as the user writes them.
        bench: what is shared.
        journal: where rows go; those it holds already are not made again.
        on_progress: hears how far it is.
    """
    counts = Counts()
    total = sum(map(len, items.values())) * len(methods)
    finished = 0
    for task, questions in items.items():
        for item in questions:
            pending = [(method, _pending(task, item, method, budgets, journal)) for method in methods]
            chunked, seconds = None, 0.0
            for method, missing in pending:
                on_progress(f"{task} · {method.name}", finished, total)
                finished += 1
                if not missing:
                    counts.skipped += 1
                    continue
                if chunked is None:
                    start, before = time.perf_counter(), bench.shared_seconds
                    try:
                        chunked = bench.chunk(item.request)
                    except LongAttnCompError as error:
                        _fail(task, item, method, missing, error, journal, counts)
                        continue
                    seconds = time.perf_counter() - start + bench.shared_seconds - before
                try:
                    for row in rows_of(method, item, chunked, seconds, missing, bench):
                        journal.add({**_identity(task, item, method, row["budget"]), **row})
                    counts.done += 1
                except LongAttnCompError as error:
                    _fail(task, item, method, missing, error, journal, counts)
    on_progress("done", total, total)
    return counts


def _identity(task: str, item: Item, method: Method, budget: str) -> Row:
    row: Row = {
        "kind": "retrieval",
        "task": task,
        "item": item.id,
        "digest": item.digest,
        "method": method.name,
        "checkpoint": method.checkpoint,
        "identity": method.identity,
        "budget": budget,
    }
    if item.length:
        row["length"] = item.length
    if item.depth is not None:
        row["depth"] = item.depth
    if item.label:
        row["label"] = item.label
    return row


def _pending(task: str, item: Item, method: Method, budgets: Sequence[str], journal: Journal) -> list[str]:
    """The budgets at which this method has not been measured on this item."""
    wanted = budgets if method.is_budgeted else (UNBUDGETED,)
    return [budget for budget in wanted if not journal.is_done(_identity(task, item, method, budget))]


def _fail(
    task: str,
    item: Item,
    method: Method,
    budgets: Sequence[str],
    error: LongAttnCompError,
    journal: Journal,
    counts: Counts,
) -> None:
    """An error stands in the place of the rows that it cost; a resumed run tries them again."""
    for budget in budgets:
        row = {"error": {"code": error.code, "message": error.message}}
        journal.add({**_identity(task, item, method, budget), **row})
    counts.failed += 1
    counts.first_failure = counts.first_failure or f"{task} {item.id} {method.name}: {error.message}"
