"""The files below a directory, in name order, and why others are passed over.

Hidden and git-ignored entries are skipped, and those that nobody of the project wrote by hand; each with a
note. Naming such a file or directory itself reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from longattncomp_cli.core.files.paths import unreadable
from longattncomp_cli.core.inputs.generated import why_machine_written, why_not_own
from longattncomp_cli.errors import InputError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

Notify = Callable[[str], None]


def files_below(root: Path, on_note: Notify) -> list[Path]:
    """Files below ``root`` in name order; links to directories are not followed.

    Args:
        root: a directory; it is walked whatever its own name says.
        on_note: called with the reason for each entry that is skipped.

    Raises:
        InputError: it cannot be read, or holds no file to read.
    """
    try:
        rules = list(_rules_above(root))
    except OSError as error:
        raise unreadable(root, error) from error
    files = list(_walk_folder(root, rules, on_note))
    if not files:
        raise InputError(
            f"{root}: no text file in this directory (hidden, git-ignored and generated ones are skipped)",
            hint="name the files themselves to read them all the same",
            code="empty-directory",
        )
    return files


_Rules = list[tuple[Path, "GitIgnoreSpec"]]


def _walk_folder(root: Path, rules: _Rules, on_note: Notify) -> Iterator[Path]:
    """Without recursion: folders may be nested as deep as a path is long."""
    # Once: links to folders are not followed, so what is below resolves as it is named.
    resolved = root.resolve()
    pending = [_entries(root, rules, on_note)]
    while pending:
        following = next(pending[-1], None)
        if following is None:
            pending.pop()
            continue
        entry, is_folder, rules = following
        if entry.name.startswith("."):
            if entry.name != ".gitignore":
                on_note(f"skipped {entry}: hidden")
        elif rules and _is_ignored(resolved / entry.relative_to(root), is_folder, rules):
            on_note(f"skipped {entry}: git-ignored")
        elif is_folder and entry.is_symlink():
            on_note(f"skipped {entry}: a link to a directory")
        elif reason := why_not_own(entry) if is_folder else why_machine_written(entry.name):
            on_note(f"skipped {entry}: {reason}")
        elif is_folder:
            pending.append(_entries(entry, rules, on_note))
        elif entry.is_file():
            yield entry
        else:
            on_note(f"skipped {entry}: not a regular file")


def _entries(folder: Path, rules: _Rules, on_note: Notify) -> Iterator[tuple[Path, bool, _Rules]]:
    """What is in a folder: its path, whether it is a folder itself, and the rules that hold there."""
    try:
        rules = rules + list(_rules_of(folder))
        entries = sorted((entry, entry.is_dir()) for entry in folder.iterdir())
    except OSError as error:
        on_note(f"skipped {folder}: {error.strerror}")
        return
    for entry, is_folder in entries:
        yield entry, is_folder, rules


def _rules_of(folder: Path) -> Iterator[tuple[Path, GitIgnoreSpec]]:
    file = folder / ".gitignore"
    if file.is_file():
        from pathspec import GitIgnoreSpec

        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        yield folder.resolve(), GitIgnoreSpec.from_lines([line for line in lines if _is_pattern(line)])


def _is_pattern(line: str) -> bool:
    """Git passes over lines that make no pattern, such as a lone ``!``."""
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _rules_above(root: Path) -> Iterator[tuple[Path, GitIgnoreSpec]]:
    """The ``.gitignore`` files between the repository's top and ``root``, topmost first."""
    parents = root.resolve().parents
    top = next((i for i, parent in enumerate([root.resolve(), *parents]) if (parent / ".git").exists()), 0)
    for parent in reversed(parents[:top]):
        yield from _rules_of(parent)


def _is_ignored(place: Path, is_folder: bool, rules: _Rules) -> bool:
    """The verdict of the deepest ``.gitignore`` that has one."""
    for folder, spec in reversed(rules):
        relative = place.relative_to(folder).as_posix() + ("/" if is_folder else "")
        verdict = spec.check_file(relative).include
        if verdict is not None:
            return verdict
    return False
