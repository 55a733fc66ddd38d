"""From preset and flags to one checked plan. Imports no torch, so that a wrong name is told at once."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from longattncomp_cli.benchmark.methods.registry import (
    DEFAULT_METHODS,
    METHOD_NAMES,
    MethodChoice,
    check_names,
)
from longattncomp_cli.benchmark.presets import PRESETS, Preset
from longattncomp_cli.benchmark.request import BenchRequest
from longattncomp_cli.benchmark.setup.settings import BenchSettings
from longattncomp_cli.benchmark.tasks import ALIASES, TASKS
from longattncomp_cli.core.backbones.spec import EncodingName
from longattncomp_cli.core.budget.amounts import parse_budget
from longattncomp_cli.core.chunking.chunks import SnapLevel
from longattncomp_cli.core.selection.select import SelectionRule, SelectMode
from longattncomp_cli.errors import InputError, UsageError

DEFAULT_BUDGETS = ("12.5%",)
_DEFAULT_DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
# The task that a file is for where no task is named.
_TASK_OF_FILE = {
    "squad": "squad",
    "hotpotqa": "hotpotqa",
    "musique": "musique",
    "2wiki": "2wiki",
    "qmsum": "qmsum",
    "chroma": "chroma",
    "xquad": "xquad",
    "data": "records",
    "code-debug": "code-debug",
    "longbench-v2": "longbench-v2",
    "python": "code-debug",
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run, checked."""

    preset: str
    """Its name, or ``""``."""
    sources: Mapping[str, str]
    """Where the preset's values come from."""
    tasks: tuple[str, ...]
    budgets: tuple[str, ...]
    methods: MethodChoice
    checkpoints: tuple[str, ...]
    """Empty: the default one."""
    baseline: str
    settings: BenchSettings
    limit: int
    is_limit_given: bool
    """Whether the user asked for it; without, all of the user's own records are taken."""
    lengths: tuple[int, ...]
    depths: tuple[float, ...]
    held_out: float
    files: Mapping[str, tuple[Path, ...]]
    query_language: str
    share_states: bool

    def limit_of(self, task: str) -> int:
        """How many items a task has at most."""
        return sys.maxsize if task == "records" and not self.is_limit_given else self.limit

    def task_settings(self) -> dict[str, dict[str, Any]]:
        """What decides each task's items; a run that continues a report must have the same."""
        return {
            name: {
                "limit": self.limit_of(name),
                "lengths": list(self.lengths),
                "depths": list(self.depths),
                "held_out": self.held_out,
                "files": {
                    flag: [path.name for path in self.files[flag]]
                    for flag in (TASKS[name].needs, *TASKS[name].takes)
                    if flag in self.files
                },
                **({"query_language": self.query_language} if name == "xquad" else {}),
            }
            for name in self.tasks
        }


def make_plan(request: BenchRequest) -> Plan:
    """Put the flags over the preset, and check every name and number.

    Raises:
        UsageError: a name is unknown, a number is out of range, or a task lacks its file.
        InputError: a named file is not there.
    """
    files = request.files
    named = [ALIASES.get(name, name) for name in request.tasks or ()]
    check_names(named, tuple(TASKS), "task")
    check_names(request.method, METHOD_NAMES, "method")
    from_files = [task for flag, task in _TASK_OF_FILE.items() if flag in files]
    preset_name = request.preset or ("" if named or from_files else "quick")
    preset = PRESETS[preset_name] if preset_name else _bare(tuple(named or dict.fromkeys(from_files)))
    tasks = tuple(dict.fromkeys(named or preset.tasks))
    _check_files(tasks, files)
    budgets = tuple(dict.fromkeys(request.budget or preset.budgets))
    for budget in budgets:
        parse_budget(budget)
    methods = tuple(dict.fromkeys(request.method or preset.methods or DEFAULT_METHODS))
    return Plan(
        preset=preset_name,
        sources=preset.sources,
        tasks=tasks,
        budgets=budgets,
        methods=MethodChoice(
            names=methods,
            is_explicit=bool(request.method),
            spec_model=request.spec_model,
            llmlingua_model=request.llmlingua_model,
        ),
        checkpoints=_checkpoints(request, preset),
        baseline=request.baseline,
        settings=_settings(request, preset),
        limit=request.limit or preset.limit,
        is_limit_given=request.limit is not None,
        lengths=_lengths(request.context_tokens) or preset.lengths,
        depths=_depths(request.depths),
        held_out=request.held_out,
        files=files,
        query_language=request.query_language,
        share_states=request.share_states,
    )


def _checkpoints(request: BenchRequest, preset: Preset) -> tuple[str, ...]:
    """Those that are named; a decoder alone takes the place of the preset's.

    Raises:
        UsageError: the options of a decoder contradict each other.
    """
    names = request.checkpoint or (() if request.backbone else preset.checkpoints)
    _settings(request, preset).choice(names[0] if names else None)
    return tuple(dict.fromkeys(names))


def _bare(tasks: tuple[str, ...]) -> Preset:
    return Preset(tasks=tasks, budgets=DEFAULT_BUDGETS)


def _settings(request: BenchRequest, preset: Preset) -> BenchSettings:
    separator = preset.separator if request.separator is None else request.separator.replace("\\n", "\n")
    snap = "none" if request.as_published else request.snap or preset.snap
    return BenchSettings(
        tokenizer=request.tokenizer,
        chunk_tokens=request.chunk_tokens or preset.chunk_tokens,
        snap=cast(SnapLevel | None, snap),
        rule=_rule(request, preset),
        separator=separator,
        seed=request.seed,
        device=request.device,
        dtype=request.dtype,
        as_published=request.as_published,
        backbone=request.backbone,
        layers=request.layers,
        encoding=cast(EncodingName | None, request.encoding),
    )


def _rule(request: BenchRequest, preset: Preset) -> SelectionRule:
    top_p = preset.top_p if request.top_p is None else request.top_p
    if request.as_published:
        if request.select not in (None, "top-p") or request.snap not in (None, "none"):
            raise UsageError(
                "--as-published selects by top-p, and its chunks end anywhere",
                hint="drop --select and --snap",
            )
        return SelectionRule(mode="top-p", top_p=top_p).as_published()
    mode = request.select or (preset.select if request.top_p is None else "top-p")
    if mode in ("budget", "auto") and request.top_p is not None:
        raise UsageError(f"--select {mode} ignores --top-p", hint="drop one, or use --select top-p")
    return SelectionRule(mode=cast(SelectMode, mode), top_p=top_p)


def _check_files(tasks: Sequence[str], files: Mapping[str, Sequence[Path]]) -> None:
    for paths in files.values():
        for path in paths:
            if not path.exists():
                raise InputError(f"{path}: no such file", hint="check the path", code="no-file")
    for name in tasks:
        needs = TASKS[name].needs
        if needs and not files.get(needs):
            raise UsageError(f"task {name} needs a file", hint=f"add --{needs} FILE", code="no-file")


def _lengths(texts: Sequence[str]) -> tuple[int, ...]:
    lengths = []
    for text in texts:
        amount = parse_budget(text)
        if not isinstance(amount, int):
            raise UsageError(f"--context-tokens {text!r} is a share", hint="name a number, such as 20k")
        lengths.append(amount)
    return tuple(dict.fromkeys(lengths))


def _depths(depths: Sequence[float]) -> tuple[float, ...]:
    for depth in depths:
        if not 0 <= depth <= 1:
            raise UsageError(f"--depths {depth} is outside [0, 1]", hint="0 is the front, 1 the end")
    return tuple(depths) or _DEFAULT_DEPTHS
