"""Line ends of Windows (CR LF) and of old Macs (CR) as the one that patterns know, and the way back."""

from __future__ import annotations

import re

import numpy as np

_CRLF = re.compile("\r\n")


class UnixText:
    """A text whose lines all end with a line feed, and which character of the original each one was.

    Attributes:
        text: CR LF and CR became LF.
    """

    def __init__(self, original: str) -> None:
        """Replace the line ends."""
        self.text = original
        # The characters that fell out: each CR before an LF.
        self._dropped = np.array([], dtype=np.int64)
        if "\r" in original:
            self._dropped = np.array([found.start() for found in _CRLF.finditer(original)], dtype=np.int64)
            self.text = original.replace("\r\n", "\n").replace("\r", "\n")
        self._dropped_before = self._dropped - np.arange(len(self._dropped))

    def original(self, offset: int) -> int:
        """The offset in the original; at a line end, that of its first character."""
        return offset + int(np.searchsorted(self._dropped_before, offset))

    def offset(self, original: int) -> int:
        """The offset here of one of the original."""
        return original - int(np.searchsorted(self._dropped, original))
