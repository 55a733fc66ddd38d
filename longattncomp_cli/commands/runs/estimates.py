"""What a run would read and cost, from counts alone: no model is loaded.

Sizes and speeds are those that ``tests/benchmarks/speed.py`` measured for the embedded backbone on two
cores with hardware bf16, at commit 8a4d620: 104 s and 1.88 GiB for a million tokens, 3.1 s and 0.45 GiB for
two thousand, with two hops. Without bf16 a core does about a third of that.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import orjson

from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT, SHIPPED_FOLDER, shipped_checkpoints

_EMBEDDED = "all-MiniLM-L6-v2"
_CORE_TOKENS_PER_SECOND = 4_900
_WITHOUT_BF16 = 1 / 3
_START_SECONDS = 3.0
_START_GIB = 0.45
_GIB_PER_TOKEN = 1.43e-6
_MOST_CORES = 8


@dataclass(frozen=True)
class Estimate:
    """Roughly what a run takes."""

    seconds: float
    gib: float
    basis: str


def estimate(total_tokens: int, largest_tokens: int, checkpoint: str | None) -> Estimate | None:
    """Estimate time and memory on the processor.

    Args:
        total_tokens: of the whole input.
        largest_tokens: of what is in memory at once: a text, or the largest record.
        checkpoint: its name or folder; ``None`` is the default.

    Returns:
        ``None`` where nothing was measured for the checkpoint's backbone.
    """
    backbone = read_backbone(checkpoint or DEFAULT_CHECKPOINT)
    if backbone is None or _EMBEDDED not in backbone.id:
        return None
    cores = min(_MOST_CORES, usable_cores())
    fast = has_bf16_flags()
    rate = cores * _CORE_TOKENS_PER_SECOND * (1 if fast else _WITHOUT_BF16)
    return Estimate(
        _START_SECONDS + total_tokens / rate,
        _START_GIB + largest_tokens * _GIB_PER_TOKEN,
        f"{cores} cores, {'bf16' if fast else 'float32'}",
    )


def read_backbone(checkpoint: str) -> BackboneSpec | None:
    """The backbone that a checkpoint names, read without torch; ``None`` without such a checkpoint."""
    folder = SHIPPED_FOLDER / checkpoint if checkpoint in shipped_checkpoints() else Path(checkpoint)
    try:
        return BackboneSpec(**orjson.loads((folder / "config.json").read_bytes())["backbone"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def usable_cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_bf16_flags() -> bool:
    """Whether the processor says that it multiplies bf16 matrices.

    ``runtime.has_fast_bfloat16`` asks torch, whose import takes longer than the whole estimate.
    """
    if platform.machine() == "arm64":
        return True
    try:
        return "_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
