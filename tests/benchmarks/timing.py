"""What the speed scripts share: a long text, the times of a call, and of one run of the program."""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from results_file import ROOT

from longattncomp_cli.core.backbones.runtime import resolve_dtype
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scorer import Scorer

SAMPLE = ROOT / "samples" / "handbook.md"
QUERY = "Why did mercury run down the stair at Penhallow?"

Times = dict[str, float]
"""Seconds by clock: ``wall``, and ``cpu``, the processor time of this process."""


def long_text(scorer: Scorer, num_tokens: int) -> str:
    """The sample, over and over, until it has so many backbone tokens.

    From the second time on words stand in another order in their lines: equal windows are encoded once.
    """
    text = SAMPLE.read_text(encoding="utf-8")
    rounds = 1 + num_tokens // len(scorer.backbone.tokenize([text])[0].ids)
    parts = [text, *(_shuffled(text, number) for number in range(rounds))]
    long = "\n\n".join(parts)
    return long[: int(scorer.backbone.tokenize([long])[0].starts[num_tokens])]


def _shuffled(text: str, number: int) -> str:
    rng = random.Random(number)
    lines = [line.split(" ") for line in text.split("\n")]
    return "\n".join(" ".join(rng.sample(words, len(words))) for words in lines)


def long_request(scorer: Scorer, num_tokens: int) -> Request:
    """The question to a text of so many backbone tokens."""
    return Request((Source(long_text(scorer, num_tokens)),), QUERY)


def device_and_dtype(scorer: Scorer, dtype: str = "auto") -> dict[str, str]:
    """Where and how the scorer's backbone runs, as results files name it."""
    device = scorer.backbone.device
    return {"device": device.type, "dtype": str(resolve_dtype(dtype, device)).removeprefix("torch.")}


def times(action: Callable[[], object]) -> Times:
    """Times of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def times_in_turn(actions: Mapping[str, Callable[[], object]], repetitions: int) -> dict[str, list[Times]]:
    """Times of several actions, taken in turn, so that what else runs on the machine disturbs all alike."""
    found: dict[str, list[Times]] = {name: [] for name in actions}
    for _ in range(repetitions):
        for name, action in actions.items():
            found[name].append(times(action))
    return found


def medians(runs: list[Times]) -> Times:
    """The median of each kind of time."""
    return {kind: statistics.median(run[kind] for run in runs) for kind in ("wall", "cpu")}


def program(*args: str) -> dict[str, float]:
    """Wall time, processor time and peak memory of one run of the command line."""
    return python("-m", "longattncomp_cli", *args)


def python(*args: str) -> dict[str, float]:
    """The same of one run of the interpreter."""
    code = (
        "import resource, subprocess, sys, time; start = time.perf_counter()\n"
        "command = [sys.executable, *sys.argv[1:]]\n"
        "subprocess.run(command, check=True, stdout=subprocess.DEVNULL)\n"
        "wall = time.perf_counter() - start\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *args], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    wall, cpu, gib = map(float, done.stdout.split())
    return {"seconds": wall, "cpu_seconds": cpu, "peak_gib": gib}
