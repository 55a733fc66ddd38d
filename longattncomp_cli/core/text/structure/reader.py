"""Parse the structure of a text according to its kind; texts of unknown kind have none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from longattncomp_cli.core.text.structure import chats, code, json_values, markdown
from longattncomp_cli.core.text.structure.formats import (
    blocks,
    braces,
    config,
    entries,
    logs,
    outlines,
    records,
    sql,
    xml_tags,
    yaml_keys,
)
from longattncomp_cli.core.text.structure.formats.lines import plain_lines
from longattncomp_cli.core.text.structure.kinds import CODE_KINDS, kind_of
from longattncomp_cli.core.text.structure.prose import reader as prose
from longattncomp_cli.core.text.structure.tables.delimited import read_csv, read_lines, read_tsv
from longattncomp_cli.core.text.structure.tables.find import with_tables
from longattncomp_cli.core.text.structure.units import Structure

_READERS: dict[str, Callable[[str], Structure]] = {
    "markdown": markdown.read,
    "rst": prose.read_rst,
    **{kind: partial(prose.read_markup, kind=kind) for kind in ("latex", "asciidoc", "org")},
    "json": json_values.read,
    "jsonl": read_lines,
    "csv": read_csv,
    "tsv": read_tsv,
    "chat": chats.read,
}


_FORMATS: dict[str, Callable[[str], Structure]] = {
    "yaml": yaml_keys.read,
    "config": config.read,
    "settings": braces.read_settings,
    "sql": sql.read,
    "xml": xml_tags.read,
    "log": logs.read,
    "entries": entries.read,
    "fields": blocks.read,
    "lines": blocks.read_lines,
    "cards": records.read_cards,
    "bibtex": records.read_bibtex,
    "ldif": records.read_ldif,
    "mail": records.read_mail,
    **{kind: outlines.reader_of(kind) for kind in outlines.OUTLINES},
}
"""Readers that want plain line ends."""


def structure_of(text: str, name: str = "") -> Structure | None:
    """Read the structure of a text.

    Args:
        text: the whole text.
        name: of the file it comes from; its suffix says what it holds, the text itself where it has none.

    Returns:
        The structure, or ``None`` for what holds no unit: prose without headings and lists.
    """
    kind = kind_of(text, name)
    if kind in _FORMATS:
        found = _FORMATS[kind](plain_lines(text))
    else:
        reader = _READERS.get(kind) if kind else prose.read_plain
        found = reader(text) if reader else code.read(text, kind or "")
    whole = found if found.units else None
    is_code = kind in CODE_KINDS
    if not is_code or kind == "sql":
        whole = with_tables(text, whole, is_code=is_code)
    return whole if whole is not None and whole.units else None
