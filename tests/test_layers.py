"""Imports point down only; core knows no terminal; the steps that need no torch import none."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import longattncomp_cli

ROOT = Path(longattncomp_cli.__file__).parent
# Lower number: lower layer. A module may import its own layer and those below.
LAYERS = {
    "errors": 0,
    "__init__": 0,
    "version": 0,
    "core": 1,
    "data": 2,
    "training": 3,
    "benchmark": 3,
    "integrations": 2,
    "commands": 4,
    "main": 5,
}
WITH_TORCH = {
    "backbone",
    "cached_backbone",
    "checkpoint",
    "coverage",
    "cross_attention",
    "decoders.decoder",
    "decoders.full_pass",
    "decoders.model",
    "decoders.mxfp4",
    "decoders.prefill",
    "decoders.start",
    "decoders.tensor_reader",
    "encoder",
    "explain",
    "explain_hop",
    "frozen_linear",
    "head_norm",
    "hop_layer",
    "hops",
    "runtime",
    "scoring",
    "state_files",
    "windowed_encoder",
    "windowed_reading",
}


def imports_of(path: Path, *, at_import: bool) -> Iterator[str]:
    """Names of imported modules; with ``at_import`` only those that importing the file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        lazy = isinstance(node, ast.FunctionDef) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        )
        if at_import and lazy:
            skipped.update(ast.walk(node))
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def modules() -> list[Path]:
    return [path for path in ROOT.rglob("*.py") if path.name != "__main__.py"]


def part_of(dotted: str) -> str:
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    relative = path.relative_to(ROOT)
    # The package's front door offers core's names; whoever imports the door itself gets the version only.
    mine = "data" if str(relative) == "__init__.py" else relative.parts[0].removesuffix(".py")
    for name in imports_of(path, at_import=False):
        if name.split(".")[0] != "longattncomp_cli":
            continue
        theirs = part_of(name)
        assert LAYERS[theirs] <= LAYERS[mine], f"{relative} imports {name}"
        assert {mine, theirs} != {"training", "benchmark"}


def core_name(path: Path) -> str:
    """``decoders.model`` of ``core/decoders/model.py``."""
    return ".".join(path.relative_to(ROOT / "core").with_suffix("").parts)


@pytest.mark.parametrize("path", sorted((ROOT / "core").rglob("*.py")), ids=core_name)
def test_core_knows_no_terminal_and_torch_only_where_it_computes(path: Path) -> None:
    used = {name.split(".")[0] for name in imports_of(path, at_import=False)}
    assert not used & {"typer", "rich", "click"}
    if core_name(path) not in WITH_TORCH:
        at_import = set(imports_of(path, at_import=True))
        assert "torch" not in {name.split(".")[0] for name in at_import}
        assert not {name.removeprefix("longattncomp_cli.core.") for name in at_import} & WITH_TORCH


def test_what_may_import_torch_is_there() -> None:
    assert {core_name(path) for path in (ROOT / "core").rglob("*.py")} > WITH_TORCH


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_terminal_knows_rich_and_only_commands_know_typer(path: Path) -> None:
    used = {name.split(".")[0] for name in imports_of(path, at_import=False)}
    place = path.relative_to(ROOT).parts
    assert "rich" not in used or place[:2] == ("commands", "terminal")
    assert "typer" not in used or place[0] in ("commands", "main.py")
