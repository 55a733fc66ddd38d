"""What scoring costs beside other methods and the bare backbone, and how the program's time and memory grow.

    python tests/benchmarks/speed.py [--tokens 100000] [--sizes 2000 100000 1000000] [--output FILE]
        [--growth 1000 10000 100000 1000000 10000000] [--picture growth.png]

Timings of one run are compared with each other, as medians of interleaved repetitions; the last line is JSON.
A text of a million tokens is read once by each method, shorter ones as often as ``--repetitions`` says. With
``--output`` what is done is written part by part, so that a run that was ended keeps it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from results_file import write_results
from speed_methods import draw_growth, growth, methods_at, precisions
from timing import (
    QUERY,
    device_and_dtype,
    long_request,
    long_text,
    program,
    python,
    times,
    times_in_turn,
)

from longattncomp_cli.core.backbones.encoder.backbone import EncoderBackbone
from longattncomp_cli.core.backbones.windowed import context_windows, pack_windows
from longattncomp_cli.core.budget.tokenizers import DEFAULT_TOKENIZER, load_tokenizer
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.results.read_context import ReadContext
from longattncomp_cli.core.scoring.loading import load_scorer
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.core.settings import CompressorSettings

_ONCE = 1_000_000
"""Tokens from which on a method is run once."""


def scoring_against_backbone(scorer: Scorer, num_tokens: int, repetitions: int) -> dict[str, float]:
    """Wall time of a whole ``score`` against the bare forward pass over the same windows."""
    backbone = scorer.backbone
    assert isinstance(backbone, EncoderBackbone)
    request = long_request(scorer, num_tokens)
    context = scorer.tokenize(request)
    windows = [window.ids for window in context_windows(context, backbone.window_tokens)]
    packs = list(pack_windows([len(ids) for ids in windows]))
    depth = [max(scorer.checkpoint.config.layers)]

    def bare() -> None:
        for pack in packs:
            backbone.read_windows([windows[i] for i in pack.windows], depth)

    actions = {"backbone": bare, "score": lambda: scorer.score(request)}
    for action in actions.values():
        action()
    runs = times_in_turn(actions, repetitions)
    seconds = {name: [run["wall"] for run in found] for name, found in runs.items()}
    ratios = [a / b for a, b in zip(seconds["score"], seconds["backbone"], strict=True)]
    num = sum(len(ids) for ids in windows)
    return {
        "tokens": num,
        "backbone_seconds": statistics.median(seconds["backbone"]),
        "score_seconds": statistics.median(seconds["score"]),
        "ratio": statistics.median(ratios),
        "ratio_worst": max(ratios),
        "tokens_per_second": num / statistics.median(seconds["score"]),
    }


def asking_again(scorer: Scorer, num_tokens: int, repetitions: int) -> dict[str, float]:
    """Of ``Compressor.read`` and of each query after it, a whole ``compress``: the least of several."""
    compressor = Compressor(scorer, load_tokenizer(DEFAULT_TOKENIZER), CompressorSettings())
    text = long_text(scorer, num_tokens)
    read: list[ReadContext] = []
    reading = times(lambda: read.append(compressor.read(text)))
    first = times(lambda: read[0].compress(QUERY, 4000))
    queries = [f"{QUERY} ({number})" for number in range(repetitions)]
    later = [times(lambda query=query: read[0].compress(query, 4000)) for query in queries]
    return {
        "tokens": num_tokens,
        "read_cpu_seconds": reading["cpu"],
        "first_query_cpu_seconds": first["cpu"],
        "query_cpu_seconds": min(run["cpu"] for run in later),
        "query_seconds": min(run["wall"] for run in later),
    }


def programs(scorer: Scorer, checkpoint: str, large_tokens: int, repetitions: int) -> dict[str, Any]:
    """Seconds and memory of the program: its help, a short text, a long one; and of torch's import alone."""

    def best(*args: str, run: Callable[..., dict[str, float]] = program) -> dict[str, float]:
        return min((run(*args) for _ in range(repetitions)), key=lambda times: times["cpu_seconds"])

    wanted = ("--device", "cpu", "--checkpoint", checkpoint, "-q", QUERY, "--quiet", "-b")
    results = {"help": best("--help"), "import_torch": best("-c", "import torch", run=python)}
    load = "from longattncomp_cli import Compressor; Compressor.load(device='cpu')"
    results["load"] = best("-c", load, run=python)
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small.txt", Path(folder) / "large.txt"
        small.write_text(long_text(scorer, 2000), encoding="utf-8")
        results["compress_2k"] = best("compress", str(small), *wanted, "500")
        if large_tokens:
            large.write_text(long_text(scorer, large_tokens), encoding="utf-8")
            results["compress_large"] = {"tokens": large_tokens} | program(
                "compress", str(large), *wanted, "16k"
            )
    return results


def main() -> None:
    """Run all measurements and print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=100_000, help="of the text that is scored")
    parser.add_argument("--large-tokens", type=int, default=0, help="of a program's run; 0: none")
    parser.add_argument("--sizes", type=int, nargs="*", default=[2000, 100_000, 1_000_000])
    parser.add_argument("--dtypes", nargs="+", default=precisions(), help="of our scorer and the others")
    parser.add_argument("--growth", type=int, nargs="*", default=[], help="texts of so many tokens")
    parser.add_argument("--picture", type=Path, help="where the growth is drawn")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--checkpoint", default=DEFAULT_CHECKPOINT)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    scorer = load_scorer(load_checkpoint(options.checkpoint), device="cpu")
    facts = {"checkpoint": options.checkpoint, **device_and_dtype(scorer)}
    results: dict[str, Any] = {}

    def keep(name: str, value: Any) -> None:
        results[name] = value
        print(f"{name:16} {value}", file=sys.stderr, flush=True)
        if options.output:
            write_results(options.output, results, **facts)

    repetitions = options.repetitions
    for name, value in programs(scorer, options.checkpoint, options.large_tokens, repetitions).items():
        keep(name, value)
    keep("scoring", scoring_against_backbone(scorer, options.tokens, repetitions))
    keep("asking_again", asking_again(scorer, options.tokens, repetitions))
    sizes = []
    for size in options.sizes:
        runs = repetitions if size < _ONCE else 1
        sizes.append(methods_at(size, options.checkpoint, options.dtypes, runs))
        keep("methods", sizes)
    if options.growth:
        rows = growth(scorer, options.checkpoint, options.growth)
        keep("growth", rows)
        if options.picture:
            draw_growth(rows, options.picture)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
