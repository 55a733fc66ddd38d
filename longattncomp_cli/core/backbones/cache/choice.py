"""What is kept of contexts that the backbone has read. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class CacheChoice:
    """What is kept of contexts that the backbone has read, for another query on them."""

    folder: Path | None = None
    """Where their states are kept between runs; nowhere where ``None``."""
    max_bytes: int = 2 * 2**30
    """Largest size of the folder."""
    in_memory: bool = False
    """Whether they are also kept in memory, for the other records of a batch."""


NO_CACHE = CacheChoice()
