"""Seconds and memory of a whole ``score`` with the default and with ``smollm2``, as the context grows.

    python tests/benchmarks/scorer_speed.py --device cuda --output scorer_speed.json

``tokenizing_seconds`` is the part of a score in which the context is tokenised and cut, on the processor.
Minimum, median and maximum of the repetitions; the shortest length is scored once before. Memory is the
device's peak.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from results_file import run_facts, write_document
from timing import device_and_dtype, long_request

from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.scoring.loading import load_scorer

LENGTHS = {"stage2-nosubq": (100_000, 1_000_000), "smollm2": (10_000, 32_000, 128_000)}


def timed(action: Callable[[], object], repetitions: int) -> dict[str, float]:
    """Seconds of an action, which ends with its result on the processor."""
    runs = []
    for _ in range(repetitions):
        start = time.perf_counter()
        action()
        runs.append(time.perf_counter() - start)
    return {
        "minimum": round(min(runs), 4),
        "median": round(statistics.median(runs), 4),
        "maximum": round(max(runs), 4),
    }


def measured(name: str, lengths: tuple[int, ...], options: argparse.Namespace) -> dict[str, Any]:
    """One checkpoint over all lengths."""
    scorer = load_scorer(load_checkpoint(name), device=options.device, dtype=options.dtype)
    facts = run_facts(checkpoint=name, **device_and_dtype(scorer, options.dtype))
    on_cuda = scorer.backbone.device.type == "cuda"
    scorer.score(long_request(scorer, min(lengths)))
    rows = []
    for num_tokens in lengths:
        request = long_request(scorer, num_tokens)
        tokenizing = timed(lambda r=request: scorer.tokenize(r), 1)
        if on_cuda:
            torch.cuda.reset_peak_memory_stats()
        whole = timed(lambda r=request: scorer.score(r), options.repetitions)
        row: dict[str, Any] = {
            "tokens": num_tokens,
            "score_seconds": whole,
            "tokenizing_seconds": tokenizing["minimum"],
            "tokens_per_second": round(num_tokens / whole["median"]),
        }
        if on_cuda:
            row["peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
        rows.append(row)
        print(name, row, flush=True)
    return {**facts, "rows": rows}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--checkpoint", action="append", choices=LENGTHS)
    parser.add_argument("--tokens", type=int, nargs="+", help="other lengths")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    parts = {}
    for name in options.checkpoint or LENGTHS:
        parts[name] = measured(name, tuple(options.tokens or LENGTHS[name]), options)
        if options.output:
            write_document(options.output, parts)


if __name__ == "__main__":
    main()
