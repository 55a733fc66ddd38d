"""A zstd file as a stream that notices where the file was cut off; the library's own reader does not."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

import zstandard

_STEP_BYTES = 256
_MOST_WINDOW_BYTES = 1 << 27


class ZstdStream(io.RawIOBase):
    """Reads frames, one after the other; raises ``EOFError`` where the last one is incomplete."""

    def __init__(self, raw: BinaryIO) -> None:
        """Read from ``raw``, which stays the caller's to close."""
        self._raw = raw
        self._frame = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW_BYTES).decompressobj()
        self._compressed = b""
        self._is_inside_frame = False
        self._ready = b""

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer``; 0 at the end of the last frame."""
        while not self._ready:
            block = self._compressed or self._raw.read(io.DEFAULT_BUFFER_SIZE)
            # A few bytes may unpack to 128 KiB: little is unpacked at a time.
            block, self._compressed = block[:_STEP_BYTES], block[_STEP_BYTES:]
            if not block:
                if self._is_inside_frame:
                    raise EOFError("the file ends inside a zstd frame")
                return 0
            self._is_inside_frame = True
            self._ready = self._frame.decompress(block)
            if self._frame.eof:
                self._compressed = self._frame.unused_data + self._compressed
                self._frame = zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW_BYTES).decompressobj()
                self._is_inside_frame = False
        part = self._ready[: len(buffer)]
        buffer[: len(part)] = part
        self._ready = self._ready[len(part) :]
        return len(part)
