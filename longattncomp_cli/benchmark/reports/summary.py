"""From rows to tables: means with 95% bootstrap intervals, paired differences, breakdowns, AUROC."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from longattncomp_cli.benchmark.methods.registry import METHOD_NAMES
from longattncomp_cli.data.metrics import Interval, auroc, bootstrap_mean, paired_difference

Row = Mapping[str, Any]
Json = dict[str, Any]

FIGURES = (
    "recall",
    "iou",
    "complete",
    "answer_kept",
    "kept_ratio",
    "budget_use",
    "seconds",
    "tokens_per_second",
    "peak_mib",
)
"""Figures of a retrieval row that get a mean; the first is what tables show."""
CEILINGS = ("full", "oracle")
"""Methods that are not in the contest for the best."""
_RESAMPLES = 4_000
# Of fewer items a bootstrap interval says little.
_LEAST_ITEMS = 10


def label_of(row: Row) -> str:
    """What tables call a row's method."""
    return f"{row['method']}:{row['checkpoint']}" if row.get("checkpoint") else str(row["method"])


def latest(rows: Iterable[Row]) -> list[Row]:
    """The rows without those of an earlier form of a method: the same name, made by other weights since."""
    rows = list(rows)
    newest = {label_of(row): row.get("identity") for row in rows}
    return [row for row in rows if row.get("identity") == newest[label_of(row)]]


def order_of(method: str) -> int:
    """The place of a method in tables; labels of checkpoints stand with their method."""
    name = method.split(":")[0]
    return METHOD_NAMES.index(name) if name in METHOD_NAMES else len(METHOD_NAMES)


def figure_of(cells: Iterable[Row]) -> str:
    """What a task is measured by: recall, or answers kept where there is no evidence, or the kept ratio."""
    cells = list(cells)
    return next((f for f in ("recall", "answer_kept") if any(f in cell for cell in cells)), "kept_ratio")


def is_best(cell: Row, cells: Iterable[Row], figure: str) -> bool:
    """Whether no method in the contest has a higher mean of a figure than this one, which is in it."""
    means = [each[figure]["mean"] for each in cells if figure in each and each["method"] not in CEILINGS]
    return cell["method"] not in CEILINGS and figure in cell and cell[figure]["mean"] == max(means)


def mean_of(cells: Iterable[Row], figure: str) -> float | None:
    """The mean of a figure over the items of several cells; ``None`` where no cell has it."""
    pairs = [(cell[figure]["mean"], cell["n"]) for cell in cells if figure in cell]
    return float(sum(mean * n for mean, n in pairs) / sum(n for _, n in pairs)) if pairs else None


def direction(difference: Row) -> int:
    """1 or −1 where the interval of a paired difference leaves out 0 and the items are not few, else 0."""
    if difference["n"] < _LEAST_ITEMS:
        return 0
    return int(difference["low"] > 0) - int(difference["high"] < 0)


def summarise(rows: Iterable[Row], *, baseline: str = "", seed: int = 0) -> Json:
    """Tables of a report's retrieval rows.

    Args:
        rows: all rows; those that failed are counted.
        baseline: the method that the others are paired with; BM25, random or the first where it is ``""``.
        seed: of the resampling.

    Returns:
        ``{"baseline", "cells": [...], "breakdown": [...], "auroc": [...], "failed": n}``.
    """
    rows = latest(rows)
    good = [row for row in rows if row["kind"] == "retrieval" and "error" not in row]
    failed = sum(1 for row in rows if row["kind"] == "retrieval" and "error" in row)
    tasks = list(dict.fromkeys(row["task"] for row in good))
    # Stable: what a resumed run added stands where it belongs.
    good.sort(key=lambda row: (tasks.index(row["task"]), order_of(row["method"])))
    labels = list(dict.fromkeys(label_of(row) for row in good))
    wanted = baseline or next(
        (name for name in ("bm25", "random") if name in labels), labels[0] if labels else ""
    )
    groups: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in good:
        groups[row["task"], row["budget"], label_of(row)].append(row)
    cells = []
    for (task, budget, label), members in groups.items():
        cell: Json = {"task": task, "budget": budget, "method": label, "n": len(members)}
        for figure in FIGURES:
            values = [float(row[figure]) for row in members if row.get(figure) is not None]
            if values:
                cell[figure] = rounded(bootstrap_mean(values, seed=seed, resamples=_RESAMPLES))
        if label != wanted and (against := groups.get((task, budget, wanted))):
            difference = _paired(members, against, seed)
            if difference is not None:
                cell["against_baseline"] = difference
        cells.append(cell)
    return {
        "baseline": wanted,
        "cells": cells,
        "breakdown": _breakdown(good),
        "auroc": _auroc(good),
        "failed": failed,
    }


def _paired(first: Sequence[Row], second: Sequence[Row], seed: int) -> Json | None:
    """The mean difference of recall (without evidence: of kept answers) over the items that both have."""
    for figure in ("recall", "answer_kept"):
        other = {(row["item"], row["digest"]): row[figure] for row in second if row.get(figure) is not None}
        pairs = [
            (float(row[figure]), float(other[row["item"], row["digest"]]))
            for row in first
            if row.get(figure) is not None and (row["item"], row["digest"]) in other
        ]
        if pairs:
            interval = paired_difference([a for a, _ in pairs], [b for _, b in pairs], seed=seed)
            return {"figure": figure, "n": len(pairs), **rounded(interval)}
    return None


def _breakdown(rows: Sequence[Row]) -> list[Json]:
    """Mean recall by method, budget, length and depth, of tasks that have more than one of the two."""
    groups: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    spread: dict[str, set[Any]] = defaultdict(set)
    for row in rows:
        if row.get("length") and row.get("recall") is not None:
            depth = None if row.get("depth") is None else round(row["depth"], 3)
            spread[row["task"]].add((row["length"], depth))
            groups[row["task"], row["budget"], label_of(row), row["length"], depth].append(row["recall"])
    return [
        {
            "task": task,
            "budget": budget,
            "method": label,
            "length": length,
            "depth": depth,
            "n": len(values),
            "recall": round(float(np.mean(values)), 4),
        }
        for (task, budget, label, length, depth), values in groups.items()
        if len(spread[task]) > 1
    ]


def _auroc(rows: Sequence[Row]) -> list[Json]:
    """How well confidence (or the top score) tells answerable items from each other kind."""
    found = []
    for key, members in _by(rows, lambda row: (row["task"], label_of(row))).items():
        signals: dict[str, dict[str, float]] = defaultdict(dict)
        for row in members:
            signal = row.get("confidence", row.get("top_score"))
            if row.get("label") and signal is not None:
                signals[row["label"]].setdefault(row["item"], float(signal))
        for label in signals if "answerable" in signals else ():
            if label != "answerable":
                value = auroc(list(signals["answerable"].values()), list(signals[label].values()))
                found.append({"task": key[0], "method": key[1], "against": label, "auroc": round(value, 4)})
    return found


def _by(rows: Sequence[Row], key: Callable[[Row], tuple[str, str]]) -> dict[tuple[str, str], list[Row]]:
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def rounded(interval: Interval) -> dict[str, float]:
    """An interval as reports write it."""
    return {"mean": _short(interval.mean), "low": _short(interval.low), "high": _short(interval.high)}


def _short(value: float) -> float:
    return round(value, 4) if abs(value) < 100 else round(value, 1)
