"""Jupyter notebooks: their cells as Markdown, code and text outputs in fences, in the order of reading.

Images, widgets, metadata and the JSON around are left out. Pieces are found by scanning the JSON, so that
each stands where it does in the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from longattncomp_cli.core.files.json_places import strings
from longattncomp_cli.core.inputs.views.json_strings import Strings, write_strings
from longattncomp_cli.core.inputs.views.view import View, ViewBuilder

# Of an output in several forms the first of these is read.
_SHOWN = ("text", "text/plain", "text/markdown", "text/latex", "traceback", "evalue")
_DEEPEST = 8


@dataclass
class _Cell:
    """A cell while it is read: the strings of its source and of each output, by kind."""

    type: str = ""
    source: Strings = field(default_factory=list)
    outputs: dict[int, dict[str, Strings]] = field(default_factory=dict)


def read(text: str) -> View | None:
    """The cells; ``None`` where the text is no complete notebook."""
    cells: dict[int, _Cell] = {}
    language, num_left_out = "", 0
    for begins, ends, path in strings(text):
        if len(path) > _DEEPEST:
            continue
        start, end = begins + 1, ends - 1
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
            write_strings(builder, cell.source)
            builder.write("\n\n")
        for _, output in sorted(cell.outputs.items()):
            shown = next((output[kind] for kind in _SHOWN if kind in output), [])
            is_drawn = any(kind.startswith(("image/", "application/")) for kind in output)
            num_left_out += is_drawn or not shown
            if is_drawn and shown and text.startswith("<", shown[0][0]):
                continue  # "<Figure size 640x480>" stands for the image
            _write_fenced(builder, shown, "")
    what = "an image or the like" if num_left_out == 1 else f"{num_left_out:,} images or the like"
    images = f", {what} left out" if num_left_out else ""
    return builder.view(f"the {len(cells):,} cells of a notebook{images}", ".md")


def _write_fenced(builder: ViewBuilder, strings: Strings, language: str) -> None:
    if not any(end > start for start, end in strings):
        return
    holds_fence = any("```" in builder.file_text[start:end] for start, end in strings)
    fence = "````" if holds_fence else "```"
    builder.write(f"{fence}{language}\n")
    write_strings(builder, strings)
    builder.write(f"{'' if builder.ends_with(chr(10)) else chr(10)}{fence}\n\n")
