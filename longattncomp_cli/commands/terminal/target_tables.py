"""The tables of a report's target models, for a terminal: answers, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from longattncomp_cli.benchmark.reports.summary import is_best
from longattncomp_cli.commands.terminal.console import safe

Cell = Mapping[str, Any]

_FIGURES = {"accuracy": "accuracy", "exact_match": "exact match", "f1": "F1"}


def target_tables(targets: Mapping[str, Any]) -> Iterator[RenderableType]:
    """For each task and model the answers and what they cost; at the end what failed."""
    for task, target in dict.fromkeys((cell["task"], cell["target"]) for cell in targets["cells"]):
        mine = [cell for cell in targets["cells"] if (cell["task"], cell["target"]) == (task, target)]
        yield Text("")
        yield _answers(f"{safe(task)} · {safe(target)}", mine)
        yield _costs(mine)
    if targets["failed"]:
        kinds = ", ".join(f"{count} {safe(code)}" for code, count in targets["errors"].items())
        where = ", ".join(_failure(each) for each in targets.get("failures", ()))
        yield Text(f"{targets['failed']} of the target's answers failed: {kinds} ({where})", style="red")


def _failure(failure: Cell) -> str:
    return f"{safe(failure['task'])} {safe(failure['method'])} at {failure['budget']}: {failure['failed']}"


def _answers(name: str, cells: Sequence[Cell]) -> Table:
    """Figures of the answers."""
    figures = [figure for figure in _FIGURES if any(figure in cell for cell in cells)]
    table = Table(title=f"{name}: answers [95% interval]", title_justify="left", box=None, pad_edge=False)
    for column in ("method", "budget", "n", *(_FIGURES[figure] for figure in figures)):
        table.add_column(column, no_wrap=True)
    for cell in cells:
        rivals = [each for each in cells if each["budget"] == cell["budget"]]
        intervals = (_interval(cell, figure, rivals) for figure in figures)
        table.add_row(safe(cell["method"]), cell["budget"], str(cell["n"]), *intervals)
    return table


def _interval(cell: Cell, figure: str, rivals: Sequence[Cell]) -> Text:
    if figure not in cell:
        return Text("–", style="dim")
    value = cell[figure]
    text = f"{value['mean']:.3f} [{value['low']:.2f}, {value['high']:.2f}]"
    return Text(text, style="bold" if is_best(cell, rivals, figure) else "")


def _costs(cells: Sequence[Cell]) -> Table:
    """What accuracy is lost to; tokens and seconds of a question; both against the full context."""
    table = Table(title="losses, and the cost of a question", title_justify="left", box=None, pad_edge=False)
    for column in ("method", "budget"):
        table.add_column(column, no_wrap=True)
    is_counted = all(cell["prompt_tokens"] is not None for cell in cells)
    tokens = "prompt\ntokens" if is_counted else "context\ntokens"
    for column in ("retrieval\nloss", "reasoning\nloss", "gain on\nfull", tokens, "saved"):
        table.add_column(column, justify="right")
    for column in ("first\ntoken, s", "saved,\ns", "less\nscoring"):
        table.add_column(column, justify="right")
    for cell in cells:
        split, saved = cell.get("decomposition", {}), cell.get("saved", {})
        share = saved.get("prompt_tokens", saved.get("context_tokens"))
        count = cell["prompt_tokens"] / cell["n"] if is_counted else cell.get("context_tokens")
        table.add_row(
            safe(cell["method"]),
            cell["budget"],
            _signed(split.get("retrieval_loss"), ".3f"),
            f"{split['reasoning_loss']:.3f}" if split else "",
            _signed(split.get("gain"), ".3f"),
            _shown(count, ",.0f"),
            "" if share is None else f"{share:.1%}",
            _shown(cell["first_token_seconds"], ".2f"),
            _signed(saved.get("first_token_seconds"), ".2f"),
            _signed(saved.get("net_seconds"), ".2f"),
        )
    return table


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _signed(value: Cell | None, form: str) -> str:
    return "" if value is None else format(value["mean"], "+" + form)
