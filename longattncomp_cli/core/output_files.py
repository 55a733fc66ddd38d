"""Output files that are never half written and never overwritten by accident.

A file grows beside its place as ``NAME.partial`` and is renamed when it is complete. A partial file of
lines can be taken up again: whole lines stay, a torn last line goes.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import orjson

from longattncomp_cli.errors import LongAttnCompError, OutputError, ResourceError

PARTIAL_SUFFIX = ".partial"


def partial_path(path: Path) -> Path:
    """Where a file grows until it is complete."""
    return path.with_name(path.name + PARTIAL_SUFFIX)


def refuse_existing(path: Path, *, overwrite: bool, resume: bool = False) -> None:
    """Check that an output may be written before any work is done.

    Raises:
        OutputError: it exists, or an unfinished one does, or its directory does not.
    """
    if not path.parent.is_dir():
        raise OutputError(f"{path}: no such directory {path.parent}", hint=f"mkdir -p {path.parent}")
    if path.is_dir():
        raise OutputError(f"{path}: is a directory", hint="name a file")
    if path.exists() and not path.is_file():
        raise OutputError(
            f"{path}: is not a regular file", hint="write to standard output instead: drop --output"
        )
    if overwrite or resume or (not (path.exists() or path.is_symlink()) and not partial_path(path).exists()):
        return
    if path.exists() or path.is_symlink():
        raise OutputError(
            f"{path}: exists", hint="add --overwrite, or --resume to continue a batch", code="exists"
        )
    raise OutputError(
        f"{partial_path(path)}: an interrupted run left it",
        hint="add --resume to continue it, or --overwrite to start again",
        code="exists",
    )


def write_file(path: Path, content: bytes) -> None:
    """Write a whole file beside its place and rename it."""
    with _explained(path), _locked(partial_path(path), truncate=True) as stream:
        stream.write(content)
        stream.flush()
        partial_path(path).replace(path)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn the system's error into ours."""
    try:
        yield
    except OSError as error:
        raise explain_os_error(path, error) from error


def explain_os_error(path: Path | str, error: OSError) -> LongAttnCompError:
    """The error class and sentence for a failed write."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError(
            f"{path}: the disk is full; complete lines are kept",
            hint="make room and add --resume",
            code="disk-full",
        )
    return OutputError(
        f"{path}: cannot be written ({error.strerror or error})", hint="choose another --output"
    )


@contextmanager
def _locked(path: Path, *, truncate: bool) -> Iterator[BinaryIO]:
    """Open for appending with a lock that a second process cannot take."""
    with path.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                f"{path}: another process is writing it", hint="wait, or choose another --output"
            ) from error
        if truncate:
            stream.truncate(0)
        yield stream


class LineFile:
    """A file of lines that grows one whole line at a time and survives interruption.

    Use as a context manager. Leaving it normally renames the file into place; leaving it by an
    exception keeps the ``.partial`` (unless that is still a mere copy of the finished file).
    """

    def __init__(self, path: Path, *, resume: bool) -> None:
        """Take up what an earlier run left where ``resume`` is set."""
        self.path = path
        self.resume = resume
        self._partial = partial_path(path)
        self._untouched_copy = False

    def __enter__(self) -> LineFile:
        """Lock and open the partial file."""
        with _explained(self.path):
            if self.resume and self.path.exists() and not self._partial.exists():
                shutil.copyfile(self.path, self._partial)
                self._untouched_copy = True
            self._lock = _locked(self._partial, truncate=not self.resume)
            self._stream = self._lock.__enter__()
        return self

    def lines(self) -> Iterator[bytes]:
        """The complete lines that are there already, without their ends."""
        with self._partial.open("rb") as stream:
            for line in stream:
                if line.endswith(b"\n"):
                    yield line[:-1]

    def keep(self, num_lines: int) -> None:
        """Drop everything after the first ``num_lines`` lines: a torn line, or lines without a partner."""
        with _explained(self.path):
            with self._partial.open("rb") as stream:
                size = sum(len(line) for _, line in zip(range(num_lines), stream, strict=False))
            self._stream.truncate(size)

    def write(self, value: object) -> None:
        """Append one JSON object as a line; it is with the system when this returns."""
        self._untouched_copy = False
        with _explained(self.path):
            self._stream.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
            self._stream.flush()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Rename into place unless an error is passing."""
        try:
            if kind is None:
                with _explained(self.path):
                    os.fsync(self._stream.fileno())
                    self._partial.replace(self.path)
            elif self._untouched_copy:
                self._partial.unlink()
        finally:
            self._lock.__exit__(None, None, None)
