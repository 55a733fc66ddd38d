"""Where a string stands in a JSON text, so that it alone is written anew and every other byte stays."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

Place = tuple[str | int, ...]
"""Keys and indices that lead from a JSON value to a string in it."""
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},:]', re.DOTALL)


def with_strings(text: str, changed: Mapping[Place, str], *, is_lines: bool = False) -> str:
    """A JSON text with other strings in some places.

    Args:
        text: valid JSON, no key twice in an object.
        changed: what is to stand in the place of a string; a text of ASCII alone stays one.
        is_lines: whether the text is several values, one after the other; a place begins with their number.
    """
    is_ascii = text.isascii()
    pieces: list[str] = []
    at = 0
    for start, end, place in _strings(text, is_lines=is_lines):
        if place in changed:
            pieces += text[at:start], json.dumps(changed[place], ensure_ascii=is_ascii)
            at = end
    return "".join([*pieces, text[at:]])


def _strings(text: str, *, is_lines: bool) -> Iterator[tuple[int, int, Place]]:
    """Where each string that is a value begins and ends, its quotes included, and its place."""
    path: list[str | int] = [0] if is_lines else []
    is_list: list[bool] = [True] if is_lines else []
    least = len(path)
    key_is_next = False
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark in "{[":
            is_list.append(mark == "[")
            path.append(0 if mark == "[" else "")
            key_is_next = mark == "{"
        elif mark in "}]":
            is_list.pop()
            path.pop()
            key_is_next = False
            if is_lines and len(path) == least:
                path[0] = int(path[0]) + 1
        elif mark == ",":
            if is_list[-1]:
                path[-1] = int(path[-1]) + 1
            key_is_next = not is_list[-1]
        elif mark == ":":
            key_is_next = False
        elif key_is_next:
            path[-1] = json.loads(mark) if "\\" in mark else mark[1:-1]
        else:
            yield token.start(), token.end(), tuple(path)
