"""Results files: figures, and how they were made: command, checkpoint, machine, commit. Without dates."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import torch

from longattncomp_cli.benchmark.reports.environment import environment
from longattncomp_cli.core.backbones.runtime import resolve_dtype
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.files.output_files import write_file

ROOT = Path(__file__).parents[2]


def command() -> str:
    """As it was typed; data files by their names, not where they lay."""
    script, *words = sys.argv
    path = Path(script).resolve()
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name
    return shlex.join(["python", str(shown), *(Path(word).name if "/" in word else word for word in words)])


def run_facts(*, checkpoint: str, device: str, dtype: str) -> dict[str, Any]:
    """How figures were made.

    Args:
        checkpoint: a shipped name or a directory; ``""`` where none was used.
        device: where the backbone ran, such as ``cpu``.
        dtype: its precision, such as ``bfloat16``; ``auto``: the one that is taken there by itself.
    """
    if dtype == "auto":
        dtype = str(resolve_dtype(dtype, torch.device(device))).removeprefix("torch.")
    facts: dict[str, Any] = {"command": command()}
    if checkpoint:
        facts["checkpoint"] = Path(checkpoint).name
        facts["checkpoint_digest"] = load_checkpoint(checkpoint).digest
    return {**facts, "environment": environment(device, dtype)}


def write_results(
    path: Path, figures: Mapping[str, Any], *, checkpoint: str, device: str, dtype: str
) -> None:
    """Write the facts of the run and its figures as one JSON document; see :func:`run_facts`."""
    write_document(path, {**run_facts(checkpoint=checkpoint, device=device, dtype=dtype), **figures})


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """Write JSON with one line a field, and one line a row where a field is a list of rows."""
    lines = [f"{orjson.dumps(name).decode()}: {_value(value)}" for name, value in document.items()]
    write_file(path, ("{\n  " + ",\n  ".join(lines) + "\n}\n").encode())


def _value(value: Any) -> str:
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return "[\n    " + ",\n    ".join(orjson.dumps(row).decode() for row in value) + "\n  ]"
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()
