"""How a batch scales with Ray's workers: one thread each, against the local engine, the same bytes.

    python tests/benchmarks/scale_speed.py --only ray [--workers 1 2] --output FILE

``steady`` is the slope of output lines over time, once the first have arrived: it leaves out how long a
program and a cluster take to start. ``whole`` is records over the seconds of the whole program.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from large_text import texts
from results_file import ROOT

QUERY = "Which exception is raised where a file cannot be opened?"
_CHARS_A_TOKEN = 4
_POLL_SECONDS = 0.02


def write_records(path: Path, count: int, tokens_each: int) -> None:
    """So many records, each with a piece of code or prose of its own."""
    size = tokens_each * _CHARS_A_TOKEN
    with path.open("w", encoding="utf-8") as file:
        number = 0
        for text in texts():
            for start in range(0, len(text) - size + 1, size):
                record = {"id": number, "query": QUERY, "context": text[start : start + size]}
                file.write(json.dumps(record) + "\n")
                number += 1
                if number == count:
                    return


def watched(folder: Path, name: str, threads: int, *args: str) -> tuple[float, list[tuple[float, int]]]:
    """Run the program; its seconds, and when its output had how many lines."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "RAYON_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", "longattncomp_cli", "compress", "in.jsonl", "-b", "300", "--quiet"]
    command += ["--device", "cpu", "-o", name, *args]
    output, partial = folder / name, folder / f"{name}.partial"
    environment["PYTHONPATH"] = str(ROOT)
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment)
    arrivals: list[tuple[float, int]] = []
    while process.poll() is None:
        lines = 0
        for path in (partial, output):
            if path.exists():
                lines = path.read_bytes().count(b"\n")
                break
        if lines > (arrivals[-1][1] if arrivals else 0):
            arrivals.append((time.perf_counter() - start, lines))
        time.sleep(_POLL_SECONDS)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit {process.returncode}")
    return time.perf_counter() - start, arrivals


def slope(arrivals: list[tuple[float, int]]) -> float:
    """Lines a second, by least squares."""
    seconds, lines = np.array(arrivals, dtype=float).T
    return float(np.polyfit(seconds, lines, 1)[0]) if len(arrivals) > 1 else float("nan")


def ray_scaling(count: int, tokens_each: int, workers: list[int]) -> dict[str, object]:
    """The local engine on one thread, then Ray with each number of workers."""
    runs = {"local": ()} | {f"ray-{n}": ("--engine", "ray", "--workers", str(n)) for n in workers}
    try:
        installed = version("ray")
    except PackageNotFoundError:
        return {"skipped": "pip install 'ray[data]'"}
    found: dict[str, object] = {"records": count, "tokens_each": tokens_each, "threads_each": 1}
    found["ray"] = installed
    rates: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_records(folder / "in.jsonl", count, tokens_each)
        for label, args in runs.items():
            seconds, arrivals = watched(folder, f"{label}.jsonl", 1, *args)
            rates[label] = {"seconds": seconds, "steady": slope(arrivals), "whole": count / seconds}
            rounded = {kind: round(value, 3) for kind, value in rates[label].items()}
            found[label] = {**rounded, "start_seconds": round(arrivals[0][0], 2)}
            print(f"{label:8} {found[label]}", file=sys.stderr, flush=True)
        outputs = {(folder / f"{label}.jsonl").read_bytes() for label in runs}
    found["same_bytes"] = len(outputs) == 1
    first, last = f"ray-{workers[0]}", f"ray-{workers[-1]}"
    for kind in ("steady", "whole"):
        found[f"{kind}_{last}_over_{first}"] = round(rates[last][kind] / rates[first][kind], 3)
        found[f"{kind}_{last}_over_local"] = round(rates[last][kind] / rates["local"][kind], 3)
    return found
