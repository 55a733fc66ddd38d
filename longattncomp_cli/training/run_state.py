"""What an interrupted run needs to go on with the same numbers: weights, moments, counters and the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from longattncomp_cli.errors import CheckpointError

_FILE = "state.safetensors"
_CHECKPOINT = "model.safetensors"
LOG = "log.jsonl"


@dataclass
class RunState:
    """How far a run is."""

    step: int = 0
    best: float | None = None
    num_without_improvement: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)


def is_kept(folder: Path) -> bool:
    """Whether a folder holds what a run would lose: a checkpoint, or a state to go on from."""
    return any((folder / name).exists() for name in (_FILE, _CHECKPOINT))


def save(
    folder: Path,
    state: RunState,
    moving: Mapping[str, Mapping[str, Tensor]],
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write the state; the old one stays until the new one is complete.

    Args:
        folder: of the run.
        state: counters; the log has its own file.
        moving: by kind (``weight``, ``ema``, ``initial``), the tensors by parameter.
        optimizer: its moments are kept.
    """
    tensors = {f"{kind}/{name}": p.detach() for kind, group in moving.items() for name, p in group.items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors.update({f"adam/{index}/{key}": value for key, value in moments.items()})
    counters = {key: value for key, value in vars(state).items() if key != "log"}
    partial = folder / f"{_FILE}.partial"
    save_file(
        {key: value.contiguous().cpu() for key, value in tensors.items()},
        partial,
        {"state": orjson.dumps(counters).decode()},
    )
    partial.replace(folder / _FILE)


def load(
    folder: Path, shapes: Mapping[str, Tensor], optimizer: torch.optim.Optimizer
) -> tuple[RunState, dict[str, dict[str, Tensor]]]:
    """Read the state, put the moments into the optimizer, and cut the log off behind the saved step.

    Raises:
        CheckpointError: there is none, or it belongs to another layer than ``shapes``.
    """
    path = folder / _FILE
    if not path.is_file():
        raise CheckpointError(f"{path}: nothing to resume", hint="leave --resume out", code="no-state")
    moving: dict[str, dict[str, Tensor]] = {"weight": {}, "ema": {}, "initial": {}}
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in load_file(path).items():
        kind, _, name = key.partition("/")
        if kind == "adam":
            index, _, moment = name.partition("/")
            moments.setdefault(int(index), {})[moment] = value
        else:
            moving.setdefault(kind, {})[name] = value
    for group in moving.values():
        if group.keys() != shapes.keys() or any(group[k].shape != v.shape for k, v in shapes.items()):
            raise CheckpointError(f"{path}: was written by a run with another layer, or by another version")
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    with path.open("rb") as file:
        header = orjson.loads(file.read(int.from_bytes(file.read(8), "little")))
    saved = orjson.loads(header["__metadata__"]["state"])
    log_path = folder / LOG
    log = [e for e in map(orjson.loads, log_path.read_bytes().splitlines()) if e["step"] <= saved["step"]]
    log_path.write_bytes(b"".join(orjson.dumps(entry) + b"\n" for entry in log))
    return RunState(log=log, **saved), moving
