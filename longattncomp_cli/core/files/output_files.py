"""Output files that are never half written and never overwritten by accident.

A file grows beside its place as ``NAME.partial`` and is renamed when it is complete. A partial file of
lines can be taken up again: whole lines stay, a torn last line goes. It grows plain, whatever its name: what
ends in ``.gz`` or ``.zst`` is compressed when it is complete.
"""

from __future__ import annotations

import errno
import fcntl
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from longattncomp_cli.core.files.packed import is_packed, pack_file, packed_bytes, unpack_file
from longattncomp_cli.errors import LongAttnCompError, OutputError, ResourceError

PARTIAL_SUFFIX = ".partial"
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def partial_path(path: Path) -> Path:
    """Where a file grows until it is complete; beside its target where the path is a link."""
    place = path.resolve() if path.is_symlink() else path
    return place.parent / (place.name + PARTIAL_SUFFIX)


def refuse_existing(path: Path, *, overwrite: bool, resume: bool = False) -> None:
    """Check that an output may be written before any work is done.

    Raises:
        OutputError: it exists, or an unfinished one does, or its directory does not or is closed.
    """
    with _explained(path):
        _refuse_place(path)
        exists, unfinished = path.exists() or path.is_symlink(), partial_path(path).exists()
    if overwrite or resume or not (exists or unfinished):
        return
    if exists:
        hint = "add --overwrite, or --resume to continue a batch"
        raise OutputError(f"{path}: exists", hint=hint, code="exists")
    raise OutputError(
        f"{partial_path(path)}: an interrupted run left it",
        hint="add --resume to continue it, or --overwrite to start again",
        code="exists",
    )


def _refuse_place(path: Path) -> None:
    if not path.parent.is_dir():
        raise OutputError(f"{path}: no such directory {path.parent}", hint=f"mkdir -p {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: the directory {path.parent} is not writable", hint="choose another place")
    if path.is_dir():
        raise OutputError(f"{path}: is a directory", hint="name a file")
    if path.exists() and not path.is_file():
        hint = "write to standard output instead: drop --output"
        raise OutputError(f"{path}: is not a regular file", hint=hint)


def make_folder(folder: Path) -> None:
    """Make a folder in which files can be made, before the work that they come from.

    Raises:
        OutputError: something else is there, or the folder is closed.
    """
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def write_file(path: Path, content: bytes) -> None:
    """Write a whole file beside its place and rename it."""
    partial = partial_path(path)
    with _locked(partial, truncate=True) as stream:
        try:
            _write_all(stream, packed_bytes(path, content))
            partial.replace(path.resolve())
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise explain_os_error(path, error) from error


def _write_all(stream: io.FileIO, content: bytes) -> None:
    """Write without a buffer, so that nothing is left to fail when the file is closed."""
    rest = memoryview(content)
    while rest:
        rest = rest[stream.write(rest) :]


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn the system's error into ours."""
    try:
        yield
    except OSError as error:
        raise explain_os_error(path, error) from error


def explain_os_error(path: Path | str, error: OSError) -> LongAttnCompError:
    """The error class and sentence for a failed write."""
    if error.errno in DISK_FULL:
        return ResourceError(
            f"{path}: the disk is full; complete lines of a batch are kept",
            hint="make room; --resume continues a batch",
            code="disk-full",
        )
    return OutputError(
        f"{path}: cannot be written ({error.strerror or error})", hint="choose another --output"
    )


@contextmanager
def _locked(path: Path, *, truncate: bool) -> Iterator[io.FileIO]:
    """Open for appending with a lock that a second process cannot take."""
    with ExitStack() as stack:
        with _explained(path):
            stream = stack.enter_context(path.open("ab", buffering=0))
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                f"{path}: another process is writing it", hint="wait, or choose another --output"
            ) from error
        if not path.exists() or os.fstat(stream.fileno()).st_ino != path.stat().st_ino:
            raise OutputError(f"{path}: another process has just finished it", hint="look at it first")
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
                self._copy_finished()
            self._lock = _locked(self._partial, truncate=not self.resume)
            self._stream = self._lock.__enter__()
        return self

    def _copy_finished(self) -> None:
        """Take up a finished file: its lines, plain."""
        if is_packed(self.path):
            try:
                unpack_file(self.path, self._partial)
            except BaseException:
                self._partial.unlink(missing_ok=True)
                raise
        else:
            shutil.copyfile(self.path, self._partial)
        self._untouched_copy = True

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

    def write(self, line: bytes) -> None:
        """Append one line with its end; it is with the system when this returns."""
        self._untouched_copy = False
        with _explained(self.path):
            _write_all(self._stream, line)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Rename into place unless an error is passing."""
        try:
            if kind is None:
                with _explained(self.path):
                    self._finish()
            elif self._untouched_copy:
                self._partial.unlink()
        finally:
            self._lock.__exit__(None, None, None)

    def _finish(self) -> None:
        os.fsync(self._stream.fileno())
        if not is_packed(self.path):
            self._partial.replace(self.path.resolve())
            return
        packed = self._partial.with_name(self._partial.name + self.path.suffix)
        try:
            with packed.open("wb") as target:
                pack_file(self._partial, self.path, target)
                os.fsync(target.fileno())
            packed.replace(self.path.resolve())
        except OSError:
            packed.unlink(missing_ok=True)
            raise
        self._partial.unlink()
