"""From a text to its structure: the kind decides who reads it; what no reader can read has no structure."""

from __future__ import annotations

from collections.abc import Callable

from longattncomp_cli.core.boundaries import SnapLevel
from longattncomp_cli.core.structure import chats, code, data_records, json_values, markdown
from longattncomp_cli.core.structure.detect import CODE_KINDS, kind_of
from longattncomp_cli.core.structure.units import Structure, Unit
from longattncomp_cli.core.types import Source

__all__ = ["Structure", "Unit", "structure_for", "structure_of"]

_READERS: dict[str, Callable[[str], Structure]] = {
    "markdown": markdown.read,
    "json": json_values.read,
    "jsonl": data_records.read_lines,
    "csv": data_records.read_csv,
    "tsv": data_records.read_tsv,
    "chat": chats.read,
}


def structure_of(text: str, name: str = "") -> Structure | None:
    """Read the structure of a text.

    Args:
        text: the whole text.
        name: of the file it comes from; its suffix says what it holds, the text itself where it has none.

    Returns:
        The structure, or ``None`` for prose and for what holds no unit.
    """
    kind = kind_of(text, name)
    if kind is None:
        return None
    reader = _READERS.get(kind)
    found = reader(text) if reader else code.read(text, kind)
    return found if found.units else None


def structure_for(source: Source, snap: SnapLevel) -> Structure | None:
    """The structure that chunks of a source follow: with ``auto`` only code's, with ``structure`` any."""
    if snap == "structure" or (snap == "auto" and source.kind in CODE_KINDS):
        return source.structure
    return None
