"""A run's curves as a PNG: loss over steps, and evidence recall of each held-out data set."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Points = Sequence[tuple[float, float]]
# Share of the running mean of the loss that is kept at a step.
_KEPT = 0.95


def write_curves(path: Path, loss: Points, recalls: Mapping[str, Points]) -> bool:
    """Draw the two panels; the log holds the same numbers.

    Args:
        path: of the PNG.
        loss: (step, loss).
        recalls: by data set, (step, evidence recall).

    Returns:
        Whether it was drawn: matplotlib (extra ``train``) may be absent.
    """
    if importlib.util.find_spec("matplotlib") is None:
        return False
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(*_columns(loss))
    left.set(xlabel="step", ylabel="loss")
    for name, points in recalls.items():
        right.plot(*_columns(points), label=name)
    right.set(xlabel="step", ylabel="evidence recall")
    if recalls:
        right.legend()
    figure.savefig(path, format="png", dpi=100)
    return True


def _columns(points: Points) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def draw_curves(folder: Path, log: Sequence[Mapping[str, Any]]) -> None:
    """Draw the log's curves."""
    losses = [(entry["step"], entry["loss"]) for entry in log if "loss" in entry]
    validations = [entry for entry in log if "recall" in entry]
    names = sorted({name for entry in validations for name in entry["recall"]})
    recalls = {name: [(e["step"], e["recall"][name][-1]) for e in validations] for name in names}
    write_curves(folder / "curves.png", _smooth(losses), recalls)


def _smooth(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    smoothed, mean = [], points[0][1] if points else 0.0
    for x, y in points:
        mean = _KEPT * mean + (1 - _KEPT) * y
        smoothed.append((x, mean))
    return smoothed
