"""Texts whose indentation says what belongs to what: a line heads what is indented below it.

So it is in drawn trees (`├── a`, `|-- a`, `->  Seq Scan`), whose strokes count as indentation.
"""

from __future__ import annotations

import re
from collections import Counter

from longattncomp_cli.core.text.structure.formats.lines import LINE, WHOLE_CHARS, end_of_name, trimmed_end
from longattncomp_cli.core.text.structure.units import Unit, heading_span

_CLOSES = re.compile(r"[\])}]|(?:end\w*|fi|done|esac)\b")
_REMARK = re.compile(r"(?:#|//|;|!|--)")
_OPENS = re.compile(r"[(\[=][ \t]*$|\([^()\n]*$")
_NEAR_CHARS = 160
_FIELD = re.compile(r"[A-Za-z][\w .()/-]{0,40}[:=](?:\s|$)")
_PAIR = re.compile(r"[A-Za-z][\w-]*(?:[ \t]+[^\s.,;!?]\S*){1,4}(?<![.,;!?])")
_FIELD_SHARE = 0.9
_FIELDS_INDENTED = 0.25
_FEWEST_BLOCKS = 3
_HEAD_SHARE = 0.8
_OPENING_SHARE = 0.25
_INDENTED_SHARE = 0.35
_BRACES = 0.05
_MOST_DEPTH = 8
_SMALL_CHARS = 500
_NODE = re.compile(r"^[ \t│┃|]*(?:[├└╰][─╌]+┬?|[|`+\\]-{1,3}|\*-|->)[ \t]*[^\W_]", re.MULTILINE)
_STROKES = re.compile(r"(?:(?!->)[\s│┃├└╰┬─╌|`+\\-])*")
_FEWEST_NODES = 3
_NODE_SHARE = 0.2


def indented_blocks(text: str) -> list[Unit]:
    """Lines with what is indented below them, level by level, and with the name on the first lines below.

    Where an empty line comes between, it is the paragraph's first line that heads. Remarks belong to the line
    below them, a closing bracket to what it closes.
    """
    lines = [found.span() for found in LINE.finditer(text)]
    drawn = is_drawn(text)
    begins: dict[int, int] = {}
    stops: dict[int, int] = {}
    holders: set[int] = set()
    opened: list[tuple[int, int]] = []
    paragraph = begin = before = 0
    last, was, is_closing = -1, -1, False
    for number, (start, end) in enumerate(lines):
        indent = _indent(text, start, end, drawn=drawn)
        if indent is None:
            continue
        is_apart, before = number > before + 1, number
        begin = number if is_apart else begin
        if _REMARK.match(text, start + indent):
            continue
        closes = _CLOSES.match(text, start + indent) is not None
        while opened and opened[-1][0] >= indent + closes:
            stops[opened.pop()[1]] = last
        if 0 <= was < indent and len(opened) < _MOST_DEPTH and not is_closing:
            holders.update(head for _, head in opened[-1:])
            opened.append((was, paragraph if is_apart else last))
        paragraph = number if is_apart or indent != was else paragraph
        begins[number], begin = begin, number + 1
        last, was, is_closing = number, indent, closes
    stops.update((head, last) for _, head in opened)
    units = []
    for head, last in stops.items():
        start, end = lines[head][0], trimmed_end(text, *lines[head])
        own, stop = lines[begins[head]][0], trimmed_end(text, start, lines[last][1])
        heading = heading_span(text, start, end_of_name(text, start, end, stop))
        most = _SMALL_CHARS if head in holders else WHOLE_CHARS
        units.append(Unit(own, stop, heading, leaf=stop - own <= most))
    return units


def _indent(text: str, start: int, end: int, *, drawn: bool) -> int | None:
    """How far a line is indented, in a drawn tree with its strokes; ``None`` where it is empty."""
    line = text[start:end]
    strokes = _STROKES.match(line) if drawn else None
    stripped = line[strokes.end() :] if strokes else line.lstrip(" \t")
    return len(line) - len(stripped) if stripped.strip() else None


def is_drawn(sample: str) -> bool:
    """Whether strokes before its lines draw a tree."""
    nodes = sum(1 for _ in _NODE.finditer(sample))
    return nodes >= _FEWEST_NODES and nodes >= _NODE_SHARE * sum(1 for _ in LINE.finditer(sample))


def has_indented_blocks(sample: str) -> bool:
    """Whether most lines at the margin have lines indented below them, and these are many.

    Of lines that open a bracket which others below close, fewer do: statements of one line stand between. So
    do fields in what tools print: ``Node: n17``, then ``Containers:`` with more below.
    """
    lines = [line.rstrip() for line in sample.splitlines() if line.strip() and not _REMARK.match(line)]
    margin = [
        number for number, line in enumerate(lines) if not line[0].isspace() and not _CLOSES.match(line)
    ]
    heads = [number for number in margin if number + 1 < len(lines) and lines[number + 1][0].isspace()]
    opening = sum(1 for number in heads if _OPENS.search(lines[number]))
    has_braces = sum(line.endswith("{") for line in lines) > _BRACES * len(lines)
    share = _HEAD_SHARE if has_braces or opening < _HEAD_SHARE * len(heads) else _OPENING_SHARE
    indented = sum(1 for line in lines if line[0].isspace())
    if _are_fields(lines, margin, heads):
        share = 0.0
    longest = max((len(line) for line in lines), default=0)
    return (
        len(heads) >= _FEWEST_BLOCKS
        and len(heads) >= share * len(margin)
        and indented >= (_INDENTED_SHARE if share else _FIELDS_INDENTED) * len(lines)
        and longest <= 4 * _NEAR_CHARS
        and not any(lines[number][0] in "-*•+|>" for number in margin)
    )


def _are_fields(lines: list[str], margin: list[int], heads: list[int]) -> bool:
    """Whether the lines at the margin are short fields, with colons or with heads that open alike."""
    fields = sum(_FIELD.match(lines[number]) is not None for number in margin)
    pairs = sum(_PAIR.fullmatch(lines[number]) is not None for number in margin)
    openings = Counter(lines[number].split()[0] for number in heads)
    is_alike = bool(heads) and 2 * openings.most_common(1)[0][1] > len(heads)
    return fields >= _FIELD_SHARE * len(margin) or (is_alike and fields + pairs >= _FIELD_SHARE * len(margin))
