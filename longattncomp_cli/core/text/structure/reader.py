"""Parse the structure of a text according to its kind; texts of unknown kind have none."""

from __future__ import annotations

from collections.abc import Callable

from longattncomp_cli.core.text.structure import chats, code, json_values, markdown
from longattncomp_cli.core.text.structure.kinds import CODE_KINDS, kind_of
from longattncomp_cli.core.text.structure.tables.delimited import read_csv, read_lines, read_tsv
from longattncomp_cli.core.text.structure.tables.find import with_tables
from longattncomp_cli.core.text.structure.units import Structure

_READERS: dict[str, Callable[[str], Structure]] = {
    "markdown": markdown.read,
    "json": json_values.read,
    "jsonl": read_lines,
    "csv": read_csv,
    "tsv": read_tsv,
    "chat": chats.read,
}


def structure_of(text: str, name: str = "") -> Structure | None:
    """Read the structure of a text.

    Args:
        text: the whole text.
        name: of the file it comes from; its suffix says what it holds, the text itself where it has none.

    Returns:
        The structure, or ``None`` for prose without tables and for what holds no unit.
    """
    kind = kind_of(text, name)
    found = None
    if kind is not None:
        reader = _READERS.get(kind)
        found = reader(text) if reader else code.read(text, kind)
    is_code = kind in CODE_KINDS
    if not is_code or name.lower().endswith(".sql"):
        found = with_tables(text, found, is_code=is_code)
    return found if found is not None and found.units else None
