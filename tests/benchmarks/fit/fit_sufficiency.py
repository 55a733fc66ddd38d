"""``--select auto``: fit a checkpoint's ``sufficiency``, store it, show recall against kept tokens.

    python tests/benchmarks/fit/collect_features.py --split train --data-dir DATA --output train.jsonl
    python tests/benchmarks/fit/fit_sufficiency.py fit CHECKPOINT_DIR train.jsonl
    python tests/benchmarks/fit/collect_features.py --split dev --seed 5 --data-dir DATA --output dev.jsonl
    python tests/benchmarks/fit/fit_sufficiency.py report CHECKPOINT dev.jsonl [--output FILE]

The peak of the scores (after one hop) suffices where its evidence recall is that of filling the budget
(with all hops), to half a point. ``fit`` learns the probability of that from the features, and chooses
what the peak is and the least sufficiency: the fewest tokens on easy needles at a recall at most 0.6 points
below filling the budget in the mean over kinds, and at most 2.5 in each, on haystacks of no fit.
``sufficiency`` goes into ``config.json``; the rule is printed, for the defaults of ``AutoRule``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from fit_confidence import FOLDS, Row, parse_options, read_rows, store
from results_file import write_results

from longattncomp_cli.core.checkpoint.logistic import LogisticModel
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.selection.auto import AutoRule, peak_chunks
from longattncomp_cli.core.text.arrays import FloatArray
from longattncomp_cli.data.metrics import bootstrap_mean
from longattncomp_cli.data.splits import hash_share
from tests.benchmarks.fit.logistic import fit_logistic

EASY = ("squad", "keys", "needles")
SHARES = (4, 8, 16)
TOP_PS = (0.5, 0.8, 0.95, 0.99)
LEAST_TOKENS = 3_000
FEATURES = ("gap_5", "entropy", "chunks", "words", "matched_long_words", "similarity_1", "similarity_3")
PENALTY = 3e-3
ALL = 10**9
_NEAR = 0.005
_MOST_LOST, _MOST_LOST_OF_A_KIND = 0.006, 0.025
_RATIOS = (0.1, 0.03, 0.01)
_LEASTS = (1, 2, 3, 4, 6)
_SUFFICIENCIES = (0.7, 0.75, 0.8, 0.82, 0.84, 0.86, 0.88, 0.9, 0.95)


def usable(rows: Sequence[Row]) -> list[Row]:
    """Answerable questions to contexts in which a share is still some chunks."""
    return [row for row in rows if row["label"] == "answerable" and sum(row["tokens"]) >= LEAST_TOKENS]


def ranked(row: Row, hops: str = "scores") -> FloatArray:
    """The scores, best first."""
    return np.sort(np.array(row[hops]))[::-1]


def judged(row: Row, limit: int, hops: str = "scores") -> FloatArray:
    """(2,) evidence recall and share of the budget used by the ``limit`` best chunks, over the budgets."""
    order = np.argsort(-np.array(row[hops]), kind="stable")
    tokens, evidence = np.array(row["tokens"], dtype=float)[order], np.array(row["evidence"])[order]
    before = np.cumsum(tokens) - tokens
    found = []
    for share in SHARES:
        budget = tokens.sum() / share
        part = np.clip((budget - before) / np.maximum(tokens, 1), 0, 1)
        part[limit:] = 0
        found.append(((part * evidence).sum(), (part * tokens).sum() / budget))
    return np.mean(found, axis=0)


def by_kind(figures: FloatArray, rows: Sequence[Row]) -> dict[str, FloatArray]:
    """(2,) the mean of (N, 2) figures for each kind."""
    kinds = np.array([row["kind"] for row in rows])
    return {kind: figures[kinds == kind].mean(axis=0) for kind in dict.fromkeys(kinds.tolist())}


def fit_sufficiency(rows: Sequence[Row], is_sufficient: Sequence[bool]) -> LogisticModel:
    """The probability that the peak suffices; every kind weighs the same."""
    kinds = [row["kind"] for row in rows]
    weights = np.array([1 / kinds.count(kind) for kind in kinds])
    return fit_logistic(FEATURES, [row["features"] for row in rows], is_sufficient, weights, PENALTY)


def predicted(rows: Sequence[Row], is_sufficient: Sequence[bool]) -> FloatArray:
    """(N,) the probability that the peak suffices, by a model of the other folds.

    Raises:
        ValueError: in some of them it suffices always, or never.
    """
    folds = [int(FOLDS * hash_share(row["haystack"])) for row in rows]
    probability = np.zeros(len(rows))
    for fold in set(folds):
        others = [index for index, own in enumerate(folds) if own != fold]
        model = fit_sufficiency([rows[i] for i in others], [is_sufficient[i] for i in others])
        for index, own in enumerate(folds):
            if own == fold:
                probability[index] = model.probability(rows[index]["features"])
    return probability


def fit(rows: Sequence[Row]) -> tuple[LogisticModel, AutoRule]:
    """Choose the peak and the least sufficiency; then fit on everything."""
    filled = np.array([judged(row, ALL) for row in rows])
    full = by_kind(filled, rows)
    best: tuple[float, AutoRule, list[bool]] | None = None
    for ratio, least in product(_RATIOS, _LEASTS):
        peak = AutoRule(peak_min_ratio=ratio, peak_min_chunks=least)
        alone = np.array(
            [judged(row, peak_chunks(ranked(row, "first_hop"), peak), "first_hop") for row in rows]
        )
        is_sufficient = [bool(value) for value in alone[:, 0] >= filled[:, 0] - _NEAR]
        try:
            probability = predicted(rows, is_sufficient)
        except ValueError:
            continue  # this peak suffices always, or never
        for least_sufficiency in _SUFFICIENCIES:
            chosen = by_kind(np.where((probability >= least_sufficiency)[:, None], alone, filled), rows)
            lost = [float(full[kind][0] - chosen[kind][0]) for kind in full]
            use = float(np.mean([chosen[kind][1] for kind in full if kind in EASY]))
            if np.mean(lost) <= _MOST_LOST and max(lost) <= _MOST_LOST_OF_A_KIND:
                rule = AutoRule(
                    min_sufficiency=least_sufficiency, peak_min_ratio=ratio, peak_min_chunks=least
                )
                print(f"{ratio=} {least=} {least_sufficiency=}: lost {np.mean(lost):.4f}, easy use {use:.3f}")
                if best is None or use < best[0]:
                    best = use, rule, is_sufficient
    if best is None:
        raise SystemExit("no rule comes near enough to filling the budget")
    return fit_sufficiency(rows, best[2]), best[1]


def report(rows: Sequence[Row], model: LogisticModel, rule: AutoRule) -> dict[str, Any]:
    """For each kind and way to select, recall and the share of the budget used; and what ``auto`` loses."""
    is_sufficient = {id(row): model.probability(row["features"]) >= rule.min_sufficiency for row in rows}

    def auto(row: Row) -> FloatArray:
        if not is_sufficient[id(row)]:
            return judged(row, ALL)
        return judged(row, peak_chunks(ranked(row, "first_hop"), rule), "first_hop")

    def auto_all_hops(row: Row) -> FloatArray:
        return judged(row, peak_chunks(ranked(row), rule) if is_sufficient[id(row)] else ALL)

    ways: dict[str, Callable[[Row], FloatArray]] = {
        "fill": partial(judged, limit=ALL),
        "fill, one hop": partial(judged, limit=ALL, hops="first_hop"),
    }
    ways |= {f"top-p {p}": partial(judged_top_p, top_p=p) for p in TOP_PS}
    ways |= {"auto, all hops": auto_all_hops, "auto": auto}
    figures = {name: np.array([way(row) for row in rows]) for name, way in ways.items()}
    means = {name: by_kind(found, rows) for name, found in figures.items()}
    kinds = list(means["fill"])
    table = []
    for kind in kinds:
        own = [row for row in rows if row["kind"] == kind]
        share = float(np.mean([is_sufficient[id(row)] for row in own]))
        entry = {"kind": kind, "n": len(own), "peak_suffices": share}
        table.append(entry | {name: _named(found[kind]) for name, found in means.items()})
    groups = {"easy needles": [k for k in kinds if k in EASY], "others": [k for k in kinds if k not in EASY]}
    for title, group in (groups | {"all": kinds}).items():
        if group:
            cells = {n: _named(np.mean([found[k] for k in group], axis=0)) for n, found in means.items()}
            table.append({"kind": f"mean of kinds: {title}", **cells})
    lost = bootstrap_mean(figures["fill"][:, 0] - figures["auto"][:, 0], seed=0)
    return {"rule": asdict(rule), "lost_by_auto": asdict(lost), "kinds": table}


def judged_top_p(row: Row, top_p: float) -> FloatArray:
    """(2,) as :func:`judged`, of the best chunks up to a cumulative share."""
    shares = ranked(row) / sum(row["scores"])
    return judged(row, int(np.count_nonzero(np.cumsum(shares) - shares < top_p - 1e-12)))


def _named(pair: FloatArray) -> dict[str, float]:
    return {"recall": float(pair[0]), "budget_used": float(pair[1])}


def markdown(found: dict[str, Any]) -> list[str]:
    """The report as a table: recall / share of the budget used."""
    ways = [name for name, value in found["kinds"][0].items() if isinstance(value, dict)]
    lines = ["| kind | peak suffices | " + " | ".join(ways) + " |", "|" + "---|" * (len(ways) + 2)]
    for entry in found["kinds"]:
        name = f"{entry['kind']} ({entry['n']})" if "n" in entry else entry["kind"]
        share = f"{entry['peak_suffices']:.0%}" if "n" in entry else ""
        cells = [f"{entry[way]['recall']:.3f} / {entry[way]['budget_used']:.0%}" for way in ways]
        lines.append(f"| {name} | {share} | " + " | ".join(cells) + " |")
    lost = "{mean:.4f} [{low:.4f}, {high:.4f}]".format(**found["lost_by_auto"])
    return [*lines, f"recall lost by auto, mean of questions: {lost}"]


def main() -> None:
    """Fit and store, or report."""
    options = parse_options(__doc__ or "")
    rows = usable(read_rows(options.rows))
    if options.step == "fit":
        model, rule = fit(rows)
        print(f"{model}\n{rule}")
        if not options.dry_run:
            store(Path(options.checkpoint), "sufficiency", model)
        return
    stored = load_checkpoint(options.checkpoint).config.sufficiency
    if stored is None:
        raise SystemExit(f"{options.checkpoint} has no sufficiency: fit it first")
    found = report(rows, stored, AutoRule())
    print("\n".join(markdown(found)))
    if options.output:
        write_results(options.output, found, checkpoint=options.checkpoint, device="cpu", dtype="float64")


if __name__ == "__main__":
    main()
