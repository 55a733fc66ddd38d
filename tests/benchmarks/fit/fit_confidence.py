"""Fit a checkpoint's confidence on questions with and without an answer, and store the fit in it.

    python tests/benchmarks/collect_signs.py --split train --data-dir DATA --output train.jsonl
    python tests/benchmarks/calibrate.py fit CHECKPOINT_DIR train.jsonl
    python tests/benchmarks/collect_signs.py --split dev --seed 5 --data-dir DATA --output dev.jsonl
    python tests/benchmarks/calibrate.py report CHECKPOINT dev.jsonl

A logistic model of the signs below. ``fit`` shows what it is worth on haystacks and on whole kinds of
question that it was not fitted on, chooses the head by that, and writes ``calibration`` into ``config.json``;
nothing else of the checkpoint changes. Every kind weighs the same, and in it answerable questions as much as
others.
``report`` fits nothing; ``before`` is ``1 − sink``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from longattncomp_cli.core.checkpoint.logistic import LogisticModel, calibrated
from longattncomp_cli.core.checkpoint.store import Checkpoint, load_checkpoint
from longattncomp_cli.core.results.warnings import LOW_CONFIDENCE
from longattncomp_cli.core.text.arrays import FloatArray
from longattncomp_cli.data.metrics import auroc
from longattncomp_cli.data.splits import hash_share
from longattncomp_cli.training.calibration import fit_logistic

Row = dict[str, Any]

SIGNS = ("sink", "best", "gap_2", "matched_long_words", "missing_names")
FOLDS = 5
PENALTY = 3e-3
_FOREIGN_SHARE = 0.1
_BINS = 10


def read_rows(paths: Sequence[Path]) -> list[Row]:
    """The lines of ``collect_signs.py``."""
    return [orjson.loads(line) for path in paths for line in path.read_bytes().splitlines()]


def has_answer(row: Row) -> bool:
    """Whether the haystack holds what is asked."""
    return bool(row["label"] == "answerable")


def weights_of(rows: Sequence[Row]) -> FloatArray:
    """How much each question counts."""
    cells = [(r["kind"], "foreign" if r["label"] == "foreign" else has_answer(r)) for r in rows]
    shares = {True: 0.5, False: 0.5 - _FOREIGN_SHARE, "foreign": _FOREIGN_SHARE}
    return np.array([shares[cell[1]] / cells.count(cell) for cell in cells])


def fit(names: Sequence[str], rows: Sequence[Row]) -> LogisticModel:
    """The model of all of these questions."""
    found, truth = [row["signs"] for row in rows], [has_answer(row) for row in rows]
    return fit_logistic(names, found, truth, weights_of(rows), PENALTY)


def predicted(names: Sequence[str], rows: Sequence[Row], parts: Sequence[object]) -> FloatArray:
    """The confidence in every question, by a model of all parts but its own."""
    confidence = np.zeros(len(rows))
    for part in set(parts):
        model = fit(names, [row for row, own in zip(rows, parts, strict=True) if own != part])
        for index, (row, own) in enumerate(zip(rows, parts, strict=True)):
            if own == part:
                confidence[index] = model.probability(row["signs"])
    return confidence


def log_loss(confidence: FloatArray, rows: Sequence[Row]) -> float:
    """The weighted mean of −log of the probability that the truth was given."""
    truth = np.array([has_answer(row) for row in rows])
    given = np.where(truth, confidence, 1 - confidence).clip(1e-6)
    return float(np.average(-np.log(given), weights=weights_of(rows)))


def calibration_error(confidence: FloatArray, rows: Sequence[Row]) -> float:
    """The mean distance of confidence and frequency over equal bins."""
    truth, weight = np.array([has_answer(row) for row in rows], dtype=float), weights_of(rows)
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    apart = [abs(float((weight * (confidence - truth))[bins == b].sum())) for b in set(bins.tolist())]
    return sum(apart) / float(weight.sum())


def table(columns: dict[str, FloatArray], rows: Sequence[Row]) -> list[str]:
    """A line a kind: AUROC against each label, Brier score, answerable ones doubted, others believed."""
    names = list(columns)
    labels = [x for x in ("removed", "hard", "impossible", "foreign") if any(r["label"] == x for r in rows)]
    heads = [f"AUROC, {label}" for label in labels] + ["Brier", "doubted", "believed"]
    lines = ["| kind (answerable / others) | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    truth = np.array([has_answer(row) for row in rows])
    weight = weights_of(rows)
    kinds = np.array([row["kind"] for row in rows])
    label_of = np.array([row["label"] for row in rows])
    for kind in [*dict.fromkeys(kinds.tolist()), "all"]:
        own = kinds == kind if kind != "all" else np.ones(len(rows), dtype=bool)
        cells = []
        for label in labels:
            other = own & (label_of == label)
            sides = [(columns[n][own & truth].tolist(), columns[n][other].tolist()) for n in names]
            values = [f"{auroc(*side):.3f}" for side in sides if all(side)]
            cells.append(" → ".join(values))
        squares = [np.average((columns[n] - truth)[own] ** 2, weights=weight[own]) for n in names]
        cells.append(" → ".join(f"{v:.3f}" for v in squares))
        near = own & ~truth & (label_of != "foreign")
        for side, sign in ((own & truth, 1), (near, -1)):
            wrong = [np.average(sign * columns[n][side] < sign * LOW_CONFIDENCE) for n in names]
            cells.append(" → ".join(f"{v:.0%}" for v in wrong))
        lines.append(
            f"| {kind} ({(own & truth).sum()} / {(own & ~truth).sum()}) | " + " | ".join(cells) + " |"
        )
    for name in names:
        loss, apart = log_loss(columns[name], rows), calibration_error(columns[name], rows)
        lines.append(f"{name}: log loss {loss:.4f}, calibration error {apart:.4f}")
    return lines


def before(rows: Sequence[Row]) -> FloatArray:
    """``1 − sink``."""
    return np.array([1 - row["sink"] for row in rows])


def fit_checkpoint(checkpoint: Checkpoint, rows: list[Row]) -> LogisticModel:
    """Choose the head, show cross-validated figures, fit on everything."""
    folds = [int(FOLDS * hash_share(row["haystack"])) for row in rows]
    kinds = [row["kind"] for row in rows]
    heads = [f"nearest_{head}" for head in range(len(checkpoint.config.layers))]
    losses = {}
    for head in heads:
        names = [*SIGNS, head]
        parts = (predicted(names, rows, folds), predicted(names, rows, kinds))
        losses[head] = sum(log_loss(part, rows) for part in parts)
        print(f"{head}: {losses[head] / 2:.4f}")
    names = [*SIGNS, min(heads, key=lambda head: losses[head])]
    columns = {"before": before(rows), "after": predicted(names, rows, folds)}
    print("\n".join(["haystacks that it was not fitted on:", *table(columns, rows)]))
    columns["after"] = predicted(names, rows, kinds)
    print("\n".join(["kinds that it was not fitted on:", *table(columns, rows)]))
    return fit(names, rows)


def store(folder: Path, name: str, model: LogisticModel) -> None:
    """Write a model into ``config.json``."""
    path = folder / "config.json"
    entry = {"version": model.version, "weights": dict(model.weights), "offset": model.offset}
    raw = orjson.loads(path.read_bytes()) | {name: entry}
    path.write_bytes(orjson.dumps(raw, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    load_checkpoint(str(folder))  # refuses what is not well-formed


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
    checkpoint, rows = load_checkpoint(options.checkpoint), read_rows(options.rows)
    if options.step == "fit":
        model = fit_checkpoint(checkpoint, rows)
        print(model)
        if not options.dry_run:
            store(Path(options.checkpoint), "calibration", model)
        return
    calibration = checkpoint.config.calibration
    after = np.array([calibrated(1 - row["sink"], calibration, row["signs"]) for row in rows])
    print("\n".join(table({"before": before(rows), "after": after}, rows)))


if __name__ == "__main__":
    main()
