"""Accuracy of target models, where it is lost: to retrieval or to reasoning (the paper's Figure 1); cost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from longattncomp_cli.benchmark.reports.summary import CEILINGS, label_of, latest, order_of, rounded
from longattncomp_cli.benchmark.setup.settings import UNBUDGETED
from longattncomp_cli.data.metrics import bootstrap_mean, paired_difference

Row = Mapping[str, Any]
Json = dict[str, Any]
Key = tuple[str, str, str, str]
"""Task, target, budget and the method's label."""

ANSWER_FIGURES = ("accuracy", "exact_match", "f1")
"""Figures of an answer that get a mean with its interval; the last two only where one answer is asked for."""


def summarise_targets(rows: Iterable[Row], *, seed: int = 0) -> Json | None:
    """Tables of a report's target rows; ``None`` where there are none.

    The decomposition of a method at a budget, over items that were answered from the oracle's context and
    from the method's: ``retrieval_loss`` = oracle − compressed (evidence that was not kept, or hidden among
    other text), ``reasoning_loss`` = 1 − oracle (what the model gets wrong with the evidence before it).
    ``gain`` = compressed − full, over those of them that were answered from the full context too: it may be
    too long for the model. What is ``saved`` is against the full context as well.
    """
    rows = latest(rows)
    mine = [row for row in rows if row["kind"] == "target"]
    if not mine:
        return None
    good = [row for row in mine if "error" not in row]
    failed = [row for row in mine if "error" in row]
    groups: dict[Key, list[Row]] = defaultdict(list)
    for row in good:
        groups[_key(row)].append(row)
    kept = {_place(row): row for row in rows if row["kind"] == "retrieval" and "error" not in row}
    cells = [_cell(key, groups, kept, seed) for key in groups]
    # Answers come as they are ready; tables are in the order of tasks and methods.
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    cells.sort(key=lambda cell: _order(cell, tasks))
    failures = [
        {"task": task, "target": target, "budget": budget, "method": label, "failed": count}
        for (task, target, budget, label), count in Counter(map(_key, failed)).items()
    ]
    return {
        "cells": cells,
        "answered": len(good),
        "failed": len(failed),
        "errors": dict(Counter(row["error"]["code"] for row in failed)),
        "failures": sorted(failures, key=lambda failure: _order(failure, tasks)),
    }


def _key(row: Row) -> Key:
    return row["task"], row["target"], row["budget"], label_of(row)


def _place(row: Row) -> tuple[str, str, str, str]:
    return row["task"], row["item"], row["budget"], label_of(row)


def _order(cell: Row, tasks: Sequence[str]) -> tuple[Any, ...]:
    place = order_of(cell["method"])
    return tasks.index(cell["task"]), cell["target"], place, cell["method"], cell["budget"]


def _cell(key: Key, groups: Mapping[Key, Sequence[Row]], kept: Mapping[Any, Row], seed: int) -> Json:
    task, target, budget, label = key
    members = groups[key]
    cell: Json = {"task": task, "target": target, "budget": budget, "method": label, "n": len(members)}
    for figure in ANSWER_FIGURES:
        values = [float(row[figure]) for row in members if row.get(figure) is not None]
        if values:
            cell[figure] = rounded(bootstrap_mean(values, seed=seed))
    cell |= {
        "prompt_tokens": _sum(members, "prompt_tokens"),
        "completion_tokens": _sum(members, "completion_tokens"),
        "context_tokens": _mean([kept[_place(row)] for row in members if _place(row) in kept], "num_tokens"),
        "seconds": _mean(members, "seconds"),
        "first_token_seconds": _mean(members, "first_token_seconds"),
    }
    full = {row["item"]: row for row in groups.get((task, target, UNBUDGETED, "full"), ())}
    if label not in CEILINGS:
        oracle = {row["item"]: row for row in groups.get((task, target, budget, "oracle"), ())}
        cell |= _decomposition(members, full, oracle, seed)
    if label != "full":
        cell |= _saved(members, full, kept, seed)
    return cell


def _decomposition(
    members: Sequence[Row], full: Mapping[str, Row], oracle: Mapping[str, Row], seed: int
) -> Json:
    """Losses over the items that the oracle has too, the gain over those that the full context has too."""
    common = [row for row in members if row["item"] in oracle]
    if not common:
        return {}
    mine, best = _grades(common), _grades([oracle[row["item"]] for row in common])
    split: Json = {
        "n": len(common),
        "oracle": sum(best) / len(common),
        "compressed": sum(mine) / len(common),
        "retrieval_loss": rounded(paired_difference(best, mine, seed=seed)),
        "reasoning_loss": round(1 - sum(best) / len(common), 4),
        "n_full": 0,
        "full": None,
        "gain": None,
    }
    if both := [row for row in common if row["item"] in full]:
        whole = _grades([full[row["item"]] for row in both])
        gain = rounded(paired_difference(_grades(both), whole, seed=seed))
        split |= {"n_full": len(both), "full": sum(whole) / len(both), "gain": gain}
    return {"decomposition": split}


def _saved(members: Sequence[Row], full: Mapping[str, Row], kept: Mapping[Any, Row], seed: int) -> Json:
    """What the method spares the target, over items that were answered from the full context too.

    Tokens are the share of the prompt, as the endpoint counts it; where it does not, of the context.
    ``net_seconds`` are those to the first token less those that scoring took.
    """
    pairs = [(row, full[row["item"]]) for row in members if row["item"] in full]
    if not pairs:
        return {}
    saved: Json = {"n": len(pairs), **_tokens_saved(pairs, kept)}
    timed = [
        (row, whole["first_token_seconds"] - row["first_token_seconds"])
        for row, whole in pairs
        if row.get("first_token_seconds") is not None and whole.get("first_token_seconds") is not None
    ]
    if timed:
        saved["first_token_seconds"] = rounded(bootstrap_mean([s for _, s in timed], seed=seed))
    net = [seconds - kept[_place(row)]["seconds"] for row, seconds in timed if _place(row) in kept]
    if net:
        saved["net_seconds"] = rounded(bootstrap_mean(net, seed=seed))
    return {"saved": saved}


def _tokens_saved(pairs: Sequence[tuple[Row, Row]], kept: Mapping[Any, Row]) -> Json:
    """The share, under the name of what was counted; nothing where neither count is known."""
    counters: dict[str, Callable[[Row], int | None]] = {
        "prompt_tokens": lambda row: row.get("prompt_tokens"),
        "context_tokens": lambda row: kept.get(_place(row), {}).get("num_tokens"),
    }
    for name, count in counters.items():
        few = [number for row, _ in pairs if (number := count(row)) is not None]
        many = [number for _, row in pairs if (number := count(row)) is not None]
        if len(few) == len(many) == len(pairs):
            return {name: round(1 - sum(few) / max(1, sum(many)), 4)}
    return {}


def _grades(rows: Sequence[Row]) -> list[float]:
    return [float(row["accuracy"]) for row in rows]


def _sum(rows: Sequence[Row], figure: str) -> int | None:
    """``None`` where it is not known of every row."""
    values = [row.get(figure) for row in rows]
    return None if None in values else sum(value for value in values if value is not None)


def _mean(rows: Sequence[Row], figure: str) -> float | None:
    values = [float(row[figure]) for row in rows if row.get(figure) is not None]
    return round(sum(values) / len(values), 4) if values else None
