"""The document itself on a terminal: a strip of its heat, and what was kept in its place."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from rich.console import Console, ConsoleOptions
from rich.text import Text

from longattncomp_cli.commands.terminal.console import safe
from longattncomp_cli.core.assembly.segments import Segment, segments

if TYPE_CHECKING:
    from longattncomp_cli.core.results.compression import Compression, Scored

_LEVELS = " ▁▂▃▄▅▆▇█"
_EXPONENT = 0.4
_LABEL = "heat   "
_KEPT_LABEL = "kept   "
# Control characters but line ends and tabs, and what reorders or hides text; shown as one mark each.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


ViewName = Literal["text", "diff"]


class HeatStrip:
    """The whole document in one line: a block a cell, as high as its best chunk's score, kept cells marked.

    Without colours the kept cells are marked in a second line.
    """

    def __init__(self, scored: Scored) -> None:
        """Read scores, sizes and kept chunks of a scored text."""
        selection = scored.selection
        self._tokens = scored.renderer.tokens_per_chunk
        self._scores: list[float] = scored.scores.scores.tolist()
        self._kept = set() if selection is None else {span.chunk.index for span in selection.kept}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Draw it as wide as the terminal."""
        width = max(8, options.max_width - len(_LABEL))
        heat, kept = strip_cells(self._tokens, self._scores, self._kept, width)
        line = Text(_LABEL)
        for level, is_kept in zip(heat, kept, strict=True):
            line.append(_LEVELS[level], style="bold underline green" if is_kept else "yellow")
        yield line
        if any(kept) and (console.color_system is None or console.no_color):
            yield Text(_KEPT_LABEL + "".join("^" if is_kept else " " for is_kept in kept).rstrip())


def strip_cells(
    num_tokens: Sequence[int], scores: Sequence[float], kept: set[int], width: int
) -> tuple[list[int], list[bool]]:
    """Lay chunks over ``width`` cells by their tokens.

    Returns:
        For each cell the level of the best chunk that touches it, 0 to 8 (a root of its share of the best
        score, so that the middle field can be told from the rest), and whether a kept chunk does.
    """
    total, best = max(1, sum(num_tokens)), max(max(scores), 1e-12)
    levels, marks = [0] * width, [False] * width
    before = 0
    for index, (tokens, score) in enumerate(zip(num_tokens, scores, strict=True)):
        first = min(width - 1, before * width // total)
        before += tokens
        last = max(first, min(width, math.ceil(before * width / total)) - 1)
        level = round((max(0.0, score) / best) ** _EXPONENT * (len(_LEVELS) - 1))
        for cell in range(first, last + 1):
            levels[cell] = max(levels[cell], level)
            marks[cell] = marks[cell] or index in kept
    return levels, marks


def show(result: Compression, kind: ViewName) -> Iterator[Text]:
    """The compressed text in its place, line by line, ready to print.

    ``text`` prints what is kept and, where something is left out, how much; ``diff`` prints every line,
    with ``-`` before those that are left out.
    """
    sources = result.request.sources
    named = len(sources) > 1
    touched = {span.chunk.source for span in result.selection.kept}
    untouched: list[int] = []
    shown_source = -1
    yield from _lines(result.request.prefix, kind, kept=True)
    for segment in segments(sources, result.selection.kept):
        if kind == "text" and named and segment.source not in touched:
            untouched.append(segment.source)
            continue
        yield from _untouched(result, untouched)
        untouched = []
        if named and segment.source != shown_source:
            shown_source = segment.source
            yield Text(f"==> {safe(sources[segment.source].name)} <==", style="bold")
        text = sources[segment.source].text[segment.start : segment.end]
        if segment.kept or kind == "diff":
            yield from _lines(text, kind, kept=segment.kept)
        elif text.strip():
            yield Text(_omission(result, segment), style="dim")
    yield from _untouched(result, untouched)
    yield from _lines(result.request.suffix, kind, kept=True)


def _untouched(result: Compression, numbers: list[int]) -> Iterator[Text]:
    """One line for the sources of which nothing was kept."""
    if numbers:
        sources = [result.request.sources[number] for number in numbers]
        num_tokens = sum(result.renderer.tokenizer.count_each([source.text for source in sources]))
        what = safe(sources[0].name) if len(sources) == 1 else f"{len(sources):,} sources"
        yield Text(f"⋯ {num_tokens:,} tokens, {what}", style="dim")


def _lines(text: str, kind: ViewName, *, kept: bool) -> Iterator[Text]:
    mark = "" if kind == "text" else "  " if kept else "- "
    lines = text.replace("\r\n", "\n").split("\n")
    if not lines[-1].strip():
        lines.pop()
    for line in lines:
        yield Text(mark + _HIDDEN.sub("\ufffd", line), style="" if kept else "dim red")


def _omission(result: Compression, segment: Segment) -> str:
    """Such as ``⋯ 312 tokens, lines 40–77``."""
    source = result.request.sources[segment.source]
    text = source.text[segment.start : segment.end]
    begin = segment.start + len(text) - len(text.lstrip())
    first, last = source.line_of(begin), source.line_of(segment.start + len(text.rstrip()) - 1)
    lines = f"line {first:,}" if first == last else f"lines {first:,}–{last:,}"
    return f"⋯ {result.renderer.tokenizer.count(text):,} tokens, {lines}"
