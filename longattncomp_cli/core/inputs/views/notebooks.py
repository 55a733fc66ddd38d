"""Jupyter notebooks: their cells as Markdown, code and text outputs in fences, in the order of reading.

Images, widgets, metadata and the JSON around are left out. Pieces are found by scanning the JSON, so that
each stands where it does in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from longattncomp_cli.core.inputs.views.view import View, ViewBuilder

_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},:]', re.DOTALL)
# Colours of a terminal; a character written as a pair; an escape.
_ESCAPE = re.compile(
    r"\\u001b\[[0-9;]*[A-Za-z]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\u[0-9a-fA-F]{4}|\\.",
    re.DOTALL,
)
_MOST_EXACT = 100_000
"""A string with more escapes maps to the file in parts rather than by the character."""
_PART = re.compile(rf"(?:{_ESCAPE.pattern}|[^\\]){{1,4096}}+", re.DOTALL)
# Of an output in several forms the first of these is read.
_SHOWN = ("text", "text/plain", "text/markdown", "text/latex", "traceback", "evalue")
_PLAIN_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "", "f": "\f"}
_SURROGATES = range(0xD800, 0xE000)
_DEEPEST = 8

_Strings = list[tuple[int, int]]


@dataclass
class _Cell:
    """A cell while it is read: the strings of its source and of each output, by kind."""

    type: str = ""
    source: _Strings = field(default_factory=list)
    outputs: dict[int, dict[str, _Strings]] = field(default_factory=dict)


def read(text: str) -> View | None:
    """The cells; ``None`` where the text is no complete notebook."""
    cells: dict[int, _Cell] = {}
    language, num_left_out = "", 0
    for path, start, end in _strings(text):
        if path[:2] == ["worksheets", 0]:  # format 3
            path = path[2:]
        if path in (["metadata", "language_info", "name"], ["metadata", "kernelspec", "language"]):
            language = text[start:end]
        if len(path) < 3 or path[0] != "cells" or not isinstance(path[1], int):
            continue
        cell = cells.setdefault(path[1], _Cell())
        if path[2] == "cell_type":
            cell.type = text[start:end]
        elif path[2] in ("source", "input") and len(path) <= 4:
            cell.source.append((start, end))
        elif path[2] == "outputs" and len(path) >= 5 and isinstance(path[3], int):
            kind = str(path[5] if path[4] == "data" and len(path) > 5 else path[4])
            cell.outputs.setdefault(path[3], {}).setdefault(kind, []).append((start, end))
    if not cells or text.rstrip()[-1:] != "}":
        return None
    language = language if re.fullmatch(r"[\w+#.-]{1,30}", language) else ""
    builder = ViewBuilder(text)
    for _, cell in sorted(cells.items()):
        if cell.type == "code" or cell.outputs:
            _write_fenced(builder, cell.source, language)
        else:
            _write_strings(builder, cell.source)
            builder.write("\n\n")
        for _, output in sorted(cell.outputs.items()):
            shown = next((output[kind] for kind in _SHOWN if kind in output), [])
            is_drawn = any(kind.startswith(("image/", "application/")) for kind in output)
            num_left_out += is_drawn or not shown
            if is_drawn and shown and text.startswith("<", shown[0][0]):
                continue  # "<Figure size 640x480>" stands for the image
            _write_fenced(builder, shown, "")
    images = f", {num_left_out:,} images or the like left out" if num_left_out else ""
    return builder.view(f"the {len(cells):,} cells of a notebook{images}", ".md")


def _strings(text: str) -> Iterator[tuple[list[str | int], int, int]]:
    """Each string that is a value: the keys and indices on the way to it, and its characters in the text."""
    path: list[str | int] = []
    is_list: list[bool] = []
    key_is_next = False
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark == "{" or mark == "[":
            is_list.append(mark == "[")
            path.append(0 if mark == "[" else "")
            key_is_next = mark == "{"
        elif mark == "}" or mark == "]":
            if is_list:
                is_list.pop()
                path.pop()
            key_is_next = False
        elif mark == ",":
            if is_list and is_list[-1]:
                path[-1] = int(path[-1]) + 1
            key_is_next = bool(is_list) and not is_list[-1]
        elif mark == ":":
            key_is_next = False
        elif key_is_next:
            path[-1] = mark[1:-1]
        elif len(path) <= _DEEPEST:
            yield path, token.start() + 1, token.end() - 1


def _write_fenced(builder: ViewBuilder, strings: _Strings, language: str) -> None:
    if not any(end > start for start, end in strings):
        return
    holds_fence = any("```" in builder.file_text[start:end] for start, end in strings)
    fence = "````" if holds_fence else "```"
    builder.write(f"{fence}{language}\n")
    _write_strings(builder, strings)
    builder.write(f"{'' if builder.ends_with(chr(10)) else chr(10)}{fence}\n\n")


def _write_strings(builder: ViewBuilder, strings: _Strings) -> None:
    """The characters that JSON strings stand for."""
    text = builder.file_text
    for start, end in strings:
        if text.count("\\", start, end) > _MOST_EXACT:
            for part in _PART.finditer(text, start, end):
                plain = _ESCAPE.sub(lambda found: _unescaped(found.group()), part.group())
                builder.replace(plain, *part.span())
            continue
        at = start
        for escape in _ESCAPE.finditer(text, start, end):
            builder.copy(at, escape.start())
            builder.replace(_unescaped(escape.group()), *escape.span())
            at = escape.end()
        builder.copy(at, end)


def _unescaped(escape: str) -> str:
    if escape.startswith("\\u001b["):
        return ""
    if escape[1] != "u":
        return _PLAIN_ESCAPES.get(escape[1], escape[1])
    codes = [int(code, 16) for code in re.findall(r"\\u(.{4})", escape)]
    if len(codes) == 2:
        return chr(0x10000 + ((codes[0] & 0x3FF) << 10) + (codes[1] & 0x3FF))
    return "\ufffd" if codes[0] in _SURROGATES else chr(codes[0])
