"""``--select auto`` of checkpoints without a ``sufficiency``: below which share of the best score to stop.

    python tests/benchmarks/fit/fit_shape.py multilingual train.jsonl dev.jsonl --output FILE

The rows are those of ``collect_features.py``. The ratio that uses the fewest tokens while it loses at most
0.006 of the recall of a filled budget is chosen on the first file, and shown on the second beside a
``sufficiency`` fitted on the first, with the peak and the least probability that :class:`AutoRule` has.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
import fit_sufficiency
from fit_confidence import Row, read_rows
from fit_sufficiency import ALL, judged, ranked
from results_file import write_results

from longattncomp_cli.core.selection.auto import AutoRule, num_chunks_to_keep, peak_chunks
from longattncomp_cli.core.text.arrays import FloatArray

RATIOS = (0.01, 0.003, 0.001, 0.0003, 0.0001, 0.00003)
MOST_LOST = 0.006
LEAST_TOKENS = 1_500
FEATURES = ("gap_5", "entropy", "chunks", "words", "matched_long_words", "similarity_0")
"""Of ``fit_sufficiency``, those that a checkpoint of two heads has."""


def by_shape(rows: Sequence[Row], ratio: float) -> FloatArray:
    """(N, 2) recall and use of the budget where scores below ``ratio`` of the best one end the selection."""
    rule = AutoRule(stop_ratio=ratio)
    return np.array([judged(row, num_chunks_to_keep(ranked(row), row["sink"], rule)) for row in rows])


def by_sufficiency(rows: Sequence[Row], others: Sequence[Row]) -> FloatArray:
    """(N, 2) the same of ``others``, by a model fitted on ``rows``."""
    rule = AutoRule()

    def peak(row: Row) -> FloatArray:
        return judged(row, peak_chunks(ranked(row, "first_hop"), rule), "first_hop")

    is_sufficient = [bool(peak(row)[0] >= judged(row, ALL)[0] - 0.005) for row in rows]
    model = fit_sufficiency.fit_sufficiency(rows, is_sufficient)
    sure = [model.probability(row["features"]) >= rule.min_sufficiency for row in others]
    return np.array(
        [peak(row) if is_sure else judged(row, ALL) for row, is_sure in zip(others, sure, strict=True)]
    )


def figures(name: str, rows: Sequence[Row], found: FloatArray) -> dict[str, Any]:
    """What is lost against a filled budget, with its standard error, and the use of the budget."""
    lost = np.array([judged(row, ALL)[0] for row in rows]) - found[:, 0]
    return {
        "rule": name,
        "questions": len(rows),
        "recall_lost": round(float(lost.mean()), 4),
        "standard_error": round(float(lost.std() / len(rows) ** 0.5), 4),
        "budget_used": round(float(found[:, 1].mean()), 3),
    }


def main() -> None:
    """Choose and show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint")
    parser.add_argument("rows", type=Path, nargs=2)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    fit_sufficiency.LEAST_TOKENS, fit_sufficiency.FEATURES = LEAST_TOKENS, FEATURES
    train, dev = (fit_sufficiency.usable(read_rows([path])) for path in options.rows)
    tried = [figures(f"stop below {ratio:g}", train, by_shape(train, ratio)) for ratio in RATIOS]
    kept = [
        (entry["budget_used"], ratio)
        for entry, ratio in zip(tried, RATIOS, strict=True)
        if entry["recall_lost"] <= MOST_LOST
    ]
    shown = [figures(f"stop below {ratio:g}", dev, by_shape(dev, ratio)) for ratio in RATIOS]
    shown.append(figures("sufficiency", dev, by_sufficiency(train, dev)))
    found = {"chosen": min(kept)[1], "chosen_on": tried, "rows": shown}
    print(found["chosen"], *tried, "", *shown, sep="\n")
    if options.output:
        write_results(options.output, found, checkpoint=options.checkpoint, device="cpu", dtype="float64")


if __name__ == "__main__":
    main()
