"""The package's structure: data flows one way, no circle of files, small folders that say what they hold."""

from __future__ import annotations

import ast
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
    *("scoring", "assembly", "selection", "results", "settings", "pipeline", "compressor", "batch"),
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


@cache
def imported(path: Path, *, at_run_time: bool = False, at_import: bool = False) -> frozenset[str]:
    """What a file imports, names of modules or of things in them, with their whole path.

    Args:
        at_run_time: leave out what only type checkers read.
        at_import: leave out what functions import when they are called.
    """
    found: set[str] = set()
    waiting: list[ast.AST] = [tree_of(path)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        is_typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not (at_run_time and is_typing) and not (at_import and isinstance(node, ast.FunctionDef)):
            waiting += ast.iter_child_nodes(node)
    return frozenset(found)


@cache
def modules() -> dict[str, Path]:
    return {name_of(path): path for path in files()}


@cache
def own_imports(path: Path, *, at_run_time: bool = False, at_import: bool = False) -> frozenset[str]:
    """The files of the package that a file imports, as :func:`name_of` has them."""
    found = set()
    for name in imported(path, at_run_time=at_run_time, at_import=at_import):
        top, _, inner = name.partition(".")
        if top != PACKAGE:
            continue
        owner = inner if inner in modules() else inner.rpartition(".")[0]
        found.add(owner if owner in modules() else "")
    return frozenset(found - {name_of(path)})


def core_modules() -> dict[str, Path]:
    return {name: path for name, path in modules().items() if name.split(".")[0] == "core"}


def test_imports_point_down() -> None:
    def floor(name: str) -> int:
        part = name.split(".")[0] or "__init__"
        return next(number for number, parts in enumerate(PARTS) if part in parts)

    def is_wrong(mine: str, theirs: str) -> bool:
        apart = {mine.split(".")[0], theirs.split(".")[0]} == {"training", "benchmark"}
        return apart or floor(theirs) > floor(mine)

    assert not [
        f"{mine} imports {theirs}"
        for mine, path in modules().items()
        for theirs in own_imports(path, at_run_time=not mine)
        if is_wrong(mine, theirs)
    ]


def test_a_step_of_core_imports_only_those_before_it() -> None:
    def step(name: str) -> int:
        return STEPS.index(name.split(".")[1])

    assert not own_imports(modules()["core"])
    assert not [
        f"{mine} imports {theirs}"
        for mine, path in core_modules().items()
        for theirs in own_imports(path)
        if mine != "core" and theirs.startswith("core.") and step(theirs) > step(mine)
    ]


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


def test_only_the_terminal_knows_rich_and_only_commands_typer() -> None:
    def may(name: str, package: str) -> bool:
        if package == "rich":
            return name.startswith("commands.terminal")
        return package == "typer" and (name.startswith("commands") or name == "main")

    assert not [
        f"{name} imports {each}"
        for name, path in modules().items()
        for each in imported(path)
        if (package := each.split(".")[0]) in {"click", "rich", "typer"} and not may(name, package)
    ]


def test_torch_is_imported_only_where_it_computes() -> None:
    """By a file itself or by what it imports in turn."""

    imports = {name: own_imports(path, at_run_time=True, at_import=True) for name, path in modules().items()}
    ways = {
        name: f"{name} -> torch"
        for name, path in modules().items()
        if any(each.split(".")[0] == "torch" for each in imported(path, at_run_time=True, at_import=True))
    }
    waiting = list(ways)
    while waiting:
        theirs = waiting.pop()
        for mine in imports:
            if theirs in imports[mine] and mine not in ways:
                ways[mine] = f"{mine} -> {ways[theirs]}"
                waiting.append(mine)

    def may(name: str) -> bool:
        inner = name.removeprefix("core").removeprefix(".")
        return inner.split(".")[0] in TORCH_STEPS and inner not in WITHOUT_TORCH

    assert set(WITHOUT_TORCH) <= {name.removeprefix("core.") for name in core_modules()}
    assert not [way for name, way in ways.items() if name in core_modules() and not may(name)]
