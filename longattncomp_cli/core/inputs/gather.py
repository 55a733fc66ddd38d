"""Gather text inputs: files, directories, globs and standard input become sources.

Walks are in name order. Hidden, git-ignored and binary files inside a directory are skipped with a note;
a file that the user named is never skipped: it is read, or it is an error.
"""

from __future__ import annotations

import errno
import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from longattncomp_cli.core.files.paths import (
    COMPRESSED_SUFFIXES,
    decode,
    read_bounded,
    refuse_irregular,
    shown_name,
)
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.errors import InputError, UsageError

STDIN = "-"


RECORD_SUFFIXES = (".jsonl", ".ndjson")


Notify = Callable[[str], None]


@dataclass(frozen=True)
class InputFile:
    """A path to read; ``named`` where the user gave it, not found in a walk."""

    path: Path
    named: bool

    @property
    def is_records(self) -> bool:
        """Whether the name says one JSON object a line."""
        name = self.path.name.lower()
        for suffix in COMPRESSED_SUFFIXES:
            name = name.removesuffix(suffix)
        return name.endswith(RECORD_SUFFIXES)


def expand_inputs(inputs: Sequence[str], on_note: Notify) -> list[InputFile]:
    """Turn files, directories and globs into files, in the order given; ``-`` stays as it is.

    Raises:
        InputError: a path does not exist, a glob matches nothing, a directory holds no file to read.
    """
    files: list[InputFile] = []
    for name in inputs:
        path = Path(name)
        if name == STDIN or _exists(path):
            files.extend(
                [InputFile(path, named=True)] if name == STDIN or not path.is_dir() else _walk(path, on_note)
            )
        elif glob.has_magic(name):
            matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 (Path.glob takes no absolute one)
            matched = [InputFile(Path(match), named=False) for match in matches if Path(match).is_file()]
            if not matched:
                raise InputError(f"no file matches {name!r}", hint="check the pattern", code="missing-file")
            files.extend(matched)
        else:
            raise InputError(f"{name}: no such file or directory", hint="check the path", code="missing-file")
    return files


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise InputError(
                "the name of an input is too long",
                hint="to pass a text itself, pipe it in",
                code="missing-file",
            ) from error
        raise InputError(f"{path}: cannot be read ({error.strerror})", code="unreadable") from error


def read_source(file: InputFile, on_note: Notify, stdin: Callable[[], bytes]) -> Source | None:
    """Read one text file.

    Args:
        file: what to read; ``-`` reads ``stdin``.
        on_note: called with the reason where a file of a walk was skipped.
        stdin: returns all of standard input.

    Returns:
        The source, its line ends kept as they are; ``None`` where a file of a walk was skipped.

    Raises:
        InputError: a named file is unreadable, binary or not UTF-8.
    """
    name = "stdin" if str(file.path) == STDIN else shown_name(file.path)
    try:
        raw = stdin() if name == "stdin" else _read_regular(file.path)
        text = decode(raw, name)
    except InputError as error:
        if file.named:
            raise
        on_note(f"skipped {error.message}")
        return None
    return Source(text, name)


def _read_regular(path: Path) -> bytes:
    """Read a file or a pipe; devices and directories are refused."""
    try:
        refuse_irregular(path)
        with path.open("rb") as file:
            return read_bounded(file, shown_name(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})", code="unreadable") from error


def _walk(root: Path, on_note: Notify) -> list[InputFile]:
    """Files below ``root`` in name order; links to directories are not followed."""
    try:
        rules = list(_rules_above(root))
    except OSError as error:
        raise InputError(f"{root}: cannot be read ({error.strerror})", code="unreadable") from error
    files = list(_walk_folder(root, rules, on_note))
    if not files:
        raise InputError(
            f"{root}: no text file in this directory (hidden and git-ignored ones are skipped)",
            hint="name the files themselves to read them all the same",
            code="empty-directory",
        )
    return files


def _walk_folder(
    folder: Path, rules: list[tuple[Path, GitIgnoreSpec]], on_note: Notify
) -> Iterator[InputFile]:
    try:
        rules = rules + list(_rules_of(folder))
        entries = sorted((entry, entry.is_dir()) for entry in folder.iterdir())
    except OSError as error:
        on_note(f"skipped {folder}: {error.strerror}")
        return
    for entry, is_folder in entries:
        if entry.name.startswith("."):
            if entry.name != ".gitignore":
                on_note(f"skipped {entry}: hidden")
        elif _is_ignored(entry, is_folder, rules):
            on_note(f"skipped {entry}: git-ignored")
        elif is_folder and entry.is_symlink():
            on_note(f"skipped {entry}: a link to a directory")
        elif is_folder:
            yield from _walk_folder(entry, rules, on_note)
        elif entry.is_file():
            yield InputFile(entry, named=False)
        else:
            on_note(f"skipped {entry}: not a regular file")


def _rules_of(folder: Path) -> Iterator[tuple[Path, GitIgnoreSpec]]:
    file = folder / ".gitignore"
    if file.is_file():
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        yield folder.resolve(), GitIgnoreSpec.from_lines([line for line in lines if _is_pattern(line)])


def _is_pattern(line: str) -> bool:
    """Git passes over lines that make no pattern, such as a lone ``!``."""
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _rules_above(root: Path) -> Iterator[tuple[Path, GitIgnoreSpec]]:
    """The ``.gitignore`` files between the repository's top and ``root``, topmost first."""
    parents = root.resolve().parents
    top = next((i for i, parent in enumerate([root.resolve(), *parents]) if (parent / ".git").exists()), 0)
    for parent in reversed(parents[:top]):
        yield from _rules_of(parent)


def _is_ignored(entry: Path, is_folder: bool, rules: list[tuple[Path, GitIgnoreSpec]]) -> bool:
    """The verdict of the deepest ``.gitignore`` that has one."""
    place = entry.parent.resolve() / entry.name
    for folder, spec in reversed(rules):
        relative = place.relative_to(folder).as_posix() + ("/" if is_folder else "")
        verdict = spec.check_file(relative).include
        if verdict is not None:
            return verdict
    return False


def kind_of_inputs(files: Sequence[InputFile], declared: str) -> str:
    """Whether the inputs are ``text`` or ``jsonl`` records.

    Raises:
        UsageError: some names say records and others text, and ``--format`` does not settle it.
    """
    if declared != "auto":
        return declared
    walked = [file.is_records for file in files if not file.named]
    kinds = {file.is_records for file in files if file.named}
    if walked:
        # A directory that holds other files too is a text, the records in it a part of that text.
        kinds.add(all(walked))
    if len(kinds) > 1:
        raise UsageError(
            "the inputs mix records (.jsonl) and text",
            hint="add --format text or --format jsonl, or run them apart",
        )
    return "jsonl" if kinds == {True} else "text"
