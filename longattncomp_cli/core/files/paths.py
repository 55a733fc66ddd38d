"""Read one path: what may be read, and how much of it."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path
from typing import BinaryIO

from longattncomp_cli.errors import InputError

COMPRESSED_SUFFIXES = (".gz", ".zst")
STDIN_NAME = "stdin"
"""What standard input is called in messages and reports."""


MAX_TEXT_BYTES = 1 << 29
"""A text of more than this is refused before it fills the memory: 512 MiB are over 100 million tokens."""


def shown_name(path: Path) -> str:
    """The path as text that can be printed and written as JSON, whatever bytes it is made of."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def typed_name(name: str) -> str:
    """A file as a hint names it in a command; ``FILE`` for standard input, which has no name."""
    return "FILE" if name == STDIN_NAME else shlex.quote(name)


def name_when_unpacked(name: str) -> str:
    """The name of what a compressed file holds, such as ``page.html`` of ``page.html.gz``."""
    suffix = next((each for each in COMPRESSED_SUFFIXES if name[-len(each) :].lower() == each), "")
    return name.removesuffix(name[len(name) - len(suffix) :]) if suffix else name


def refuse_irregular(path: Path) -> None:
    """Read files and pipes only: a device may never end.

    Raises:
        InputError: it is something else.
        OSError: it cannot be looked at.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise InputError(
            f"{shown_name(path)}: not a regular file", hint="pipe its text in instead", code="not-a-file"
        )


def unreadable(path: Path, error: OSError) -> InputError:
    """The error for a file that the system does not give."""
    name = shown_name(path)
    is_missing = isinstance(error, FileNotFoundError)
    return InputError(
        f"{name}: cannot be read ({error.strerror or error})",
        hint="check the path" if is_missing else f"look at its owner and rights: ls -ld {typed_name(name)}",
        code="unreadable",
    )


def read_bounded(stream: BinaryIO, name: str) -> bytes:
    """Read to the end.

    Raises:
        InputError: there is more than any context holds.
    """
    raw = stream.read(MAX_TEXT_BYTES + 1)
    if len(raw) > MAX_TEXT_BYTES:
        raise InputError(
            f"{name}: more than {MAX_TEXT_BYTES >> 20} MiB", hint="split it into parts", code="too-large"
        )
    return raw
