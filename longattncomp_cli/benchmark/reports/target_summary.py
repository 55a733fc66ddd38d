"""Accuracy of target models, and where it is lost: to retrieval or to reasoning (the paper's Figure 1)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from longattncomp_cli.benchmark.reports.summary import CEILINGS, label_of, latest, order_of, rounded
from longattncomp_cli.benchmark.setup.settings import UNBUDGETED
from longattncomp_cli.data.metrics import bootstrap_mean, paired_difference

Row = Mapping[str, Any]


def summarise_targets(rows: Iterable[Row], *, seed: int = 0) -> dict[str, Any] | None:
    """Tables of a report's target rows; ``None`` where there are none.

    The decomposition of a method at a budget, over items that were answered from the full context, from the
    oracle's and from the method's: ``retrieval_loss`` = oracle − compressed (evidence that was not kept, or
    hidden among other text), ``reasoning_loss`` = 1 − oracle (what the model gets wrong with the evidence
    before it), ``gain`` = compressed − full.
    """
    rows = latest(rows)
    mine = [row for row in rows if row["kind"] == "target"]
    if not mine:
        return None
    good = [row for row in mine if "error" not in row]
    groups: dict[tuple[str, str, str, str], list[Row]] = defaultdict(list)
    for row in good:
        groups[row["task"], row["target"], row["budget"], label_of(row)].append(row)
    # Answers come as they are ready; tables are in the order of tasks and methods.
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    cells = []
    for (task, target, budget, label), members in groups.items():
        cell: dict[str, Any] = {
            "task": task,
            "target": target,
            "budget": budget,
            "method": label,
            "n": len(members),
            "accuracy": rounded(bootstrap_mean([row["accuracy"] for row in members], seed=seed)),
            "prompt_tokens": sum(row.get("prompt_tokens") or 0 for row in members),
            "completion_tokens": sum(row.get("completion_tokens") or 0 for row in members),
            "seconds": _mean(members, "seconds"),
            "first_token_seconds": _mean(members, "first_token_seconds"),
        }
        if label not in CEILINGS:
            cell |= _decomposition(members, groups, task, target, seed)
        cells.append(cell)
    cells.sort(
        key=lambda cell: (
            tasks.index(cell["task"]),
            cell["target"],
            order_of(cell["method"]),
            cell["method"],
            cell["budget"],
        )
    )
    errors: dict[str, int] = defaultdict(int)
    for row in mine:
        if "error" in row:
            errors[row["error"]["code"]] += 1
    return {"cells": cells, "answered": len(good), "failed": len(mine) - len(good), "errors": dict(errors)}


def _decomposition(
    members: Sequence[Row],
    groups: Mapping[tuple[str, str, str, str], Sequence[Row]],
    task: str,
    target: str,
    seed: int,
) -> dict[str, Any]:
    """Losses over the items that all three have."""
    full = {row["item"]: float(row["accuracy"]) for row in groups.get((task, target, UNBUDGETED, "full"), ())}
    oracle: dict[str, float] = {}
    for (of_task, of_target, budget, label), rows in groups.items():
        if (of_task, of_target, label) == (task, target, "oracle") and budget == members[0]["budget"]:
            oracle = {row["item"]: float(row["accuracy"]) for row in rows}
    common = [row for row in members if row["item"] in full and row["item"] in oracle]
    if not common:
        return {}
    mine = [float(row["accuracy"]) for row in common]
    with_full = [full[row["item"]] for row in common]
    with_oracle = [oracle[row["item"]] for row in common]
    return {
        "decomposition": {
            "n": len(common),
            "full": sum(with_full) / len(common),
            "oracle": sum(with_oracle) / len(common),
            "compressed": sum(mine) / len(common),
            "retrieval_loss": rounded(paired_difference(with_oracle, mine, seed=seed)),
            "reasoning_loss": round(1 - sum(with_oracle) / len(common), 4),
            "gain": rounded(paired_difference(mine, with_full, seed=seed)),
        }
    }


def _mean(rows: Sequence[Row], figure: str) -> float | None:
    values = [float(row[figure]) for row in rows if row.get(figure) is not None]
    return round(sum(values) / len(values), 4) if values else None
