"""Records that people type: blocks of fields (``born: 1950``) between empty lines, and lines with more below.

A block is headed by its first line, with the line of its name where that is near. A line at the margin heads
what is indented below it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from longattncomp_cli.core.text.structure.chats import openness
from longattncomp_cli.core.text.structure.formats.lines import (
    LINE,
    WHOLE_CHARS,
    Sections,
    end_of_name,
    trimmed_end,
)
from longattncomp_cli.core.text.structure.levels import has_indented_blocks, indented_blocks, is_drawn
from longattncomp_cli.core.text.structure.units import Structure, Unit, build, heading_span

_FIELD = re.compile(
    r"[ \t]*(?:[-*•][ \t]+)?([^\W_][\w ./()'-]{0,40}?)[ \t]*(?::|=|\||\t|[ ]{2,}-?)[ \t]*(?=\S|$)"
)
_MARKS = re.compile(r"([=\-~_*^#+])\1{2,}")
_LONGEST_TITLE = 100
_SAMPLE_CHARS = 20_000
_FEWEST_BLOCKS = 3
_FIELD_SHARE = 0.7
_KNOWN_SHARE = 0.7
_MOST_OPENNESS = 0.6
"""Bits: in records the same key follows the same; who speaks next is open."""
_HEAD_SHARE = 0.8
_INDENTED_SHARE = 0.35
_MOST_BLOCK_LINES = 60
_FEWEST_ALIKE = 8
_ALIKE_SHARE = 0.8
_SHAPE_CHARS = 4
_RUN = re.compile(r"\d[\da-fA-F]*|[^\W\d_]+")
_TELLING = re.compile(r"[=@\[\x1b]|^0[:/]0|^0\.0\.|^0[ ]a|^a:a:")

_Block = list[tuple[int, int]]


def read(text: str) -> Structure:
    """Blocks of fields where the text has them, else lines with what is indented below them."""
    sample = text[:_SAMPLE_CHARS]
    is_tree = is_drawn(sample)
    units = _field_blocks(text) if has_field_blocks(sample) and not is_tree else indented_blocks(text)
    if has_threads(sample):
        heads = {unit.heading for unit in units}
        firsts = [_block_unit(text, *block[0], block) for block in _blocks(text) if len(block) > 1]
        units += [unit for unit in firsts if unit.heading not in heads]
    return build("fields", [unit for unit in units if text.find("\n", unit.start, unit.end) >= 0])


def _field_blocks(text: str) -> list[Unit]:
    """Blocks, each under its first line, and under the title above that stands apart from all that follow it.

    A title with one block is its heading.
    """
    units: list[Unit] = []
    title: _Block | None = None
    under: list[_Block] = []

    def close() -> None:
        if title is not None and len(under) == 1:
            units.append(_block_unit(text, title[0][0], title[-1][1], under[0]))
            return
        if title is not None and under:
            start, end = title[0][0], trimmed_end(text, title[0][0], under[-1][-1][1])
            units.append(Unit(start, end, heading_span(text, title[0][0], title[-1][1]), leaf=False))
        for block in under:
            start, end = block[0]
            if len(block) > 1:
                units.append(_block_unit(text, start, end_of_name(text, start, end, block[-1][1]), block))

    for block in _blocks(text):
        if _is_title(text, block):
            close()
            title, under = block, []
        else:
            under.append(block)
    close()
    return units


def _block_unit(text: str, start: int, heading_end: int, block: _Block) -> Unit:
    end = trimmed_end(text, start, block[-1][1])
    heading = heading_span(text, start, trimmed_end(text, start, heading_end))
    return Unit(start, end, heading, leaf=end - start <= WHOLE_CHARS)


def _is_title(text: str, block: _Block) -> bool:
    """A line alone, or with marks below it, that is no field and ends no sentence."""
    line = text[slice(*block[0])].strip()
    is_marked = len(block) == 2 and _MARKS.fullmatch(text[slice(*block[1])].strip()) is not None
    if not (len(block) == 1 or is_marked) or len(line) > _LONGEST_TITLE:
        return False
    return line[-1] not in ".,;!?" and not (_FIELD.match(line) and re.search(r"[:=]\s*\S", line))


def has_blocks(sample: str) -> bool:
    """Whether a text is made of either."""
    return is_drawn(sample) or has_field_blocks(sample) or has_indented_blocks(sample) or has_threads(sample)


def has_threads(sample: str) -> bool:
    """Whether paragraphs that open alike have paragraphs below them that are further indented: answers."""
    firsts = []
    was_blank, is_text = True, False
    answered = indented = num_lines = 0
    for line in sample.splitlines():
        if not line.strip():
            was_blank = True
            continue
        num_lines += 1
        if line[0].isspace():
            indented += 1
            answered += is_text and was_blank
            is_text = False
        elif was_blank:
            firsts.append(line)
            is_text = True
        was_blank = False
    [(_, alike)] = Counter(_shape(line) for line in firsts).most_common(1) or [("", 0)]
    return (
        len(firsts) >= _FEWEST_BLOCKS
        and answered >= _HEAD_SHARE * len(firsts)
        and indented >= _INDENTED_SHARE * num_lines
        and alike >= _HEAD_SHARE * len(firsts)
    )


def has_field_blocks(sample: str) -> bool:
    """Whether most lines are fields of blocks, whose keys come back from block to block in the same order."""
    blocks = [block for block in _blocks(sample) if 1 < len(block) <= _MOST_BLOCK_LINES]
    if len(blocks) < _FEWEST_BLOCKS:
        return False
    keys = [_keys(sample, block) for block in blocks]
    flat = [key for each in keys for key in each]
    counts = Counter(key for each in keys for key in set(each))
    known = sum(counts[key] for key in counts if counts[key] >= max(2, len(blocks) / 2))
    lines = sum(len(block) for block in blocks)
    shown = sum(1 for line in LINE.finditer(sample) if line.group().strip())
    return (
        len(counts) >= 2
        and lines >= _FIELD_SHARE * shown
        and len(flat) >= _FIELD_SHARE * (lines - len(blocks))
        and known >= _KNOWN_SHARE * (lines - len(blocks))
        and openness(flat) <= _MOST_OPENNESS
    )


def read_lines(text: str) -> Structure:
    """Each line with what is indented below it: it says what it says by itself, or not at all."""
    sections = Sections(text, leaf_level=1)
    for found in LINE.finditer(text):
        if found.group().strip() and not found.group()[0].isspace():
            sections.open(1, found.start(), None)
    return build("lines", sections.all())


def has_alike_lines(sample: str) -> bool:
    """Whether most lines open alike, with a number or a mark, as the lines of a log of unknown form do."""
    lines = [line for line in sample.splitlines() if line.strip() and not line[0].isspace()]
    if len(lines) < _FEWEST_ALIKE:
        return False
    shapes = Counter(_shape(line) for line in lines)
    [(shape, times)] = shapes.most_common(1)
    return times >= _ALIKE_SHARE * len(lines) and _TELLING.search(shape) is not None


def _shape(line: str) -> str:
    """How a line opens: its marks, with every word and number as one letter or digit."""
    return _RUN.sub(lambda run: "0" if run[0][0].isdigit() else "a", line[:40])[:_SHAPE_CHARS]


def _blocks(text: str) -> Iterator[_Block]:
    """Runs of lines between empty ones."""
    block: _Block = []
    for line in LINE.finditer(text):
        if line.group().strip():
            block.append(line.span())
        elif block:
            yield block
            block = []
    if block:
        yield block


def _keys(text: str, block: _Block) -> list[str]:
    found = (_FIELD.match(text, start, end) for start, end in block)
    return [match.group(1).strip().casefold() for match in found if match]
