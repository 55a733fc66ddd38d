"""What the tests of training share: a tiny data set, tiny runs, and what a run leaves."""

from __future__ import annotations

import hashlib
import json
import signal
from pathlib import Path
from typing import Any

import orjson

from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.training.config import preset
from longattncomp_cli.training.stages import Hooks, StageRun, run_stage
from longattncomp_cli.training.trainer import Progress

PLACES = [
    "Riga",
    "Oslo",
    "Lima",
    "Cairo",
    "Quito",
    "Tunis",
    "Dakar",
    "Hanoi",
    "Minsk",
    "Sofia",
    "Turin",
    "Porto",
    "Basel",
    "Gdansk",
    "Leeds",
    "Malmo",
]
GOODS = [
    "salt",
    "tin",
    "wool",
    "amber",
    "flax",
    "copper",
    "tea",
    "silk",
    "rope",
    "tar",
    "glass",
    "paper",
    "grain",
    "wine",
    "oil",
    "cotton",
]
TINY = {"epochs": 1, "batch_pools": 2, "validate_every": 3, "held_out_share": 0.3}
TINY |= {"min_tokens": 200, "max_tokens": 300}


def write_examples(path: Path, count: int = 24) -> Path:
    """Questions over the markets of sixteen towns, one relevant document each, in our own JSONL."""
    documents = [
        {
            "title": place,
            "text": f"The market of {place} trades {good} in autumn. Its harbour is {number} miles away.",
        }
        for number, (place, good) in enumerate(zip(PLACES, GOODS, strict=True))
    ]
    rows = [
        {
            "id": f"q{i}",
            "query": f"What does the market of {PLACES[i % 16]} trade?",
            "documents": documents,
            "relevant": [i % 16],
            "sub_queries": [f"Which market is in {PLACES[i % 16]}?"],
        }
        for i in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def make_run(data: Path, output: Path, stage: int = 1, **changes: Any) -> StageRun:
    """A smoke run from the untrained checkpoint; ``changes`` are fields of the run."""
    fields: dict[str, Any] = {
        "stage": stage,
        "name": output.name,
        "init": load_checkpoint("untrained"),
        "files": {"data": [data]},
        "limits": {},
        "config": preset("smoke", stage, layers=(6, 0), **TINY),
        "output": output,
        "features": None,
        "device": "cpu",
    }
    return StageRun(**{**fields, **changes})


def digest(folder: Path) -> str:
    """The hash of a run's weights."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def finish(run: StageRun) -> Path:
    """Run a stage to its end; its folder."""
    run_stage(run, Hooks())
    return run.output


def interrupted_at(step: int) -> Hooks:
    """Hooks that press Ctrl-C after a step."""

    def press(progress: Progress) -> None:
        if progress.step == step:
            signal.raise_signal(signal.SIGINT)

    return Hooks(on_step=press)


def losses(folder: Path) -> list[float]:
    """The loss of each step, from the run's log."""
    entries = map(orjson.loads, (folder / "log.jsonl").read_bytes().splitlines())
    return [entry["loss"] for entry in entries if "loss" in entry]
