"""What scoring costs beyond the bare backbone, and how much memory and time the program takes.

    .venv/bin/python tests/benchmarks/speed.py [--tokens 100000] [--large-tokens 1000000] [--output FILE]

Timings of one run are compared with each other, as medians of interleaved repetitions; the last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from longattncomp_cli.core.backbones.encoder.backbone import EncoderBackbone
from longattncomp_cli.core.backbones.windowed import context_windows, pack_windows
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.loading import load_scorer
from longattncomp_cli.core.scoring.scorer import Scorer

SAMPLE = Path(__file__).parents[2] / "samples" / "handbook.md"
QUERY = "Why did mercury run down the stair at Penhallow?"


def long_text(scorer: Scorer, num_tokens: int) -> str:
    """The sample, over and over, until it has the backbone tokens asked for."""
    text = SAMPLE.read_text(encoding="utf-8")
    tokens = scorer.backbone.tokenize([text])[0]
    whole, rest = divmod(num_tokens, len(tokens.ids))
    return (text + "\n\n") * whole + text[: int(tokens.starts[rest])]


def seconds(action: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def scoring_against_backbone(scorer: Scorer, num_tokens: int, repetitions: int) -> dict[str, float]:
    """Wall time of a whole ``score`` against the bare forward pass over the same windows."""
    backbone = scorer.backbone
    assert isinstance(backbone, EncoderBackbone)
    request = Request((Source(long_text(scorer, num_tokens)),), QUERY)
    windows = [ids for ids, _ in context_windows(scorer.tokenize(request), backbone.window_tokens)]
    packs = list(pack_windows([len(ids) for ids in windows]))
    depth = [max(scorer.checkpoint.config.layers)]

    def bare() -> None:
        for pack in packs:
            backbone.read_windows([windows[i] for i in pack.windows], depth)

    actions = {"backbone": bare, "score": lambda: scorer.score(request)}
    for action in actions.values():
        action()
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(repetitions):
        for name, action in actions.items():
            times[name].append(seconds(action))
    ratios = [a / b for a, b in zip(times["score"], times["backbone"], strict=True)]
    num = sum(len(ids) for ids in windows)
    return {
        "tokens": num,
        "backbone_seconds": statistics.median(times["backbone"]),
        "score_seconds": statistics.median(times["score"]),
        "ratio": statistics.median(ratios),
        "ratio_worst": max(ratios),
        "tokens_per_second": num / statistics.median(times["score"]),
    }


def program(*args: str) -> dict[str, float]:
    """Wall time and peak memory of one run of the command line."""
    code = (
        "import resource, subprocess, sys, time; start = time.perf_counter()\n"
        "command = [sys.executable, '-m', 'longattncomp_cli', *sys.argv[1:]]\n"
        "subprocess.run(command, check=True, stdout=subprocess.DEVNULL)\n"
        "wall = time.perf_counter() - start\n"
        "print(wall, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20)"
    )
    done = subprocess.run([sys.executable, "-c", code, *args], check=True, capture_output=True, text=True)
    wall, gib = map(float, done.stdout.split())
    return {"seconds": wall, "peak_gib": gib}


def main() -> None:
    """Run all measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=100_000)
    parser.add_argument("--large-tokens", type=int, default=1_000_000)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--checkpoint", default=DEFAULT_CHECKPOINT)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    scorer = load_scorer(load_checkpoint(options.checkpoint))
    results: dict[str, object] = {
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, "
        f"{torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}",
        "checkpoint": options.checkpoint,
        "scoring": scoring_against_backbone(scorer, options.tokens, options.repetitions),
    }
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small.txt", Path(folder) / "large.txt"
        small.write_text(long_text(scorer, 2000), encoding="utf-8")
        base = ("-q", QUERY, "-b", "500", "--quiet")
        results["help"] = min((program("--help") for _ in range(3)), key=lambda run: run["seconds"])
        results["compress_2k"] = min(
            (program("compress", str(small), *base) for _ in range(3)), key=lambda r: r["seconds"]
        )
        if options.large_tokens:
            large.write_text(long_text(scorer, options.large_tokens), encoding="utf-8")
            results["compress_large"] = program("compress", str(large), "-q", QUERY, "-b", "16k", "--quiet")
    for name, value in results.items():
        print(f"{name:16} {value}", file=sys.stderr)
    line = json.dumps(results)
    print(line)
    if options.output:
        options.output.write_text(line + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
