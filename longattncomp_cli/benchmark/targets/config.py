"""Which target model, and how it is asked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True)
class TargetConfig:
    """An endpoint and how to use it; its key comes from ``OPENAI_API_KEY`` alone."""

    url: str
    """Address of the API, such as ``http://localhost:8000/v1``."""
    model: str
    """As the endpoint calls it."""
    concurrency: int = 8
    """Concurrent requests."""
    temperature: float = 0.0
    """Sampling temperature."""
    seed: int = 0
    """Sent with every question."""
    max_tokens: int | None = None
    """The most tokens of an answer; the task's own where ``None``."""
    timeout_seconds: float = 600.0
    """Until a question counts as failed."""
    retries: int = 4
    """Tries after a failure that may pass."""
    cache: Path
    """Answers that are not asked for again."""

    def as_dict(self) -> dict[str, Any]:
        """For the report: everything that decides an answer, and no user or password of the address."""
        address = urlsplit(self.url)
        host = address.hostname or ""
        place = f"{host}:{address.port}" if address.port else host
        return {
            "url": f"{address.scheme}://{place}{address.path}",
            "model": self.model,
            "temperature": self.temperature,
            "seed": self.seed,
            "max_tokens": self.max_tokens,
            "timeout_seconds": self.timeout_seconds,
            "retries": self.retries,
            "concurrency": self.concurrency,
        }


def default_cache() -> Path:
    """A folder of the user's cache."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "longattncomp" / "answers"
