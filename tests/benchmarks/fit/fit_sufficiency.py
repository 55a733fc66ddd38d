"""``--select auto``: fit what is ``enough``, store it in a checkpoint, show recall against kept tokens.

    python tests/benchmarks/collect_signs.py --split train --data-dir DATA --output train.jsonl
    python tests/benchmarks/adaptive_selection.py fit CHECKPOINT_DIR train.jsonl
    python tests/benchmarks/collect_signs.py --split dev --seed 5 --data-dir DATA --output dev.jsonl
    python tests/benchmarks/adaptive_selection.py report CHECKPOINT dev.jsonl

The peak of the scores (after one hop) is enough where its evidence recall is that of filling the budget
(with all hops), to half a point. ``fit`` learns the probability of that from the signs, and chooses what the
peak is and how sure one must be: the fewest tokens on easy needles at a recall at most 0.6 points below
filling the budget in the mean over kinds, and at most 2.5 in each, on haystacks of no fit.
``enough`` goes into ``config.json``; the three numbers, printed, are the defaults of ``AutoRule``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from calibrate import FOLDS, Row, read_rows, store

from longattncomp_cli.core.checkpoint.logistic import LogisticModel
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.selection.auto import AutoRule, peak_chunks
from longattncomp_cli.core.text.arrays import FloatArray
from longattncomp_cli.data.metrics import bootstrap_mean
from longattncomp_cli.data.splits import hash_share
from longattncomp_cli.training.calibration import fit_logistic

EASY = ("squad", "keys", "needles")
SHARES = (4, 8, 16)
TOP_PS = (0.5, 0.8, 0.95, 0.99)
LEAST_TOKENS = 3_000
SIGNS = ("gap_5", "entropy", "chunks", "words", "matched_long_words", "similarity_1", "similarity_3")
PENALTY = 3e-3
ALL = 10**9
_NEAR = 0.005
_MOST_LOST, _MOST_LOST_OF_A_KIND = 0.006, 0.025
_RATIOS = (0.1, 0.03, 0.01)
_LEASTS = (1, 2, 3, 4, 6)
_SURES = (0.7, 0.75, 0.8, 0.82, 0.84, 0.86, 0.88, 0.9, 0.95)


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


def fit_enough(rows: Sequence[Row], is_enough: Sequence[bool]) -> LogisticModel:
    """The probability that the peak is enough; every kind weighs the same."""
    kinds = [row["kind"] for row in rows]
    weights = np.array([1 / kinds.count(kind) for kind in kinds])
    return fit_logistic(SIGNS, [row["signs"] for row in rows], is_enough, weights, PENALTY)


def fit(rows: Sequence[Row]) -> tuple[LogisticModel, AutoRule]:
    """Choose the peak and how sure one must be; then fit on everything."""
    folds = [int(FOLDS * hash_share(row["haystack"])) for row in rows]
    filled = np.array([judged(row, ALL) for row in rows])
    full = by_kind(filled, rows)
    best: tuple[float, AutoRule, list[bool]] | None = None
    for ratio, least in product(_RATIOS, _LEASTS):
        peak = AutoRule(peak_min_ratio=ratio, peak_min_chunks=least)
        alone = np.array(
            [judged(row, peak_chunks(ranked(row, "first_hop"), peak), "first_hop") for row in rows]
        )
        is_enough = [bool(value) for value in alone[:, 0] >= filled[:, 0] - _NEAR]
        probability = np.zeros(len(rows))
        for fold in set(folds):
            others = [index for index, own in enumerate(folds) if own != fold]
            model = fit_enough([rows[i] for i in others], [is_enough[i] for i in others])
            for index, own in enumerate(folds):
                if own == fold:
                    probability[index] = model.probability(rows[index]["signs"])
        for sure in _SURES:
            chosen = by_kind(np.where((probability >= sure)[:, None], alone, filled), rows)
            lost = [float(full[kind][0] - chosen[kind][0]) for kind in full]
            use = float(np.mean([chosen[kind][1] for kind in full if kind in EASY]))
            if np.mean(lost) <= _MOST_LOST and max(lost) <= _MOST_LOST_OF_A_KIND:
                rule = AutoRule(sure=sure, peak_min_ratio=ratio, peak_min_chunks=least)
                print(
                    f"ratio {ratio} least {least} sure {sure}: lost {np.mean(lost):.4f}, easy use {use:.3f}"
                )
                if best is None or use < best[0]:
                    best = use, rule, is_enough
    if best is None:
        raise SystemExit("no rule comes near enough to filling the budget")
    return fit_enough(rows, best[2]), best[1]


def report(rows: Sequence[Row], model: LogisticModel, rule: AutoRule) -> None:
    """A table: recall and share of the budget used, for each kind and way to select."""
    enough = {id(row): model.probability(row["signs"]) >= rule.sure for row in rows}

    def top_p(row: Row, share: float) -> FloatArray:
        scores = ranked(row) / sum(row["scores"])
        return judged(row, int(np.count_nonzero(np.cumsum(scores) - scores < share - 1e-12)))

    def auto(row: Row) -> FloatArray:
        is_peak = enough[id(row)]
        return (
            judged(row, peak_chunks(ranked(row, "first_hop"), rule), "first_hop")
            if is_peak
            else judged(row, ALL)
        )

    def auto_all_hops(row: Row) -> FloatArray:
        return judged(row, peak_chunks(ranked(row), rule) if enough[id(row)] else ALL)

    ways: dict[str, Callable[[Row], FloatArray]] = {
        "fill": lambda row: judged(row, ALL),
        "fill, one hop": lambda row: judged(row, ALL, "first_hop"),
    }
    ways |= {f"top-p {p}": lambda row, p=p: top_p(row, p) for p in TOP_PS}  # type: ignore[misc]
    ways |= {"auto, all hops": auto_all_hops, "auto": auto}
    figures = {name: np.array([way(row) for row in rows]) for name, way in ways.items()}
    kinds = by_kind(figures["fill"], rows)
    print("| kind | peak is enough | " + " | ".join(ways) + " |\n|" + "---|" * (len(ways) + 2))
    for kind in kinds:
        own = [index for index, row in enumerate(rows) if row["kind"] == kind]
        cells = [f"{f[own, 0].mean():.3f} / {f[own, 1].mean():.0%}" for f in figures.values()]
        share = np.mean([enough[id(rows[index])] for index in own])
        print(f"| {kind} ({len(own)}) | {share:.0%} | " + " | ".join(cells) + " |")
    for title, group in (("easy needles", EASY), ("others", set(kinds) - set(EASY)), ("all", set(kinds))):
        means = [
            np.mean([v for k, v in by_kind(f, rows).items() if k in group], axis=0) for f in figures.values()
        ]
        print(f"| mean of kinds: {title} | | " + " | ".join(f"{r:.3f} / {u:.0%}" for r, u in means) + " |")
    lost = bootstrap_mean((figures["fill"][:, 0] - figures["auto"][:, 0]).tolist(), seed=0)
    print(f"lost by auto, mean of questions: {lost.mean:.4f} [{lost.low:.4f}, {lost.high:.4f}]")


def main() -> None:
    """Fit and store, or report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=["fit", "report"])
    parser.add_argument("checkpoint", help="fit: its directory; report: a name or directory")
    parser.add_argument("rows", nargs="+", type=Path, help="of collect_signs.py")
    parser.add_argument("--dry-run", action="store_true", help="fit without storing")
    options = parser.parse_args()
    rows = usable(read_rows(options.rows))
    if options.step == "fit":
        model, rule = fit(rows)
        print(f"{model}\n{rule}")
        if not options.dry_run:
            store(Path(options.checkpoint), "enough", model)
        return
    stored = load_checkpoint(options.checkpoint).config.enough
    if stored is None:
        raise SystemExit(f"{options.checkpoint} does not know what is enough: fit it first")
    report(rows, stored, AutoRule())


if __name__ == "__main__":
    main()
