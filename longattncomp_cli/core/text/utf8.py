"""UTF-8 for libraries that count in bytes, and the way back to characters."""

from __future__ import annotations

import numpy as np

from longattncomp_cli.core.text.arrays import IntArray


class Utf8Text:
    """A text as bytes; a lone surrogate becomes ``?``, so every character stays one character."""

    def __init__(self, text: str) -> None:
        """Encode."""
        self.raw = text.encode("utf-8", "replace")
        self._char_of = None if len(self.raw) == len(text) else _char_offsets(self.raw)

    def char_of(self, byte: int) -> int:
        """The character that the byte belongs to, or begins."""
        return byte if self._char_of is None else int(self._char_of[byte])

    def byte_of(self, char: int) -> int:
        """The byte at which a character begins."""
        return char if self._char_of is None else int(np.searchsorted(self._char_of, char))


def _char_offsets(raw: bytes) -> IntArray:
    """(bytes + 1,) how many characters end at or before each byte offset, rounded up inside one."""
    is_first = (np.frombuffer(raw, dtype=np.uint8) & 0xC0) != 0x80
    return np.concatenate([[0], np.cumsum(is_first)])
