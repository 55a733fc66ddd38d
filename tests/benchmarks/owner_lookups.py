"""Questions that name a section and one of its entries, in files where all sections have the same entries.

    python tests/benchmarks/owner_lookups.py --style services --seed 0
    python tests/benchmarks/owner_lookups.py --style vessels --seed 1 --output FILE

Files of eight sections with 36 entries each, of which 120 tokens may be kept; ten questions a format. An
answer is right where the number of the entry is kept, and with it the name of its section. Everything is made
up, deterministically, by ``owner_formats.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from owner_formats import FORMATS, STYLES, Question, questions
from results_file import write_results
from timing import device_and_dtype

from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.source import Source

BUDGET = 120
FIGURES = ("best", "kept", "both")


def measure(compressor: Compressor, asked: Question) -> dict[str, Any]:
    """Ask one question: whether the best chunk has the answer, and whether it is kept with its section."""
    source = Source(asked.text, name=asked.name)
    found = compressor.compress(source, asked.question, BUDGET)
    chunk = found.scores.chunks[int(found.scores.order[0])]
    has_value = asked.value in found.text
    return {
        "best": asked.value in asked.text[chunk.start : chunk.end],
        "kept": has_value,
        "both": has_value and asked.owner in found.text,
        "depth": asked.depth,
    }


def means(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The mean of each figure."""
    return {figure: sum(row[figure] for row in rows) / len(rows) for figure in FIGURES}


def shown(name: str, row: dict[str, Any]) -> str:
    """A line of the table."""
    return f"| {name} | {row['questions']} | " + " | ".join(f"{row[each]:.2f}" for each in FIGURES) + " |"


def main() -> None:
    """Measure, print a table, and write what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--style", choices=STYLES, default="services")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--formats", nargs="*", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--misses", action="store_true", help="print the questions that were missed")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    compressor = Compressor.load().remembering()
    figures: dict[str, Any] = {}
    print("| format | questions | best chunk | kept | with its section |")
    print("|---|---|---|---|---|")
    for name in args.formats:
        rows = []
        for asked in questions(args.style, args.seed, name):
            rows.append(measure(compressor, asked))
            if args.misses and not rows[-1]["both"]:
                print(f"  {rows[-1]} {asked.question}", flush=True)
        figures[name] = {"questions": len(rows), **means(rows)}
        print(shown(name, figures[name]), flush=True)
    mean = means(list(figures.values()))
    print(shown("mean", {"questions": "", **mean}), flush=True)
    if args.output:
        settings = {"style": args.style, "seed": args.seed}
        found = {"settings": settings, "mean": mean, "figures": figures}
        write_results(
            args.output, found, checkpoint=DEFAULT_CHECKPOINT, **device_and_dtype(compressor.scorer)
        )


if __name__ == "__main__":
    main()
