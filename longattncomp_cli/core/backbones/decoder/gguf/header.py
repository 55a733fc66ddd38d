"""The header of a GGUF file: metadata, and where each tensor lies.

Nothing in it is trusted: every length and count is held against the bytes that the file still has before
anything is allocated, and every tensor has to lie inside the file.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from longattncomp_cli.core.backbones.decoder.gguf.metadata import Metadata, Value, damaged
from longattncomp_cli.errors import CheckpointError

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_ALIGNMENT = 32
_LARGEST_KEY = 65_535
_LARGEST_STRING = 1 << 24
_LARGEST_ARRAY = 1 << 24
_MOST_DIMS = 4
_STRING, _ARRAY, _BOOL = 8, 9, 7
_SCALARS = dict(enumerate(("<u1", "<i1", "<u2", "<i2", "<u4", "<i4", "<f4", "<u1")))
_SCALARS |= {10: "<u8", 11: "<i8", 12: "<f8"}


@dataclass(frozen=True)
class StoredTensor:
    """Where a tensor lies.

    Attributes:
        shape: outermost dimension first, as numpy has it.
        type_id: number of its quantisation in GGML.
        offset: in bytes, from the beginning of the file.
    """

    shape: tuple[int, ...]
    type_id: int
    offset: int

    @property
    def num_values(self) -> int:
        """Numbers in it."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class GgufHeader:
    """What stands before the tensors.

    Attributes:
        path: the file.
        metadata: its fields.
        tensors: by name.
        num_bytes: of this header.
        file_bytes: of the whole file.
    """

    path: Path
    metadata: Metadata
    tensors: dict[str, StoredTensor]
    num_bytes: int
    file_bytes: int


def read_header(path: Path) -> GgufHeader:
    """Read and check a header.

    Raises:
        CheckpointError: the file is not GGUF, of another version, a part of several files, or damaged.
    """
    try:
        with path.open("rb") as file:
            cursor = _Cursor(file, path)
            num_tensors, num_fields = _read_opening(cursor)
            metadata = Metadata(path, _read_fields(cursor, num_fields))
            infos = _read_tensor_infos(cursor, num_tensors)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})", code="bad-gguf") from error
    if metadata.integer("split.count", default=1) > 1:
        raise CheckpointError(
            f"{path}: one of several files of a split model",
            hint=f"join them: llama-gguf-split --merge {path} whole.gguf",
            code="bad-gguf",
        )
    alignment = metadata.integer("general.alignment", default=_ALIGNMENT)
    start = -(-cursor.at // alignment) * alignment
    tensors = {
        name: StoredTensor(tuple(reversed(dims)), type_id, start + offset)
        for name, (dims, type_id, offset) in infos.items()
    }
    return GgufHeader(path, metadata, tensors, cursor.at, cursor.size)


class _Cursor:
    """Reads forward, and never past the end."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.file, self.path, self.at = file, path, 0
        self.size = path.stat().st_size

    def take(self, count: int) -> bytes:
        """The next bytes; an error where there are fewer."""
        if count > self.size - self.at:
            raise damaged(self.path, "it ends inside its header: it is cut off or damaged")
        data = self.file.read(count)
        if len(data) != count:
            raise damaged(self.path, "it ends inside its header: it is cut off or damaged")
        self.at += count
        return data

    def number(self, code: str) -> int:
        """The next integer, little-endian."""
        return int(struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))[0])

    def text(self, largest: int) -> str:
        """The next string."""
        length = self.number("Q")
        if length > largest:
            raise damaged(self.path, f"a string of {length:,} bytes in its header")
        return self.take(length).decode("utf-8", errors="replace")

    def room_for(self, count: int, smallest: int, what: str) -> None:
        """Refuse a count of things that the rest of the file cannot hold."""
        if count * smallest > self.size - self.at:
            raise damaged(self.path, f"its header says {count:,} {what}, more than the file can hold")


def _read_opening(cursor: _Cursor) -> tuple[int, int]:
    """The numbers of tensors and of fields."""
    if cursor.size < len(_MAGIC) or cursor.take(len(_MAGIC)) != _MAGIC:
        raise damaged(cursor.path, "not a GGUF file")
    version = cursor.number("I")
    if version & 0xFFFF == 0:
        raise damaged(cursor.path, "a GGUF file for big-endian machines")
    if version not in _VERSIONS:
        raise damaged(cursor.path, f"GGUF version {version}; versions 2 and 3 are read")
    num_tensors, num_fields = cursor.number("Q"), cursor.number("Q")
    cursor.room_for(num_tensors, 8 + 4 + 4 + 8, "tensors")
    cursor.room_for(num_fields, 8 + 4 + 1, "fields")
    return num_tensors, num_fields


def _read_fields(cursor: _Cursor, count: int) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    for _ in range(count):
        key = cursor.text(_LARGEST_KEY)
        if key in fields:
            raise damaged(cursor.path, f"the field {key} stands there twice")
        fields[key] = _read_value(cursor, cursor.number("I"), key)
    return fields


def _read_value(cursor: _Cursor, kind: int, key: str) -> Value:
    if kind == _STRING:
        return cursor.text(_LARGEST_STRING)
    if kind == _ARRAY:
        return _read_array(cursor, key)
    value = np.frombuffer(cursor.take(np.dtype(_scalar(cursor, kind, key)).itemsize), _SCALARS[kind])[
        0
    ].item()
    return bool(value) if kind == _BOOL else value


def _read_array(cursor: _Cursor, key: str) -> Value:
    kind, count = cursor.number("I"), cursor.number("Q")
    if count > _LARGEST_ARRAY:
        raise damaged(cursor.path, f"{count:,} values in the field {key}")
    if kind == _STRING:
        cursor.room_for(count, 8, f"strings in {key}")
        return [cursor.text(_LARGEST_STRING) for _ in range(count)]
    dtype = np.dtype(_scalar(cursor, kind, key))
    cursor.room_for(count, dtype.itemsize, f"values in {key}")
    return np.frombuffer(cursor.take(count * dtype.itemsize), dtype)


def _scalar(cursor: _Cursor, kind: int, key: str) -> str:
    if kind not in _SCALARS:
        raise damaged(cursor.path, f"the field {key} is of an unknown type, {kind}")
    return _SCALARS[kind]


def _read_tensor_infos(cursor: _Cursor, count: int) -> dict[str, tuple[list[int], int, int]]:
    """Dimensions (innermost first), type and offset behind the header, of each tensor."""
    infos: dict[str, tuple[list[int], int, int]] = {}
    for _ in range(count):
        name = cursor.text(_LARGEST_KEY)
        num_dims = cursor.number("I")
        if name in infos or not 0 < num_dims <= _MOST_DIMS:
            raise damaged(cursor.path, f"the tensor {name!r} stands there twice or has {num_dims} dimensions")
        dims = [cursor.number("Q") for _ in range(num_dims)]
        if not all(dims):
            raise damaged(cursor.path, f"the tensor {name} is empty")
        infos[name] = (dims, cursor.number("I"), cursor.number("Q"))
    return infos
