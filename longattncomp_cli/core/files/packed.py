"""Outputs named ``.gz`` or ``.zst`` are compressed once they are complete; same content, same bytes."""

from __future__ import annotations

import gzip
import shutil
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import zstandard

from longattncomp_cli.core.files.compressed import open_bytes
from longattncomp_cli.core.files.paths import COMPRESSED_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_packed(path: Path) -> bool:
    """Whether a file of this name is compressed."""
    return path.suffix.lower() in COMPRESSED_SUFFIXES


def packed_bytes(path: Path, content: bytes) -> bytes:
    """The bytes of a file of this name with this content."""
    if not is_packed(path):
        return content
    made = BytesIO()
    with _packer(path, made) as packer:
        packer.write(content)
    return made.getvalue()


def pack_file(plain: Path, path: Path, target: BinaryIO) -> None:
    """Compress ``plain`` into ``target``, as the name of ``path`` says."""
    with plain.open("rb") as stream, _packer(path, target) as packer:
        shutil.copyfileobj(stream, packer)


def unpack_file(path: Path, plain: Path) -> None:
    """Write what a file holds to ``plain``.

    Raises:
        InputError: it is damaged.
    """
    with open_bytes(path) as stream, plain.open("wb") as target:
        shutil.copyfileobj(stream, target)


@contextmanager
def _packer(path: Path, target: BinaryIO) -> Iterator[Any]:
    """What compresses into ``target``, without a name or a time."""
    if path.suffix.lower() == ".gz":
        with gzip.GzipFile(filename="", mode="wb", fileobj=target, mtime=0) as packer:
            yield packer
    else:
        with zstandard.ZstdCompressor().stream_writer(target, closefd=False) as packer:
            yield packer
