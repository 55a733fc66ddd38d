"""The tables of a benchmark report, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from longattncomp_cli.benchmark.reports.summary import direction, figure_of, is_best, mean_of
from longattncomp_cli.benchmark.setup.settings import UNBUDGETED
from longattncomp_cli.commands.terminal.console import safe
from longattncomp_cli.commands.terminal.target_tables import target_tables

Cell = Mapping[str, Any]


def report_tables(report: Mapping[str, Any]) -> Group:
    """Everything that a report has to show."""
    summary = report["summary"]
    parts: list[RenderableType] = [*_recall(summary), *_costs(summary)]
    for method, caveat in report.get("caveats", {}).items():
        parts.append(Text(f"{safe(method)} differs from its paper: {safe(caveat)}", style="dim"))
    for method, reason in report.get("left_out", {}).items():
        parts.append(Text(f"{safe(method)} is left out: {safe(reason)}", style="dim"))
    parts += _auroc(summary)
    if report.get("targets"):
        parts += target_tables(report["targets"])
    if report.get("reported"):
        parts += _reported(report["reported"])
    if summary["failed"]:
        parts.append(Text(f"{summary['failed']} rows failed", style="red"))
    return Group(*parts)


_FIGURE_NAMES = {"recall": "evidence recall", "answer_kept": "answers kept", "kept_ratio": "kept ratio"}


def _recall(summary: Mapping[str, Any]) -> Iterator[RenderableType]:
    """One table a task: methods down, budgets across; below it the methods that have no budget."""
    for task in dict.fromkeys(cell["task"] for cell in summary["cells"]):
        cells = [cell for cell in summary["cells"] if cell["task"] == task]
        figure = figure_of(cells)
        budgeted = [cell for cell in cells if cell["budget"] != UNBUDGETED]
        budgets = list(dict.fromkeys(cell["budget"] for cell in budgeted))
        num_items = max(cell["n"] for cell in cells)
        title = f"{safe(task)} · {_FIGURE_NAMES[figure]}, mean of {num_items} [95% interval]"
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        table.add_column("method", no_wrap=True)
        for budget in budgets:
            table.add_column(f"at {budget}", no_wrap=True)
        table.add_column(f"against {summary['baseline']}", no_wrap=True)
        for method in dict.fromkeys(cell["method"] for cell in budgeted):
            mine = {cell["budget"]: cell for cell in budgeted if cell["method"] == method}
            row: list[RenderableType] = [Text(safe(method))]
            for budget in budgets:
                column = [cell for cell in budgeted if cell["budget"] == budget]
                row.append(_interval(mine.get(budget), figure, column))
            table.add_row(*row, _differences(mine, budgets))
        if budgeted:
            yield table
        else:
            yield Text(title, style="italic")
        yield from _own_rules(cells, figure)
        yield Text("")


def _interval(cell: Cell | None, figure: str, column: Sequence[Cell]) -> Text:
    if cell is None or figure not in cell:
        return Text("–", style="dim")
    value = cell[figure]
    text = f"{value['mean']:.3f} [{value['low']:.2f}, {value['high']:.2f}]"
    return Text(text, style="bold" if is_best(cell, column, figure) else "")


def _own_rules(cells: Sequence[Cell], figure: str) -> Iterator[Text]:
    """Methods that decide by their own rule how much they keep."""
    for cell in cells:
        if cell["budget"] == UNBUDGETED:
            value = f"{cell[figure]['mean']:.3f} with " if figure in cell and figure != "kept_ratio" else ""
            yield Text(f"{safe(cell['method'])}, no budget: {value}{cell['kept_ratio']['mean']:.1%} kept")


def _differences(mine: Mapping[str, Cell], budgets: Sequence[str]) -> Text:
    """The paired difference at each budget; a star where its interval leaves out 0 and items are not few."""
    found = []
    for budget in budgets:
        difference = mine.get(budget, {}).get("against_baseline")
        if difference:
            star = "*" if direction(difference) else ""
            found.append(f"{difference['mean']:+.3f}{star}")
    return Text(" ".join(found), style="dim")


_COSTS = {"seconds": ",.3f", "tokens_per_second": ",.0f", "peak_mib": ",.0f", "budget_use": ".1%"}


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _costs(summary: Mapping[str, Any]) -> Iterator[RenderableType]:
    """What scoring cost, over all tasks."""
    table = Table(title="cost of scoring, mean over items", title_justify="left", box=None, pad_edge=False)
    for name in ("method", "seconds", "tokens/s", "peak MiB", "budget used"):
        table.add_column(name, justify="left" if name == "method" else "right")
    for method in dict.fromkeys(cell["method"] for cell in summary["cells"]):
        mine = [cell for cell in summary["cells"] if cell["method"] == method]
        table.add_row(
            safe(method),
            *(_shown(mean_of(mine, figure), form) for figure, form in _COSTS.items()),
        )
    yield table


def _auroc(summary: Mapping[str, Any]) -> Iterator[RenderableType]:
    if not summary["auroc"]:
        return
    table = Table(title="confidence: AUROC of answerable against others", title_justify="left", box=None)
    for name in ("task", "method", "against", "AUROC"):
        table.add_column(name)
    for row in summary["auroc"]:
        table.add_row(safe(row["task"]), safe(row["method"]), safe(row["against"]), f"{row['auroc']:.3f}")
    yield Text("")
    yield table


def _reported(reported: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The paper's own figures, never mixed with measured ones."""
    yield Text("")
    table = Table(title=f"reported accuracy %, {reported['source']}", title_justify="left", box=None)
    for name in ("task", "target", "method", "accuracy", ""):
        table.add_column(name)
    for row in reported["rows"]:
        cells = (row["task"], row["target"], row["method"], row["accuracy"], "reported")
        table.add_row(*cells, style="dim")
    yield table
