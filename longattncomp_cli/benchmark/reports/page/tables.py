"""The tables of a report as HTML; every value from the report is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from longattncomp_cli.benchmark.reports.summary import direction, figure_of, is_best, mean_of
from longattncomp_cli.benchmark.setup.settings import UNBUDGETED

Json = Mapping[str, Any]

_NAMES = {"recall": "evidence recall", "answer_kept": "answers kept", "kept_ratio": "kept of the text"}


def recall_tables(report: Json) -> Iterator[str]:
    """One table a task: methods down, budgets across."""
    summary = report["summary"]
    for task in dict.fromkeys(cell["task"] for cell in summary["cells"]):
        cells = [cell for cell in summary["cells"] if cell["task"] == task]
        figure = figure_of(cells)
        budgets = sorted(
            dict.fromkeys(cell["budget"] for cell in cells), key=lambda budget: budget == UNBUDGETED
        )
        head = "".join(f"<th>{escape('own rule' if b == UNBUDGETED else b)}</th>" for b in budgets)
        rows = []
        for method in dict.fromkeys(cell["method"] for cell in cells):
            mine = {cell["budget"]: cell for cell in cells if cell["method"] == method}
            columns = "".join(_cell(mine.get(b), cells, figure, b) for b in budgets)
            note = report.get("methods", {}).get(method, "")
            first = f'<td title="{escape(note)}">{escape(method)}</td>'
            rows.append(_row(method, first + columns + _difference(mine, budgets)))
        num_items = max(cell["n"] for cell in cells)
        caption = f"<b>{escape(task)}</b> · {_NAMES[figure]}, mean of {num_items} items with its 95% interval"
        head = f"<th>method</th>{head}<th>against {escape(summary['baseline'])}</th>"
        yield _table(caption, head, rows)


def _row(method: str, cells: str) -> str:
    return f'<tr class="method" data-method="{escape(method)}">{cells}</tr>'


def _table(caption: str, head: str, rows: Sequence[str]) -> str:
    """``caption`` and ``head`` are HTML already."""
    told = f"<caption>{caption}</caption>" if caption else ""
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="scroll"><table>{told}{body}</table></div>'


def _cell(cell: Json | None, cells: Sequence[Json], figure: str, budget: str) -> str:
    if cell is None or figure not in cell:
        return "<td><small>–</small></td>"
    value = cell[figure]
    if budget == UNBUDGETED:
        return f"<td>{value['mean']:.3f} <small>{cell['kept_ratio']['mean']:.1%} kept</small></td>"
    return _mean_cell(cell, [each for each in cells if each["budget"] == budget], figure)


def _mean_cell(cell: Json, rivals: Sequence[Json], figure: str) -> str:
    value = cell[figure]
    mark = ' class="best"' if is_best(cell, rivals, figure) else ""
    return f"<td{mark}>{value['mean']:.3f} <small>[{value['low']:.2f}, {value['high']:.2f}]</small></td>"


def _difference(mine: Mapping[str, Json], budgets: Sequence[str]) -> str:
    """Paired differences; coloured where the interval leaves out 0 and the items are not few."""
    parts = []
    for budget in budgets:
        found = mine.get(budget, {}).get("against_baseline")
        if found and budget != UNBUDGETED:
            mark = {1: "up", -1: "down"}.get(direction(found), "")
            parts.append(f'<span class="{mark}">{found["mean"]:+.3f}</span>')
    return f"<td>{' '.join(parts)}</td>"


def cost_table(report: Json) -> str:
    """Seconds, speed and memory of scoring."""
    cells = report["summary"]["cells"]
    rows = []
    for method in dict.fromkeys(cell["method"] for cell in cells):
        mine = [cell for cell in cells if cell["method"] == method]
        values = [mean_of(mine, name) for name in ("seconds", "tokens_per_second", "peak_mib", "budget_use")]
        texts = [
            "–" if value is None else form.format(value)
            for value, form in zip(values, ("{:.3f}", "{:,.0f}", "{:,.0f}", "{:.1%}"), strict=True)
        ]
        columns = "".join(f"<td>{text}</td>" for text in texts)
        rows.append(
            f'<tr class="method" data-method="{escape(method)}"><td>{escape(method)}</td>{columns}</tr>'
        )
    head = "".join(
        f"<th>{name}</th>" for name in ("method", "seconds", "tokens/s", "peak MiB", "budget used")
    )
    caption = "Cost of scoring, mean over items; the backbone's pass counts for every method that needs it"
    return _table(caption, head, rows)


def target_table(targets: Json) -> str:
    """Answers of each target on each method's contexts, what they cost, and what failed."""
    rows = [_target_row(cell, targets["cells"]) for cell in targets["cells"]]
    names = ("task", "model", "method", "budget", "accuracy", "exact match", "F1")
    costs = ("prompt tokens", "saved", "first token, s", "saved, s", "less scoring, s")
    head = "".join(
        f"<th>{name}</th>" for name in (*names, "retrieval loss", "reasoning loss", "items", *costs)
    )
    errors = ", ".join(f"{count} × {code}" for code, count in targets["errors"].items())
    where = "; ".join(
        f"{each['task']} {each['method']} at {each['budget']}: {each['failed']}"
        for each in targets.get("failures", ())
    )
    told = (
        f'<p class="errors">{targets["failed"]} answers failed: {escape(errors)} ({escape(where)})</p>'
        if targets["failed"]
        else ""
    )
    return told + _table("", head, rows)


def _target_row(cell: Json, cells: Sequence[Json]) -> str:
    rivals = [each for each in cells if all(each[key] == cell[key] for key in ("task", "target", "budget"))]
    split, saved, prompt = cell.get("decomposition"), cell.get("saved", {}), cell["prompt_tokens"]
    share = saved.get("prompt_tokens", saved.get("context_tokens"))
    texts = (
        f"{split['retrieval_loss']['mean']:+.3f}" if split else "",
        f"{split['reasoning_loss']:.3f}" if split else "",
        str(cell["n"]),
        "–" if prompt is None else f"{prompt:,}",
        "" if share is None else f"{share:.1%}",
        "–" if cell["first_token_seconds"] is None else f"{cell['first_token_seconds']:.2f}",
        *(
            f"{saved[name]['mean']:+.2f}" if name in saved else ""
            for name in ("first_token_seconds", "net_seconds")
        ),
    )
    named = "".join(f"<td>{escape(cell[name])}</td>" for name in ("task", "target", "method", "budget"))
    figures = "".join(
        _mean_cell(cell, rivals, figure) if figure in cell else "<td><small>–</small></td>"
        for figure in ("accuracy", "exact_match", "f1")
    )
    return _row(cell["method"], named + figures + "".join(f"<td>{text}</td>" for text in texts))


def reported_table(reported: Json) -> str:
    """The papers' own figures."""
    rows = [
        f'<tr class="reported"><td>{escape(row["task"])}</td><td>{escape(row["target"])}</td>'
        f"<td>{escape(row['method'])}</td><td>{escape(row['accuracy'])}</td>"
        '<td><span class="tag">reported</span></td></tr>'
        for row in reported["rows"]
    ]
    head = "".join(f"<th>{name}</th>" for name in ("task", "target", "method", "accuracy %", ""))
    return _table(f"{escape(reported['source'])}; not measured here", head, rows)


def auroc_table(rows: Sequence[Json]) -> str:
    """How well confidence tells what can be answered."""
    cells = [
        _row(
            row["method"],
            f"<td>{escape(row['method'])}</td><td>{escape(row['task'])}</td><td>{escape(row['against'])}</td>"
            f"<td>{row['auroc']:.3f}</td>",
        )
        for row in rows
    ]
    head = "<th>method</th><th>task</th><th>against</th><th>AUROC</th>"
    return _table("Confidence: AUROC of answerable items against others", head, cells)
