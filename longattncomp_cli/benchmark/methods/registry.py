"""The list of methods, in the order of the tables, and how each is built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from longattncomp_cli.errors import ResourceError, UsageError

if TYPE_CHECKING:
    from longattncomp_cli.benchmark.methods.base import Method
    from longattncomp_cli.benchmark.setup.workbench import Workbench


METHOD_NAMES = (
    "longattncomp",
    "untrained",
    "attncomp",
    "spec-prefill",
    "bm25",
    "dense",
    "cosine",
    "maxsim",
    "llmlingua2",
    "head",
    "tail",
    "head-tail",
    "random",
    "full",
    "oracle",
)
"""In the order of the tables."""

DEFAULT_METHODS = tuple(name for name in METHOD_NAMES if name not in ("cosine", "llmlingua2"))
"""All that run with what is usually installed; ``dense`` is the usual form of ``cosine``."""


@dataclass(frozen=True, kw_only=True)
class MethodChoice:
    """Which methods, and what some of them need."""

    names: tuple[str, ...] = DEFAULT_METHODS
    """In any order."""
    is_explicit: bool = False
    """Whether the user named them: what cannot run is then an error, and not left out."""
    spec_model: Path | None = None
    """A decoder's folder for ``spec-prefill``; the backbone itself without."""
    llmlingua_model: Path | None = None
    """The classifier's folder for ``llmlingua2``."""


def check_names(names: Sequence[str], known: Sequence[str], kind: str) -> None:
    """Refuse names that nobody knows.

    Raises:
        UsageError: naming the known ones.
    """
    for name in names:
        if name not in known:
            raise UsageError(
                f"unknown {kind} {name!r}", hint=f"{kind}s: {', '.join(known)}", code=f"no-{kind}"
            )


def build_methods(choice: MethodChoice, bench: Workbench) -> tuple[list[Method], dict[str, str]]:
    """Make the methods, in the order of the tables; those that read the same states stand together.

    Returns:
        The methods; and by name, why others are left out: their package or model is not there.

    Raises:
        ResourceError: a method that the user named lacks its package or model.
    """
    methods: list[Method] = []
    left_out: dict[str, str] = {}
    for name in METHOD_NAMES:
        if name not in choice.names:
            continue
        try:
            methods += _build(name, choice, bench)
        except ResourceError as error:
            if choice.is_explicit:
                raise
            left_out[name] = f"{error.message} ({error.hint})" if error.hint else error.message
    digests = {method.identity for method in methods if method.name == "longattncomp"}
    if not choice.is_explicit:
        methods = [m for m in methods if m.name != "untrained" or m.identity not in digests]
    return methods, left_out


def _build(name: str, choice: MethodChoice, bench: Workbench) -> list[Method]:
    from longattncomp_cli.benchmark.methods import (
        attncomp,
        bm25,
        cosine,
        dense,
        llmlingua2,
        longattncomp,
        maxsim,
        positional,
    )
    from longattncomp_cli.benchmark.methods.spec_prefill import draft_model
    from longattncomp_cli.benchmark.setup.workbench import load_for

    checkpoints = bench.checkpoints
    build: dict[str, Callable[[], list[Method]]] = {
        "longattncomp": lambda: [longattncomp.LongAttnComp(bench, checkpoint) for checkpoint in checkpoints],
        "untrained": lambda: [
            longattncomp.LongAttnComp(bench, load_for(bench.settings, "untrained"), "untrained")
        ],
        "attncomp": lambda: [attncomp.AttnComp(bench, checkpoints[0])],
        "spec-prefill": lambda: [draft_model.spec_prefill(bench, choice.spec_model)],
        "bm25": lambda: [bm25.BM25()],
        "dense": lambda: [dense.Dense(bench)],
        "cosine": lambda: [cosine.Cosine(bench)],
        "maxsim": lambda: [maxsim.MaxSim(bench)],
        "llmlingua2": lambda: [llmlingua2.LLMLingua2(bench, choice.llmlingua_model)],
        "head": lambda: [positional.Head()],
        "tail": lambda: [positional.Tail()],
        "head-tail": lambda: [positional.HeadTail()],
        "random": lambda: [positional.Random(bench)],
        "full": lambda: [positional.Full()],
        "oracle": lambda: [positional.Oracle()],
    }
    return build[name]()
