"""Read one path: what may be read, how much of it, and bytes decoded to text."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from longattncomp_cli.errors import InputError

COMPRESSED_SUFFIXES = (".gz", ".zst")


_SNIFF_BYTES = 8192


MAX_TEXT_BYTES = 1 << 29
"""A text of more than this is refused before it fills the memory: 512 MiB are over 100 million tokens."""


def shown_name(path: Path) -> str:
    """The path as text that can be printed and written as JSON, whatever bytes it is made of."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def decode(raw: bytes, name: str) -> str:
    """Decode UTF-8 text.

    Raises:
        InputError: the bytes are binary (a NUL among the first) or not UTF-8.
    """
    if b"\0" in raw[:_SNIFF_BYTES]:
        raise InputError(f"{name}: binary file", hint="extract its text first", code="binary")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{name}: not UTF-8 (byte {error.start}, line {line})",
            hint=f"iconv -f LATIN1 -t UTF-8 {name} | longattncomp …",
            code="not-utf8",
        ) from error


def refuse_irregular(path: Path) -> None:
    """Read files and pipes only: a device may never end.

    Raises:
        InputError: it is something else.
        OSError: it cannot be looked at.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise InputError(f"{shown_name(path)}: not a regular file", code="not-a-file")


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
