"""Gather text inputs: files, directories, globs and standard input become sources.

What is hidden, git-ignored, binary or made by a program is skipped inside a directory, with a note; a file
that the user named is never skipped: it is read, or it is an error.
"""

from __future__ import annotations

import errno
import glob
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from longattncomp_cli.core.files.compressed import open_bytes
from longattncomp_cli.core.files.encodings import decode
from longattncomp_cli.core.files.paths import (
    COMPRESSED_SUFFIXES,
    STDIN_NAME,
    read_bounded,
    refuse_irregular,
    shown_name,
    unreadable,
)
from longattncomp_cli.core.inputs.generated import why_generated
from longattncomp_cli.core.inputs.globs import files_of_glob
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.inputs.views.reader import view_of
from longattncomp_cli.core.inputs.walk import files_below
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
        UsageError: a name is empty; as a path it would be the working directory.
    """
    files: list[InputFile] = []
    for name in inputs:
        if not name:
            raise UsageError("the name of an input is empty", hint="is a variable in the command unset?")
        path = Path(name)
        if name == STDIN or _exists(path):
            if name == STDIN or not path.is_dir():
                files.append(InputFile(path, named=True))
            else:
                files.extend(InputFile(found, named=False) for found in files_below(path, on_note))
        elif glob.has_magic(name):
            matched = [InputFile(match, named=False) for match in files_of_glob(name, on_note)]
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
        raise unreadable(path, error) from error


def read_source(
    file: InputFile,
    on_note: Notify,
    stdin: Callable[[], bytes],
    *,
    as_it_stands: bool = False,
) -> Source | None:
    """Read one text file.

    Args:
        file: what to read; ``-`` reads ``stdin``.
        on_note: called with the reason where a file of a walk was skipped.
        stdin: returns all of standard input.
        as_it_stands: read the file's own text, whatever it is: no cells of a notebook, no text of a page.

    Returns:
        The source, its line ends kept as they are; ``None`` where a file of a walk was skipped.

    Raises:
        InputError: a named file is unreadable, binary or not UTF-8.
    """
    name = STDIN_NAME if str(file.path) == STDIN else shown_name(file.path)
    try:
        raw = stdin() if name == STDIN_NAME else _read_regular(file.path)
        text = decode(raw, name)
        if not file.named and (reason := why_generated(file.path, text)):
            on_note(f"skipped {name}: {reason}")
            return None
    except InputError as error:
        if file.named:
            raise
        on_note(f"skipped {error.message}")
        return None
    view = None if as_it_stands else view_of(text, "" if name == STDIN_NAME else name)
    if view is None:
        return Source(text, name)
    on_note(f"{name}: read as {view.what} (--format text reads it as it stands)")
    return Source(view.text, name, view=view)


def _read_regular(path: Path) -> bytes:
    """Read a file or a pipe; devices and directories are refused."""
    try:
        refuse_irregular(path)
        with open_bytes(path) as file:
            return read_bounded(file, shown_name(path))
    except OSError as error:
        raise unreadable(path, error) from error


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
