"""Named tensors on disk under a key, for several processes at once, bounded in size, oldest out.

A file is written beside its place as the tensors come, and renamed when it is complete, so a reader sees
all of it or none. Reading maps the file: what is not looked at is not read. A file in use may be removed
by another process; its reader keeps it.

A file is the tensors' bytes, a JSON index of them, the index's length (8 bytes) and a magic word.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch
from torch import Tensor

from longattncomp_cli.errors import OutputError

SUFFIX = ".states"
_MAGIC = b"LACSTAT1"
_DTYPES = {str(d): d for d in (torch.float32, torch.bfloat16, torch.float16, torch.int32, torch.int64)}
_ALIGN = 64
_ABANDONED_SECONDS = 24 * 3600


class TensorWriter:
    """Appends tensors to a file that is not in its place yet."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        """Begin an empty file."""
        self._file = path.open("xb", buffering=0)
        self._max_bytes = max_bytes
        self._index: list[dict[str, Any]] = []
        self.num_bytes = 0

    def add(self, name: str, tensor: Tensor) -> bool:
        """Append a tensor; whether there was room for it."""
        raw = tensor.detach().cpu().contiguous()
        size = raw.numel() * raw.element_size()
        if self.num_bytes + size + _ALIGN > self._max_bytes:
            return False
        self._index.append(
            {"name": name, "dtype": str(raw.dtype), "shape": list(raw.shape), "offset": self.num_bytes}
        )
        self._write(raw.view(torch.uint8).numpy().data if raw.dim() else raw.numpy().tobytes())
        self._write(bytes(-self.num_bytes % _ALIGN))
        return True

    def _write(self, content: Any) -> None:
        rest = memoryview(content).cast("B") if len(content) else memoryview(b"")
        self.num_bytes += len(rest)
        while rest:
            rest = rest[self._file.write(rest) :]

    def finish(self) -> None:
        """Write the index and close."""
        index = orjson.dumps(self._index)
        self._write(index + len(index).to_bytes(8, "little") + _MAGIC)
        self._file.close()

    def close(self) -> None:
        """Close what is not complete."""
        self._file.close()


class StateFiles:
    """A folder of such files.

    Args:
        folder: made where it is missing.
        max_bytes: of all files together.

    Raises:
        OutputError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Make the folder."""
        self.folder = folder
        self.max_bytes = max_bytes
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{folder}: cannot be made ({error.strerror})", hint="choose another --cache"
            ) from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"{folder}: not writable", hint="choose another --cache")

    def read(self, key: str) -> dict[str, Tensor] | None:
        """The tensors of a key, mapped, in the order of writing; ``None`` where there are none.

        The file counts as the latest one used. A damaged one is removed.
        """
        path = self._path(key)
        try:
            content = np.memmap(path, dtype=np.uint8, mode="c")
            os.utime(path)
        except (OSError, ValueError):
            return None
        size = int.from_bytes(content[-16:-8].tobytes(), "little")
        if content[-8:].tobytes() != _MAGIC or size > len(content) - 16:
            path.unlink(missing_ok=True)
            return None
        index = orjson.loads(content[-16 - size : -16].tobytes())
        return {entry["name"]: _tensor(content, entry) for entry in index}

    @contextmanager
    def write(self, key: str) -> Iterator[TensorWriter]:
        """Write the tensors of a key; an exception (:class:`NotKept` too) leaves nothing behind."""
        partial = self.folder / f"{key}.{os.getpid()}.{time.monotonic_ns()}.partial"
        writer = TensorWriter(partial, self.max_bytes)
        try:
            yield writer
            writer.finish()
            partial.replace(self._path(key))
        except NotKeptError:
            pass
        finally:
            writer.close()
            partial.unlink(missing_ok=True)
        self._make_room()

    def _path(self, key: str) -> Path:
        return self.folder / (key + SUFFIX)

    def _make_room(self) -> None:
        """Remove the files used longest ago until the rest fits, and what a killed process left behind."""
        files = []
        for path in self.folder.iterdir():
            try:
                status = path.stat()
            except FileNotFoundError:  # another process was quicker
                continue
            if path.suffix == ".partial" and time.time() - status.st_mtime > _ABANDONED_SECONDS:
                path.unlink(missing_ok=True)
            elif path.suffix == SUFFIX:
                files.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self.max_bytes:
                break
            path.unlink(missing_ok=True)
            total -= size


class NotKeptError(Exception):
    """Raised inside :meth:`StateFiles.write` to give a file up."""


def _tensor(content: np.ndarray, entry: dict[str, Any]) -> Tensor:
    dtype = _DTYPES[entry["dtype"]]
    count = int(np.prod(entry["shape"], dtype=np.int64))
    raw = content[entry["offset"] : entry["offset"] + count * dtype.itemsize]
    return torch.from_numpy(raw).view(dtype).view(entry["shape"])
