"""Where strings and fields stand in a JSON text, so that what does not change keeps its bytes."""

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
    lengths = {len(place) for place in changed}
    pieces: list[str] = []
    at = 0
    for start, end, path in strings(text, is_lines=is_lines):
        if len(path) in lengths and (new := changed.get(tuple(path))) is not None:
            pieces += text[at:start], json.dumps(new, ensure_ascii=is_ascii)
            at = end
    return "".join([*pieces, text[at:]])


def members(text: str) -> dict[str, str]:
    """The fields of a JSON object, each value as it is written.

    Args:
        text: a valid object, no key twice in it.
    """
    found: dict[str, str] = {}
    depth = at = 0
    key = ""
    for token in _TOKEN.finditer(text):
        mark = token.group()
        depth += (mark in "[{") - (mark in "]}")
        if depth > 1 or (depth == 1 and mark in "]}"):
            continue  # inside a value, or its end
        if mark == ":":
            at = token.end()
        elif mark in ",}" and key:
            found[json.loads(key)] = text[at : token.start()].strip()
            key = ""
        elif mark.startswith('"') and not key:
            key = mark
    return found


def strings(text: str, *, is_lines: bool = False) -> Iterator[tuple[int, int, list[str | int]]]:
    """Each string that is a value: where it begins and ends, its quotes included, and the way to it.

    The way is a list that changes as the reading goes on. Of broken JSON as much is read as can be.

    Args:
        text: JSON.
        is_lines: as above.
    """
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
            if len(path) > least:
                is_list.pop()
                path.pop()
            key_is_next = False
            if is_lines and len(path) == least:
                path[0] = int(path[0]) + 1
        elif mark == ",":
            if is_list and is_list[-1]:
                path[-1] = int(path[-1]) + 1
            key_is_next = bool(is_list) and not is_list[-1]
        elif mark == ":":
            key_is_next = False
        elif key_is_next:
            path[-1] = json.loads(mark) if "\\" in mark else mark[1:-1]
        else:
            yield token.start(), token.end(), path
