"""Open plain, gzip and zstd files alike; one that was cut off or damaged is an error, not a shorter file.

UTF-16 and UTF-32 with a byte order mark are given as UTF-8.
"""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from longattncomp_cli.core.files.encodings import as_utf8
from longattncomp_cli.core.files.paths import unreadable
from longattncomp_cli.errors import InputError

_BUFFER_BYTES = 1 << 17
# A few compressed bytes may decompress to 128 KiB: little is decompressed at a time.
_STEP_BYTES = 256
_MAX_WINDOW_BYTES = 1 << 27
_DAMAGE = (gzip.BadGzipFile, EOFError, zlib.error, zstandard.ZstdError)


def open_bytes(path: Path) -> BinaryIO:
    """Open a file for reading; ``.gz`` and ``.zst`` are decompressed, several members or frames joined.

    Args:
        path: of any kind that can be opened; its suffix tells the compression, in upper or lower case.

    Returns:
        A buffered stream that is also a context manager. Reading from it raises :class:`InputError`
        where the file is damaged, or ends inside a gzip member or a zstd frame (or before the first one).

    Raises:
        InputError: the file cannot be opened.
    """
    try:
        stream = io.BufferedReader(_CheckedStream(path.open("rb"), path), _BUFFER_BYTES)
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        return as_utf8(stream, str(path))
    except InputError:
        stream.close()
        raise


class ZstdStream(io.RawIOBase):
    """Decompresses frames one after the other; raises ``EOFError`` where the last one is incomplete.

    The library's own reader ends silently there, and the rest of the file is lost.
    """

    def __init__(self, raw: BinaryIO) -> None:
        """Read from ``raw``, which the caller closes."""
        self._raw = raw
        self._frame = _new_frame()
        self._compressed = b""
        self._is_inside_frame = False
        self._decompressed = memoryview(b"")

    def readable(self) -> bool:
        """Whether the stream can be read; it always can."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``, at least in part; 0 at the end of the last frame."""
        while not self._decompressed:
            block = self._compressed or self._raw.read(io.DEFAULT_BUFFER_SIZE)
            block, self._compressed = block[:_STEP_BYTES], block[_STEP_BYTES:]
            if not block:
                if self._is_inside_frame:
                    raise EOFError("the file ends inside a zstd frame")
                return 0
            self._is_inside_frame = True
            # A view: bytes would be copied at each of the many small reads of a large block.
            self._decompressed = memoryview(self._frame.decompress(block))
            if self._frame.eof:
                self._compressed = self._frame.unused_data + self._compressed
                self._frame = _new_frame()
                self._is_inside_frame = False
        part = self._decompressed[: len(buffer)]
        buffer[: len(part)] = part
        self._decompressed = self._decompressed[len(part) :]
        return len(part)


class _CheckedStream(io.RawIOBase):
    """The decompressed bytes of a file; a failure to read becomes an error that names the file."""

    def __init__(self, raw: io.BufferedReader, path: Path) -> None:
        self._raw = raw
        self._path = path
        suffix = path.suffix.lower()
        self._stream: io.BufferedReader | gzip.GzipFile | ZstdStream = raw
        if suffix == ".gz":
            self._stream = gzip.GzipFile(fileobj=raw, mode="rb")
        elif suffix == ".zst":
            self._stream = ZstdStream(raw)
        self._must_have_header = self._stream is not raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            if self._must_have_header and not self._raw.peek(1):
                raise EOFError("the file is empty")
            self._must_have_header = False
            return self._stream.readinto(buffer)
        except _DAMAGE as error:
            raise InputError(
                f"{self._path}: damaged compressed file ({error})",
                hint="it may be cut off: copy or download it again",
                code="unreadable",
            ) from error
        except OSError as error:
            raise unreadable(self._path, error) from error

    def close(self) -> None:
        try:
            if self._stream is not self._raw:
                self._stream.close()
        finally:
            self._raw.close()
            super().close()


def _new_frame() -> zstandard.ZstdDecompressionObj:
    return zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).decompressobj()
