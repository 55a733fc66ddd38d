"""The package's structure: data flows one way, no circle of files, small folders that say what they hold."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import longattncomp_cli

ROOT = Path(longattncomp_cli.__file__).parent
PACKAGE = "longattncomp_cli"
LARGEST_FOLDER = 12

# Of the package: a part imports itself and the parts before it; training and benchmark not each other.
PARTS = [
    {"version", "errors"},
    {"core"},
    {"data"},
    {"training", "benchmark"},
    {"integrations", "__init__"},
    {"commands"},
    {"main", "__main__"},
]
# Of core: the steps of the data's path; a step imports itself and those before it.
STEPS = (
    *("files", "text", "budget", "inputs", "prompts", "chunking", "backbones", "attention", "checkpoint"),
    *("scoring", "assembly", "selection", "results", "compressor", "batch"),
)
# Steps in which torch may be imported at module level, but not in these files of theirs.
TORCH_STEPS = {"backbones", "attention", "checkpoint", "scoring"}
WITHOUT_TORCH = {
    *(
        "backbones.spec",
        "backbones.files",
        "backbones.gguf_files",
        "backbones.tokenize",
        "backbones.cache.memory",
    ),
    *("attention.idf", "attention.exact_matches"),
    *("checkpoint.config", "checkpoint.logistic", "checkpoint.shipped"),
    *("scoring.scores", "scoring.choice", "scoring.propagation"),
}


def files() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def folders() -> list[Path]:
    return sorted({path.parent for path in files()} - {ROOT / "checkpoints"})


def name_of(path: Path) -> str:
    """``core.scoring.scorer``; of a folder's ``__init__.py`` the folder's."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path, *, at_run_time: bool, at_import: bool) -> Iterator[str]:
    """What a file imports, names of modules or of things in them, with their whole path.

    Args:
        at_run_time: leave out what only type checkers read.
        at_import: leave out what functions import when they are called.
    """
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree_of(path)):
        is_typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if (at_run_time and is_typing) or (at_import and isinstance(node, ast.FunctionDef)):
            skipped.update(ast.walk(node))
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def modules() -> dict[str, Path]:
    return {name_of(path): path for path in files()}


def own_imports(path: Path, *, at_run_time: bool = False, at_import: bool = False) -> set[str]:
    """The files of the package that a file imports, as :func:`name_of` has them."""
    found = set()
    for name in imported(path, at_run_time=at_run_time, at_import=at_import):
        top, _, inner = name.partition(".")
        if top != PACKAGE:
            continue
        owner = inner if inner in modules() else inner.rpartition(".")[0]
        found.add(owner if owner in modules() else "")
    return found - {name_of(path)}


@pytest.mark.parametrize("path", files(), ids=name_of)
def test_imports_point_down(path: Path) -> None:
    def floor(name: str) -> int:
        part = name.split(".")[0] or "__init__"
        return next(number for number, parts in enumerate(PARTS) if part in parts)

    mine = name_of(path)
    for theirs in own_imports(path, at_run_time=not mine):
        assert floor(theirs) <= floor(mine), f"{mine} imports {theirs}"
        assert {mine.split(".")[0], theirs.split(".")[0]} != {"training", "benchmark"}


@pytest.mark.parametrize("path", sorted((ROOT / "core").rglob("*.py")), ids=name_of)
def test_a_step_of_core_imports_only_those_before_it(path: Path) -> None:
    mine = name_of(path)
    if mine == "core":
        assert not own_imports(path)
        return
    for theirs in own_imports(path):
        if theirs.startswith("core."):
            assert STEPS.index(theirs.split(".")[1]) <= STEPS.index(mine.split(".")[1]), f"{mine}: {theirs}"


def test_no_circle_of_files() -> None:
    imports = {name: own_imports(path) for name, path in modules().items()}
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> None:
        assert name not in trail, f"a circle: {' -> '.join([*trail[trail.index(name) :], name])}"
        if name not in done:
            for theirs in sorted(imports[name]):
                visit(theirs, [*trail, name])
            done.add(name)

    for name in imports:
        visit(name, [])


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_folder_is_small_and_says_what_it_holds(folder: Path) -> None:
    assert len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) <= LARGEST_FOLDER
    assert ast.get_docstring(tree_of(folder / "__init__.py"))


@pytest.mark.parametrize("path", files(), ids=name_of)
def test_only_the_terminal_knows_rich_and_only_commands_typer(path: Path) -> None:
    name = name_of(path)
    used = {each.split(".")[0] for each in imported(path, at_run_time=False, at_import=False)}
    assert "click" not in used
    assert "rich" not in used or name.startswith("commands.terminal")
    assert "typer" not in used or name.startswith("commands") or name == "main"


@pytest.mark.parametrize("path", sorted((ROOT / "core").rglob("*.py")), ids=name_of)
def test_torch_is_imported_only_where_it_computes(path: Path) -> None:
    """By the file itself or by what it imports in turn."""
    mine = name_of(path).removeprefix("core").removeprefix(".")
    if mine.split(".")[0] in TORCH_STEPS and mine not in WITHOUT_TORCH:
        return
    seen: set[str] = set()
    waiting = [name_of(path)]
    while waiting:
        name = waiting.pop()
        seen.add(name)
        direct = imported(modules()[name], at_run_time=True, at_import=True)
        assert "torch" not in {each.split(".")[0] for each in direct}, f"core.{mine} imports torch by {name}"
        waiting += own_imports(modules()[name], at_run_time=True, at_import=True) - seen
