"""Read single tensors of safetensors files: what is not asked for is never touched, and what is, is counted.

Plain reads into the target, in slabs: the peak is the tensors that are kept, and one slab.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson
import torch
from torch import Tensor

from longattncomp_cli.errors import CheckpointError

INDEX_FILE = "model.safetensors.index.json"
SINGLE_FILE = "model.safetensors"

_SLAB_BYTES = 8 * 1024 * 1024
_LARGEST_HEADER = 100_000_000
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "U8": torch.uint8,
    "I8": torch.int8,
    "I32": torch.int32,
    "I64": torch.int64,
}


@dataclass(frozen=True)
class _Place:
    file: Path
    offset: int
    num_bytes: int
    dtype: torch.dtype
    shape: tuple[int, ...]


class Tensors(Protocol):
    """A model's tensors, wherever they lie.

    Attributes:
        bytes_read: so far, headers included.
    """

    bytes_read: int

    @property
    def names(self) -> Iterable[str]:
        """Names of all tensors of the model."""

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files opened so far."""

    @property
    def sha256(self) -> str:
        """Hex sha256 over the tensors read so far, in the order of reading."""

    def read(
        self, name: str, *, dtype: torch.dtype | None = None, device: torch.device | str = "cpu"
    ) -> Tensor:
        """Read one tensor."""


class TensorReader:
    """The tensors of a model that lies in one safetensors file or in several shards.

    Args:
        fetch: gives a file of the model by name, from a folder or from the hub; called for the shards
            that hold something that is asked for, and no others. ``None`` where there is no such file.
    """

    def __init__(self, fetch: Callable[[str], Path | None]) -> None:
        """Read the index of the shards, where there is one."""
        self._fetch = fetch
        self._places: dict[str, _Place] = {}
        self._opened: set[str] = set()
        self.bytes_read = 0
        self._digest = hashlib.sha256()
        index = fetch(INDEX_FILE)
        if index is not None:
            self._shard_of: dict[str, str] = orjson.loads(index.read_bytes())["weight_map"]
        else:
            self._open(SINGLE_FILE)
            self._shard_of = dict.fromkeys(self._places, SINGLE_FILE)

    @property
    def names(self) -> Iterable[str]:
        """Names of all tensors of the model."""
        return self._shard_of.keys()

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files opened so far, in name order."""
        return tuple(sorted(self._opened))

    @property
    def sha256(self) -> str:
        """Hex sha256 over the tensors read so far, in the order of reading: name, dtype, shape and bytes."""
        return self._digest.hexdigest()

    def read(
        self, name: str, *, dtype: torch.dtype | None = None, device: torch.device | str = "cpu"
    ) -> Tensor:
        """Read one tensor.

        Args:
            name: as in the file.
            dtype: to convert to; the file's own where ``None``.
            device: where to put it.

        Raises:
            CheckpointError: there is no such tensor, or its file is damaged.
        """
        place = self._place(name)
        self._digest.update(f"{name} {place.dtype} {place.shape}".encode())
        target = torch.empty(place.shape, dtype=dtype or place.dtype, device=device)
        flat = target.view(-1)
        step = max(1, _SLAB_BYTES // place.dtype.itemsize)
        with place.file.open("rb", buffering=0) as file:
            file.seek(place.offset)
            for start in range(0, flat.numel(), step):
                count = min(step, flat.numel() - start)
                slab = bytearray(count * place.dtype.itemsize)
                if _read_into(file, slab) != len(slab):
                    raise CheckpointError(f"{place.file}: ends inside the tensor {name}", code="bad-weights")
                self._digest.update(slab)
                self.bytes_read += len(slab)
                flat[start : start + count].copy_(torch.frombuffer(slab, dtype=place.dtype))
        return target

    def _place(self, name: str) -> _Place:
        shard = self._shard_of.get(name)
        if shard is None:
            raise CheckpointError(f"the backbone's weights have no tensor {name!r}", code="bad-weights")
        if shard not in self._opened:
            self._open(shard)
        if name not in self._places:
            raise CheckpointError(
                f"the backbone's tensor {name!r} is quantised or missing from {shard}",
                hint="use the model in bfloat16, float16 or float32 (or GPT-OSS in MXFP4)",
                code="bad-weights",
            )
        return self._places[name]

    def _open(self, file_name: str) -> None:
        path = self._fetch(file_name)
        if path is None:
            raise CheckpointError(
                f"the backbone has no {file_name}",
                hint="only safetensors weights are read; convert the model with save_pretrained",
                code="no-weights",
            )
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if not 2 <= size <= _LARGEST_HEADER:
                raise CheckpointError(f"{path}: not a safetensors file", code="bad-weights")
            raw = file.read(size)
        try:
            header = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise CheckpointError(f"{path}: not a safetensors file ({error})", code="bad-weights") from error
        self.bytes_read += 8 + size
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, end = entry["data_offsets"]
            dtype = _DTYPES.get(entry["dtype"])
            if dtype is None:
                continue  # refused when it is asked for
            self._places[name] = _Place(path, 8 + size + begin, end - begin, dtype, tuple(entry["shape"]))
        self._opened.add(file_name)


def _read_into(file: object, slab: bytearray) -> int:
    """Fill the slab; a raw read may return less than was asked for."""
    rest = memoryview(slab)
    while rest:
        count = file.readinto(rest)  # type: ignore[attr-defined]
        if not count:
            break
        rest = rest[count:]
    return len(slab) - len(rest)
