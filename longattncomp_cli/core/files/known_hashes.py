"""The sha256 of large files, not computed again at each start.

A hash is known by everything that changes when a file is written: its size, its times (of its content and of
its entry, which nobody can set back), and its number on the disk. A file that was written a moment ago is
hashed again: the clock of a file system may not have moved between two writes.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import orjson

from longattncomp_cli.core.files.user_cache import keep, user_cache_folder

_LEAST_BYTES = 1 << 20
_FRESH_SECONDS = 10
_MOST_FILES = 64


def known_sha256(path: Path) -> str:
    """The hex sha256 of a file."""
    status = path.stat()
    stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    if status.st_size < _LEAST_BYTES:
        return _sha256(path)
    place, name = user_cache_folder() / "hashes.json", os.fspath(path.resolve())
    known = _read(place)
    found = known.get(name)
    if isinstance(found, list) and found[:-1] == stamp:
        return str(found[-1])
    digest = _sha256(path)
    if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _FRESH_SECONDS * 10**9:
        latest = {**dict(list(known.items())[1 - _MOST_FILES :]), name: [*stamp, digest]}
        keep(place, orjson.dumps(latest))
    return digest


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(place: Path) -> dict[str, Any]:
    try:
        known = orjson.loads(place.read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
