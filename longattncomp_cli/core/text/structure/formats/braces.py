"""Code and settings in braces: a block is headed by what stands before its brace, wherever that brace is.

Strings and comments are skipped as most such languages write them; indentation is only read where the braces
of a text do not pair (a part of a file, a string that was misread).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from longattncomp_cli.core.text.structure.formats.lines import (
    WHOLE_CHARS,
    comments_begin,
    end_of_name,
    is_comment,
    trimmed_end,
)
from longattncomp_cli.core.text.structure.units import Structure, Unit, build, heading_span

_TOKEN = re.compile(
    r"(?P<skip>/\*(?s:.*?)(?:\*/|\Z)|(?<!:)//[^\n]*"
    r"|^[ \t]*#(?:[\s!#/*=-]|(?:region|if|else|elif|end|define|undef|include|import|pragma|warning)\b)[^\n]*"
    r"|(?<=\s)#[ ][^\n]*"
    r'|"""(?s:.*?)"""|@"(?:[^"]|"")*+"|"(?:[^"\\\n]|\\.)*+"'
    r"|'(?:[^'\\\n]|\\.)*+'|`[^`\n]*`)|[{};()\[\]]",
    re.MULTILINE,
)


_HOLDER = re.compile(
    r"\s*(?:@?[\w.<>\"]+(?:\([^)]*\))?\s+){0,8}?"
    r"(?:class|struct|interface|trait|namespace|enum|object(?!\s+\w+\s*\()|extension|protocol|module|package"
    r"|actor|mixin|library|contract|impl|union|record)\b(?!\s*[(=.:,])"
)


# A line that goes on from the one above, and one that goes on below.
_CONTINUES = re.compile(r"\s*(?:[)\]:,=.&|?+]|->|(?:where|throws|extends|implements|with|returns)\b|$)")


_GOES_ON = re.compile(r"(?:[,(=&|+]|->|\b(?:implements|extends|with|where))\s*\Z")


_OF_VALUE = re.compile(r"(?:[=:]|\breturn)\s*\Z")


_STATEMENT = re.compile(r"\n[ \t]*(?=\S)")


_MOST_HEADER_LINES = 40
_MOST_WIDTH = 200
_MOST_DEPTH = 10
_BRACE_SHARE = 0.08
_LONG_CHARS = 3_000
"""A block longer than this is no unit to keep whole; what it holds has headings of its own."""


# A block that is a part of a description (``stages``, ``stage('Ship')``), no function and no branch.
_PART = re.compile(
    r"\s*(?!(?:if|else|elseif|for|foreach|while|do|switch|case|when|try|catch|finally|loop|unsafe|init|get|set|with"
    r"|repeat|match|select|defer|begin|default|return|lambda|static)\b)"
    r"\w+(?:\s*\(\s*(?:'[^'\n]*'|\"[^\"\n]*\")\s*\)|\s+(?:'[^'\n]*'|\"[^\"\n]*\"))?\s*"
)
_LONG_PART_CHARS = 600


@dataclass
class _Block:
    """A pair of braces: where its comments, its own first line, its brace and its end are."""

    start: int
    own: int
    brace: int
    end: int
    parent: int


def is_braced(text: str) -> bool:
    """Whether lines rather end in an opening brace, or are one, than that they say ``end``."""
    opening = len(re.findall(r"\{[ \t]*(?:(?://|#)[^\n]*)?$", text, re.MULTILINE))
    closing = len(re.findall(r"^[ \t]*\}", text, re.MULTILINE))
    words = len(re.findall(r"^[ \t]*(?:end|fi|done|esac)\b", text, re.MULTILINE))
    return min(opening, closing) > words


def has_brace_blocks(text: str) -> bool:
    """Whether a good part of the lines open or close braces, and as many open as close."""
    opening = len(re.findall(r"\{[ \t]*$", text, re.MULTILINE))
    closing = len(re.findall(r"^[ \t]*\}[\])},;]*[ \t]*$", text, re.MULTILINE))
    lines = sum(1 for line in text.splitlines() if line.strip())
    return min(opening, closing) >= 3 and opening + closing >= _BRACE_SHARE * lines


def read_code(text: str) -> Structure:
    """Classes hold methods; what else stands in braces is one unit, unless it is long."""
    units: list[Unit] = []
    steps: list[int] = []
    held: set[int] = {-1}
    blocks = _blocks(text)
    holders = {block.parent for block in blocks}
    depths: list[int] = []
    for index, block in enumerate(blocks):
        depths.append(1 + (depths[block.parent] if block.parent >= 0 else 0))
        if block.parent not in held or depths[index] > _MOST_DEPTH or _is_one_line(text, block):
            continue
        is_holder = _HOLDER.match(text, block.own, min(block.brace, block.own + 400)) is not None
        holds = is_holder or (index in holders and (_is_value(text, block) or _is_long_part(text, block)))
        if holds or block.end - block.start > _LONG_CHARS:
            held.add(index)
        heading = heading_span(text, block.own, _heading_end(text, block))
        units.append(Unit(block.start, block.end, heading, leaf=index not in held))
        if index not in held:
            steps += [found.start() + 1 for found in _STATEMENT.finditer(text, block.brace, block.end)]
    return build("code", units, steps)


def read_settings(text: str) -> Structure:
    """Blocks of HCL, nginx, CSS, Protocol Buffers: all are headed, small ones that hold none stay whole."""
    units: list[Unit] = []
    blocks = _blocks(text)
    holders = {block.parent for block in blocks}
    depths: list[int] = []
    for index, block in enumerate(blocks):
        depths.append(1 + (depths[block.parent] if block.parent >= 0 else 0))
        if depths[index] > _MOST_DEPTH or _is_one_line(text, block):
            continue
        named = end_of_name(text, block.own, block.brace, block.end)
        if block.own == block.brace == named:
            continue
        whole = index not in holders and block.end - block.start <= WHOLE_CHARS
        named = max(named, _heading_end(text, block))
        units.append(Unit(block.start, block.end, heading_span(text, block.own, named), leaf=whole))
    return build("settings", units)


def _heading_end(text: str, block: _Block) -> int:
    """Where the line ends that heads a block: behind its brace, where that is on the same line."""
    stop = trimmed_end(text, block.own, block.brace)
    return block.brace + 1 if text.find("\n", stop, block.brace) < 0 or stop == block.own else block.brace


def _is_value(text: str, block: _Block) -> bool:
    """Whether what stands in braces is assigned, returned or a member: data, not statements."""
    return _OF_VALUE.search(text, max(block.own, block.brace - 20), block.brace) is not None


def _is_long_part(text: str, block: _Block) -> bool:
    """Whether a block is a part of a description that holds further ones, and no small one."""
    is_long = block.end - block.start > _LONG_PART_CHARS
    return is_long and _PART.fullmatch(text, block.own, block.brace) is not None


def _is_one_line(text: str, block: _Block) -> bool:
    return text.find("\n", block.brace, block.end) < 0


def _blocks(text: str) -> list[_Block]:
    """All pairs of braces by where they open, by brackets alone or, where these do not pair, by lines too."""
    blocks, is_paired = _paired(text, by_lines=False)
    return blocks if is_paired else _paired(text, by_lines=True)[0]


def _paired(text: str, *, by_lines: bool) -> tuple[list[_Block], bool]:
    blocks: list[_Block] = []
    open_blocks: list[int] = []
    is_paired = True
    parens = [0]
    before: list[int] = []
    boundary = 0
    for token in _TOKEN.finditer(text):
        mark, at = token.group(), token.start()
        if token.group("skip") is not None:
            continue
        if mark in "([":
            parens[-1] += 1
        elif mark in ")]":
            parens[-1] = max(0, parens[-1] - 1)
        elif mark == ";":
            boundary = boundary if parens[-1] else at + 1
        elif mark == "{":
            before.append(boundary if parens[-1] else -1)
            own = _header_begin(text, boundary, at) if len(open_blocks) < _MOST_DEPTH else at
            start = comments_begin(text, own, boundary) if text[own - 1 : own] in ("", "\n") else own
            blocks.append(_Block(start, own, at, len(text), open_blocks[-1] if open_blocks else -1))
            open_blocks.append(len(blocks) - 1)
            parens.append(0)
            boundary = at + 1
        else:
            boundary = at + 1 + (text[at + 1 : at + 2] in (",", ";"))
            closes = (
                _num_closed(text, at, [blocks[i] for i in open_blocks[-_MOST_DEPTH:]])
                if by_lines and open_blocks
                else 1
            )
            is_paired = is_paired and bool(open_blocks)
            for _ in range(min(closes, len(open_blocks))):
                block = blocks[open_blocks.pop()]
                block.end = at + 1
                parens.pop()
                kept = before.pop()
                if kept >= 0 and text.find("\n", block.brace, at) < 0:
                    boundary = kept  # braces among parameters, on one line, end no statement
    end = trimmed_end(text, 0, len(text))
    for index in open_blocks:
        blocks[index].end = end
    return blocks, is_paired and not open_blocks


def _num_closed(text: str, at: int, open_blocks: list[_Block]) -> int:
    """How many blocks a closing brace ends: where it opens its line, down to the one as far indented."""
    width = _width(text, at)
    if width is None:
        return 1
    for number, block in enumerate(reversed(open_blocks), start=1):
        begin = block.own
        while begin < block.brace and text[begin] in " \t":
            begin += 1
        if _width(text, begin) == width:
            return number
    return 1


def _width(text: str, at: int) -> int | None:
    """How far what opens its line is indented."""
    before = text[max(0, at - _MOST_WIDTH) : at].rpartition("\n")[2]
    return None if before.strip() else len(before)


def _header_begin(text: str, boundary: int, brace: int) -> int:
    """Where the statement begins whose body a brace opens: on its line, or on those that it goes on from.

    Args:
        text: the whole text.
        boundary: where the statement, brace or bracket before it ends.
        brace: the opening brace.
    """
    begin = max(boundary, text.rfind("\n", boundary, brace) + 1)
    line = text[begin:brace]
    missing = _closing(line)
    for _ in range(_MOST_HEADER_LINES):
        above = max(boundary, text.rfind("\n", boundary, begin - 1) + 1)
        if above >= begin:
            break
        upper = text[above : begin - 1]
        goes_on = missing > 0 or _CONTINUES.match(line) or _GOES_ON.search(upper[-_MOST_WIDTH:])
        if not goes_on or not upper.strip() or (missing <= 0 and is_comment(upper, 0, len(upper))):
            break
        missing += _closing(upper)
        begin, line = above, upper
    if begin == boundary or not line.strip():
        while begin < brace and text[begin].isspace():
            begin += 1
    return begin


def _closing(line: str) -> int:
    """By how many round brackets more are closed in a line than opened."""
    return line.count(")") - line.count("(")
