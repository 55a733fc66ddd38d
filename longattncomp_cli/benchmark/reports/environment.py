"""On what a report was made: versions, machine, commit. Belongs in reports, never in data."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from longattncomp_cli.version import __version__

_PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "tiktoken",
    "bm25s",
    "sentence-transformers",
    "openai",
)


def environment(device: str, dtype: str) -> dict[str, Any]:
    """Versions, hardware, where and how the backbone ran, and the commit of the source tree."""
    ran = {"device": device, "dtype": dtype}
    return {"versions": versions(), "hardware": hardware(), **ran, "commit": commit()}


def versions() -> dict[str, str]:
    """Versions of Python, this program and the packages that decide figures."""
    found = {"longattncomp": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """Processor, cores, threads, memory and accelerator."""
    import torch

    facts: dict[str, Any] = {
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }
    if torch.cuda.is_available():
        facts["cuda"] = torch.cuda.get_device_name()
    return facts


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def commit() -> str:
    """The commit of the source tree that runs, with ``+`` where files differ from it; else ``""``."""
    folder = Path(__file__).parents[3]

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        if not (folder / ".git").exists():
            return ""
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "longattncomp_cli")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return ""
