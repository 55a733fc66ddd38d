"""What the program keeps between runs and can make again: in ``XDG_CACHE_HOME``, or ``~/.cache``."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache_folder() -> Path:
    """Its folder; not made yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "longattncomp"


def keep(path: Path, content: bytes) -> bool:
    """Write a file beside its place and rename it: nobody reads half of it. Whether it was possible."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError:
        return False
    return True
