"""Fit a checkpoint's confidence on questions with and without an answer, and store the fit in it.

    python tests/benchmarks/fit/collect_features.py --split train --data-dir DATA --output train.jsonl
    python tests/benchmarks/fit/fit_confidence.py fit CHECKPOINT_DIR train.jsonl
    python tests/benchmarks/fit/collect_features.py --split dev --seed 5 --data-dir DATA --output dev.jsonl
    python tests/benchmarks/fit/fit_confidence.py report CHECKPOINT dev.jsonl [--output FILE]

A logistic model of the features below. ``fit`` shows what it is worth on haystacks and on whole kinds of
question that it was not fitted on, chooses the head by that, and writes ``calibration`` into ``config.json``;
nothing else of the checkpoint changes. Every kind weighs the same, and in it answerable questions as much as
others.
``report`` fits nothing; ``before`` is ``1 − sink``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))
from results_file import write_results

from longattncomp_cli.core.checkpoint.logistic import HEAD_FEATURE, LogisticModel, calibrated
from longattncomp_cli.core.checkpoint.store import Checkpoint, load_checkpoint, save_checkpoint
from longattncomp_cli.core.results.warnings import LOW_CONFIDENCE
from longattncomp_cli.core.text.arrays import FloatArray
from longattncomp_cli.data.metrics import auroc
from longattncomp_cli.data.splits import hash_share
from tests.benchmarks.fit.logistic import fit_logistic

Row = dict[str, Any]
BoolArray = NDArray[np.bool_]

FEATURES = ("sink", "best", "gap_2", "matched_long_words", "missing_names")
LABELS = ("removed", "hard", "impossible", "foreign")
FOLDS = 5
PENALTY = 3e-3
_FOREIGN_SHARE = 0.1
_BINS = 10


def read_rows(paths: Sequence[Path]) -> list[Row]:
    """The lines of ``collect_features.py``."""
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
    found, truth = [row["features"] for row in rows], [has_answer(row) for row in rows]
    return fit_logistic(names, found, truth, weights_of(rows), PENALTY)


def predicted(names: Sequence[str], rows: Sequence[Row], parts: Sequence[object]) -> FloatArray:
    """The confidence in every question, by a model of all parts but its own."""
    confidence = np.zeros(len(rows))
    for part in set(parts):
        model = fit(names, [row for row, own in zip(rows, parts, strict=True) if own != part])
        for index, (row, own) in enumerate(zip(rows, parts, strict=True)):
            if own == part:
                confidence[index] = model.probability(row["features"])
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


def figures_by_kind(columns: dict[str, FloatArray], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """For each kind, and for all, how good each column of confidences (N,) is.

    ``auroc`` is against each label; a false rejection is an answerable question below the confidence that
    the program warns of, a false acceptance another one above it (``foreign`` ones are easy and left out).
    """
    truth = np.array([has_answer(row) for row in rows])
    weight = weights_of(rows)
    kinds = np.array([row["kind"] for row in rows])
    label_of = np.array([row["label"] for row in rows])
    found = []
    for kind in [*dict.fromkeys(kinds.tolist()), "all"]:
        own = kinds == kind if kind != "all" else np.ones(len(rows), dtype=bool)
        near = own & ~truth & (label_of != "foreign")
        entry: dict[str, Any] = {
            "kind": kind,
            "answerable": int((own & truth).sum()),
            "others": int((own & ~truth).sum()),
        }
        for name, confidence in columns.items():
            others = {label: confidence[own & (label_of == label)] for label in LABELS}
            entry[name] = {
                "auroc": {
                    label: auroc(confidence[own & truth], other)
                    for label, other in others.items()
                    if len(other) and (own & truth).any()
                },
                "brier": float(np.average((confidence - truth)[own] ** 2, weights=weight[own])),
                "false_rejections": _share(confidence[own & truth] < LOW_CONFIDENCE),
                "false_acceptances": _share(confidence[near] > LOW_CONFIDENCE),
            }
        found.append(entry)
    return found


def _share(is_so: BoolArray) -> float | None:
    return float(is_so.mean()) if len(is_so) else None


def overall(columns: dict[str, FloatArray], rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Log loss and calibration error of each column of confidences (N,)."""
    return {
        name: {
            "log_loss": log_loss(confidence, rows),
            "calibration_error": calibration_error(confidence, rows),
        }
        for name, confidence in columns.items()
    }


def table(columns: dict[str, FloatArray], rows: Sequence[Row]) -> list[str]:
    """The figures in Markdown, ``before → after`` in each cell."""
    found = figures_by_kind(columns, rows)
    labels = [label for label in LABELS if any(row["label"] == label for row in rows)]
    heads = [f"AUROC, {label}" for label in labels] + ["Brier", "false rejections", "false acceptances"]
    lines = ["| kind (answerable / others) | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for entry in found:
        own = [entry[name] for name in columns]
        cells = [_arrow([figures["auroc"].get(label) for figures in own], ".3f") for label in labels]
        cells.append(_arrow([figures["brier"] for figures in own], ".3f"))
        for name in ("false_rejections", "false_acceptances"):
            cells.append(_arrow([figures[name] for figures in own], ".0%"))
        lines.append(
            f"| {entry['kind']} ({entry['answerable']} / {entry['others']}) | " + " | ".join(cells) + " |"
        )
    for name, figures in overall(columns, rows).items():
        loss, distance = figures["log_loss"], figures["calibration_error"]
        lines.append(f"{name}: log loss {loss:.4f}, calibration error {distance:.4f}")
    return lines


def _arrow(values: Sequence[float | None], form: str) -> str:
    return " → ".join(f"{value:{form}}" for value in values if value is not None)


def before(rows: Sequence[Row]) -> FloatArray:
    """``1 − sink``."""
    return np.array([1 - row["sink"] for row in rows])


def fit_checkpoint(checkpoint: Checkpoint, rows: list[Row]) -> LogisticModel:
    """Choose the head, show cross-validated figures, fit on everything."""
    folds = [int(FOLDS * hash_share(row["haystack"])) for row in rows]
    kinds = [row["kind"] for row in rows]
    heads = [f"{HEAD_FEATURE}_{head}" for head in range(len(checkpoint.config.layers))]
    losses = {}
    for head in heads:
        names = [*FEATURES, head]
        parts = (predicted(names, rows, folds), predicted(names, rows, kinds))
        losses[head] = sum(log_loss(part, rows) for part in parts)
        print(f"{head}: {losses[head] / 2:.4f}")
    names = [*FEATURES, min(heads, key=lambda head: losses[head])]
    columns = {"before": before(rows), "after": predicted(names, rows, folds)}
    print("\n".join(["haystacks that it was not fitted on:", *table(columns, rows)]))
    columns["after"] = predicted(names, rows, kinds)
    print("\n".join(["kinds that it was not fitted on:", *table(columns, rows)]))
    return fit(names, rows)


def store(folder: Path, name: str, model: LogisticModel) -> None:
    """Put a fitted model into a checkpoint's ``config.json``; its tensors and its card stay as they are."""
    stored = load_checkpoint(str(folder))
    config = replace(stored.config, **{name: model})
    save_checkpoint(replace(stored, config=config), folder, (folder / "README.md").read_text("utf-8"))


def parse_options(description: str) -> argparse.Namespace:
    """What both scripts that fit are called with."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=["fit", "report"])
    parser.add_argument("checkpoint", help="fit: its directory; report: a name or directory")
    parser.add_argument("rows", nargs="+", type=Path, help="of collect_features.py")
    parser.add_argument("--dry-run", action="store_true", help="fit without storing")
    parser.add_argument("--output", type=Path, help="report: also write the figures as JSON")
    return parser.parse_args()


def main() -> None:
    """Fit and store, or report."""
    options = parse_options(__doc__ or "")
    checkpoint, rows = load_checkpoint(options.checkpoint), read_rows(options.rows)
    if options.step == "fit":
        model = fit_checkpoint(checkpoint, rows)
        print(model)
        if not options.dry_run:
            store(Path(options.checkpoint), "calibration", model)
        return
    calibration = checkpoint.config.calibration
    after = np.array([calibrated(1 - row["sink"], calibration, row["features"]) for row in rows])
    columns = {"before": before(rows), "after": after}
    print("\n".join(table(columns, rows)))
    if options.output:
        figures = {"overall": overall(columns, rows), "kinds": figures_by_kind(columns, rows)}
        write_results(options.output, figures, checkpoint=options.checkpoint, device="cpu", dtype="float64")


if __name__ == "__main__":
    main()
