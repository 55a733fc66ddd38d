"""Files of lines as streams: plain, compressed, standard input; none holds more than a line in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from longattncomp_cli.core.files.compressed import open_bytes
from longattncomp_cli.core.files.encodings import as_utf8
from longattncomp_cli.core.files.paths import COMPRESSED_SUFFIXES, STDIN_NAME, refuse_irregular, unreadable
from longattncomp_cli.core.inputs.gather import STDIN, InputFile
from longattncomp_cli.errors import InputError

MAX_LINE_BYTES = 1 << 27
"""A longer line fails alone; the others go on."""
_SKIP_BYTES = 1 << 20
OVERLONG_LINE = b"\0a line that is too long\n"
"""Stands for a line that is too long."""


def shown_name(file: InputFile) -> str:
    """What errors call a file."""
    return STDIN_NAME if str(file.path) == STDIN else str(file.path)


@contextmanager
def open_lines(file: InputFile, stdin: Callable[[], BinaryIO]) -> Iterator[Iterator[bytes]]:
    """Open a file of lines, compressed or not.

    Raises:
        InputError: it cannot be read, or is damaged.
    """
    with _open(file, stdin) as stream:
        yield _lines(stream)


@contextmanager
def _open(file: InputFile, stdin: Callable[[], BinaryIO]) -> Iterator[BinaryIO]:
    if str(file.path) == STDIN:
        yield as_utf8(stdin(), STDIN_NAME)
        return
    try:
        refuse_irregular(file.path)
    except OSError as error:
        raise unreadable(file.path, error) from error
    with open_bytes(file.path) as stream:
        yield stream


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines of a stream, a stand-in for one that is too long."""
    while line := stream.readline(MAX_LINE_BYTES + 1):
        if len(line) <= MAX_LINE_BYTES or line.endswith(b"\n"):
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(_SKIP_BYTES)
        yield OVERLONG_LINE


def too_long(place: str) -> InputError:
    """The error of the record that stood in such a line."""
    return InputError(
        f"{place}: a line of more than {MAX_LINE_BYTES >> 20} MiB",
        hint="one record a line; a whole JSON array is not one",
        code="too-large",
    )


def count_lines(path: Path) -> int | None:
    """How many lines a plain file has, for a progress bar; ``None`` where counting means decompressing."""
    try:
        if path.suffix.lower() in COMPRESSED_SUFFIXES or not path.is_file():
            return None
        with path.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    except OSError:
        return None
