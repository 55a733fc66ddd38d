"""Questions that name a section and one of its entries, in files where all sections have the same entries.

    python tests/benchmarks/owner_lookups.py --style services --seed 0
    python tests/benchmarks/owner_lookups.py --style vessels --seed 1 --output FILE

Files of eight sections with 36 entries each, of which 120 tokens may be kept: 10 questions a format. An answer is
right where the entry's number is kept, and with it the name of its section. Everything is made up,
deterministically, by ``owner_formats.py``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from owner_formats import FORMATS, STYLES, Question, questions
from results_file import write_results
from timing import device_and_dtype

from longattncomp_cli.core.backbones.cache.backbone import MEMORY_BYTES, cached
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.source import Source

BUDGET = 120


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
    compressor = Compressor.load()
    scorer = compressor.scorer
    memory = MEMORY_BYTES[scorer.backbone.device.type]
    compressor.scorer = scorer.with_backbone(cached(scorer.backbone, memory_bytes=memory))
    figures: dict[str, Any] = {}
    print("| format | questions | best chunk | kept | with its section |")
    print("|---|---|---|---|---|")
    for name in args.formats:
        rows = []
        for asked in questions(args.style, args.seed, name):
            rows.append(measure(compressor, asked))
            if args.misses and not rows[-1]["both"]:
                print(f"  {rows[-1]} {asked.question}", flush=True)
        shares = {part: sum(row[part] for row in rows) / len(rows) for part in ("best", "kept", "both")}
        figures[name] = {"questions": len(rows), **shares}
        print(
            f"| {name} | {len(rows)} | " + " | ".join(f"{each:.2f}" for each in shares.values()) + " |",
            flush=True,
        )
    means = {
        part: sum(each[part] for each in figures.values()) / len(figures) for part in ("best", "kept", "both")
    }
    print("| mean | | " + " | ".join(f"{each:.3f}" for each in means.values()) + " |", flush=True)
    if args.output:
        settings = {"style": args.style, "seed": args.seed}
        shown = {"settings": settings, "mean": means, "figures": figures}
        write_results(args.output, shown, checkpoint=DEFAULT_CHECKPOINT, **device_and_dtype(scorer))


if __name__ == "__main__":
    main()
