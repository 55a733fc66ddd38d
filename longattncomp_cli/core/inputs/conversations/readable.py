"""What a person could read in a JSON value whose shape nobody knows, such as the result of a tool."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from longattncomp_cli.core.files.json_lines import repaired_text
from longattncomp_cli.core.files.json_places import Place

# Keys that say what a thing is called, and how deep a value is looked into.
_LABELS = frozenset({"type", "title", "name", "url", "uri", "id"})
_DEEPEST = 16


def clean(text: str) -> str:
    """The text with U+FFFD for lone surrogates, which no tokenizer reads; as long as before."""
    return repaired_text(text)[0]


def readable_strings(value: Any, place: Place) -> Iterator[tuple[str, Place]]:
    """The strings of a JSON value that a person could read, in order: they have spaces, or letters of other
    scripts. Data in base64, addresses and labels are none.
    """
    waiting = [(value, place)]
    while waiting:
        found, at = waiting.pop()
        if isinstance(found, str):
            if (at == place or at[-1] not in _LABELS) and (
                not found.isascii() or re.search(r"\S\s+\S", found)
            ):
                yield found, at
        elif isinstance(found, (dict, list)) and len(at) < len(place) + _DEEPEST:
            pairs = found.items() if isinstance(found, dict) else enumerate(found)
            waiting += reversed([(each, (*at, key)) for key, each in pairs])
