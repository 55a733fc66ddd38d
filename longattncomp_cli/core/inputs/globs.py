"""Files that a glob names."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator
from pathlib import Path

_ANY_DEPTH = "**"


def files_of_glob(pattern: str, on_note: Callable[[str], None]) -> list[Path]:
    """The files that a pattern matches, sorted; ``**`` is any number of folders, as in a shell.

    Args:
        pattern: hidden names match only where it spells their dot.
        on_note: called for each link to a folder that ``**`` does not follow: it may lead back up.
    """
    return [Path(match) for match in sorted(_matches(pattern, on_note)) if Path(match).is_file()]


def _matches(pattern: str, on_note: Callable[[str], None]) -> set[str]:
    parts = Path(pattern).parts
    if _ANY_DEPTH not in parts:
        return set(glob.glob(pattern))  # noqa: PTH207 (Path.glob takes no absolute one)
    at = parts.index(_ANY_DEPTH)
    rest = parts[at + 1 :] or ("*",)
    found: set[str] = set()
    for root in _matches(str(Path(*parts[:at])), on_note) if at else ["."]:
        for folder in _folders(root, on_note):
            found |= _matches(str(Path(glob.escape(folder), *rest)), on_note)
    return found


def _folders(root: str, on_note: Callable[[str], None]) -> Iterator[str]:
    """A folder and all below it that are not hidden."""
    for folder, names, _ in os.walk(root):
        yield folder
        names[:] = sorted(name for name in names if not name.startswith("."))
        for link in (Path(folder, name) for name in names):
            if link.is_symlink():
                on_note(f"skipped {link}: a link to a directory")
