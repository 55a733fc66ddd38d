"""Inside a directory what programs wrote and what others wrote is passed over, and said so."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from longattncomp_cli.core.inputs.gather import expand_inputs, read_source
from longattncomp_cli.errors import InputError


def make(root: Path, *names: str, text: str = "words\n") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def read_below(root: Path) -> tuple[list[str], str]:
    """The names of what is read, and all notes."""
    notes: list[str] = []
    files = expand_inputs([str(root)], notes.append)
    sources = [read_source(file, notes.append, bytes) for file in files]
    return [str(Path(s.name).relative_to(root)) for s in sources if s], "\n".join(notes)


def test_lock_files_bundles_and_trees_of_others_are_skipped_with_a_note(tmp_path: Path) -> None:
    own = ["a.py", "dist/readme.md", "notes/vendor/letter.txt", "target/aims.md"]
    others = {
        "package-lock.json": "lock file",
        "sub/Cargo.lock": "lock file",
        "go.sum": "lock file",
        "web/app.min.js": "minified",
        "web/app.js.map": "source map",
        "web/node_modules/left/index.js": "installed packages, 1 file ",
        "third_party/zip/zip.c": "vendored code",
        "env/pyvenv.cfg": "made by a tool",
        "web/dist/index.html": "made by a tool",
    }
    make(tmp_path, *own, *others, "web/package.json")
    read, notes = read_below(tmp_path)
    assert read == sorted([*own, "web/package.json"])
    for name, reason in others.items():
        shown = [
            note
            for note in notes.splitlines()
            if any(str(tmp_path / part) + ":" in note for part in parents(name))
        ]
        assert len(shown) == 1, name
        assert reason in shown[0]


def parents(name: str) -> list[str]:
    return [name, *(str(parent) for parent in Path(name).parents if str(parent) != ".")]


def test_naming_what_a_walk_skips_reads_it(tmp_path: Path) -> None:
    make(tmp_path, "node_modules/a/index.js", "yarn.lock", "x.min.js")
    for name in ("node_modules", "yarn.lock", "x.min.js"):
        files = expand_inputs([str(tmp_path / name)], print)
        assert [read_source(file, print, bytes) for file in files] != [None]


def test_code_in_endless_lines_is_skipped_and_data_is_not(tmp_path: Path) -> None:
    endless = "var a=1;" * 3_000
    make(tmp_path, "page.js", "data.json", "story.txt", text=endless + "\n")
    make(tmp_path, "short.js", text="var a = 1;\n" * 3_000)
    read, notes = read_below(tmp_path)
    assert read == ["data.json", "short.js", "story.txt"]
    assert "page.js: minified" in notes


def test_a_directory_of_such_files_alone_says_how_to_read_them(tmp_path: Path) -> None:
    make(tmp_path, "poetry.lock")
    with pytest.raises(InputError) as caught:
        expand_inputs([str(tmp_path)], lambda note: None)
    assert "name the files" in caught.value.hint


def test_folders_nested_as_deep_as_a_path_is_long(tmp_path: Path) -> None:
    deepest = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1_500):
        os.mkdir("d", dir_fd=deepest)
        below = os.open("d", os.O_RDONLY, dir_fd=deepest)
        os.close(deepest)
        deepest = below
    os.close(os.open("a.txt", os.O_CREAT | os.O_WRONLY, dir_fd=deepest))
    os.close(deepest)
    try:
        assert [file.path.name for file in expand_inputs([str(tmp_path)], print)] == ["a.txt"]
    finally:  # too deep for the removal of temporary folders
        subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)
