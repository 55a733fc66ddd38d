"""Which target model, and how it is asked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class TargetChoice:
    """An endpoint and how to use it; its key comes from ``OPENAI_API_KEY`` alone."""

    url: str
    """Of the API, such as ``http://localhost:8000/v1``."""
    model: str
    """As the endpoint calls it."""
    concurrency: int = 8
    """Questions at once."""
    temperature: float = 0.0
    """Of sampling."""
    seed: int = 0
    """Sent with every question."""
    max_tokens: int | None = None
    """Of an answer; the task's own where ``None``."""
    timeout_seconds: float = 600.0
    """Until a question counts as failed."""
    retries: int = 4
    """Tries after a failure that may pass."""
    cache: Path
    """Answers that are not asked for again."""


def default_cache() -> Path:
    """A folder of the user's cache."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "longattncomp" / "answers"
