"""Keep the latest things in memory, up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class ByteLRU(Generic[T]):
    """A map that forgets what was used longest ago.

    Args:
        max_bytes: of all values together; a larger one is not kept at all.
    """

    def __init__(self, max_bytes: int) -> None:
        """Create an empty map."""
        self.max_bytes = max_bytes
        self.num_bytes = 0
        self._values: OrderedDict[str, tuple[T, int]] = OrderedDict()

    def get(self, key: str) -> T | None:
        """The value, now the latest one used, or ``None``."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def put(self, key: str, value: T, num_bytes: int) -> None:
        """Keep a value; the oldest ones make room."""
        if num_bytes > self.max_bytes:
            return
        _, before = self._values.pop(key, (None, 0))
        self.num_bytes += num_bytes - before
        self._values[key] = (value, num_bytes)
        while self.num_bytes > self.max_bytes:
            _, (_, size) = self._values.popitem(last=False)
            self.num_bytes -= size

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
        self.num_bytes = 0

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)
