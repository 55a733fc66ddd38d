"""Fit a checkpoint's confidence on haystacks with and without their evidence, and store the fit in it.

    python tests/benchmarks/calibrate.py CHECKPOINT_DIR --data-dir DATA --items 60
    python tests/benchmarks/calibrate.py CHECKPOINT_DIR --data-dir DATA --split dev --report

Haystacks come from the held-out part of the train file: the same kind of question, its paragraph there or
removed. ``--report`` fits nothing and prints the Brier score and the calibration error before and after.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from evidence_tasks import Setting, unanswerable

from longattncomp_cli.core.calibration import calibrated, fit_calibration
from longattncomp_cli.core.checkpoint import load_checkpoint, save_checkpoint
from longattncomp_cli.core.scoring import load_scorer
from longattncomp_cli.core.types import Request, Source

_BINS = 10


def errors(values: list[float], has_answer: list[bool]) -> tuple[float, float]:
    """Brier score, and the mean distance of confidence and frequency over equal bins."""
    found, truth = np.array(values), np.array(has_answer, dtype=float)
    bins = np.minimum((found * _BINS).astype(int), _BINS - 1)
    apart = [abs(found[bins == b].mean() - truth[bins == b].mean()) * (bins == b).mean() for b in set(bins)]
    return float(((found - truth) ** 2).mean()), float(sum(apart))


def main() -> None:
    """Fit and store, or report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", help="a checkpoint directory")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--split", choices=["train", "dev"], default="train")
    parser.add_argument("--items", type=int, default=60, help="of each kind")
    parser.add_argument("--tokens", type=int, default=8_000)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    checkpoint = load_checkpoint(options.folder)
    scorer = load_scorer(checkpoint)
    count = lambda text: len(scorer.backbone.tokenize([text])[0].ids)  # noqa: E731
    setting = Setting(options.data_dir, options.split, 0.05, options.items, 0, options.tokens, 5, count)
    raw: list[float] = []
    has_answer: list[bool] = []
    for item in unanswerable(setting):
        if item.label == "impossible":
            continue
        scores = scorer.score(Request((Source(item.text),), item.query))
        if scores.sink is None:
            raise SystemExit(f"checkpoint {checkpoint.config.name} has no sink: it has no confidence")
        raw.append(1 - scores.sink)
        has_answer.append(item.label == "answerable")
    line = checkpoint.config.calibration if options.report else fit_calibration(raw, has_answer)
    for name, fit in (("1 − sink", None), (f"calibrated {line}", line)):
        brier, apart = errors([calibrated(value, fit) for value in raw], has_answer)
        print(f"{name}: Brier {brier:.4f}, calibration error {apart:.4f} ({len(raw)} haystacks)")
    if not options.report and line is not None:
        folder = Path(options.folder)
        card = (folder / "README.md").read_text(encoding="utf-8")
        rounded = (round(line[0], 4), round(line[1], 4))
        save_checkpoint(
            replace(checkpoint, config=replace(checkpoint.config, calibration=rounded)), folder, card
        )


if __name__ == "__main__":
    main()
