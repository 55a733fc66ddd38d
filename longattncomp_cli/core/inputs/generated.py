"""What stands in a project and was written by a program, or by others: told by names, and by what is in it.

Inside a walked directory such files are noise beside those that people wrote. Only what is sure counts:
a folder ``vendor`` of letters to vendors is not code of others.
"""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from longattncomp_cli.core.text.structure.kinds import CODE_KINDS, kind_of

_LOCK_FILES = frozenset(
    {
        *("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "deno.lock"),
        *("poetry.lock", "pdm.lock", "uv.lock", "pipfile.lock", "pixi.lock", "conda-lock.yml"),
        *("cargo.lock", "go.sum", "gemfile.lock", "composer.lock", "mix.lock", "pubspec.lock", "flake.lock"),
        *("packages.lock.json", "gradle.lockfile", "package.resolved", "podfile.lock", ".terraform.lock.hcl"),
    }
)
_BUILT_ENDINGS = {
    (".min.js", ".min.mjs", ".min.css", ".bundle.js", ".chunk.js"): "a minified bundle",
    (".js.map", ".css.map", ".mjs.map"): "a source map",
}
_INSTALLED = frozenset({"node_modules", "bower_components", "site-packages", "__pycache__"})
_VENDORED = frozenset({"vendor", "vendored", "third_party", "third-party", "thirdparty", "3rdparty"})
# Of a folder, what tells that a tool made it; and of its parent.
_MARKERS = ("CACHEDIR.TAG", "CMakeCache.txt", "pyvenv.cfg", "asset-manifest.json")
_MANIFESTS = {
    "dist": ("package.json", "pyproject.toml", "setup.py"),
    "build": ("build.gradle", "build.gradle.kts", "setup.py"),
    "target": ("Cargo.toml", "pom.xml"),
}
_LONG_LINE_CHARS = 10_000
_LOOKED_AT = 200
_MOST_COUNTED = 10_000


def why_machine_written(name: str) -> str:
    """Why a file of this name is not read in a walk; ``""`` where it is."""
    name = name.lower()
    if name in _LOCK_FILES:
        return "a lock file (name it to read it)"
    for endings, what in _BUILT_ENDINGS.items():
        if name.endswith(endings):
            return f"{what} (name it to read it)"
    return ""


def why_not_own(folder: Path) -> str:
    """Why a folder is not walked: installed packages, code of others, or what a build made; ``""`` else."""
    name = folder.name.lower()
    if name in _INSTALLED:
        what = "installed packages" if name != "__pycache__" else "a cache"
    elif name in _VENDORED and _holds_code(folder):
        what = "vendored code"
    elif any((folder / marker).is_file() for marker in _MARKERS) or any(
        (folder.parent / manifest).is_file() for manifest in _MANIFESTS.get(name, ())
    ):
        what = "made by a tool"
    else:
        return ""
    return f"{what}, {_number_of_files(folder)} (name it to read it)"


def why_generated(path: Path, text: str) -> str:
    """Why a text found in a walk is not read: code in lines that nobody typed; ``""`` where it is."""
    if len(text) < _LONG_LINE_CHARS or kind_of("", path.name) not in {*CODE_KINDS, None}:
        return ""
    if kind_of("", path.name) is None and path.suffix.lower() not in (".css", ".svg"):
        return ""
    in_long_lines = sum(len(line) for line in text.split("\n") if len(line) >= _LONG_LINE_CHARS)
    if 2 * in_long_lines < len(text):
        return ""
    return f"minified, a line of over {_LONG_LINE_CHARS:,} characters (name it to read it)"


def _holds_code(folder: Path) -> bool:
    """Whether code is among the first files below."""
    below = (file for _, _, files in os.walk(folder) for file in files)
    return any(kind_of("", file) in CODE_KINDS for file in islice(below, _LOOKED_AT))


def _number_of_files(folder: Path) -> str:
    number = 0
    for _, _, files in os.walk(folder):
        number += len(files)
        if number > _MOST_COUNTED:
            return f"over {_MOST_COUNTED:,} files"
    return f"{number:,} file{'s' if number != 1 else ''}"
