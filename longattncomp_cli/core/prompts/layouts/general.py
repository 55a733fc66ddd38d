"""The general prompt layouts: a question or an order at either end of a text, or outside its tags.

They look at most ``TAIL_CHARS`` from an end, and each asks for a sign that somebody wants something: a
label (``Question:``), a question mark, an order. Text without one has no query.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from longattncomp_cli.core.prompts.layouts.asking import (
    OPTION,
    ORDER,
    QUERY_CHARS,
    is_answered,
    is_boilerplate,
    looks_asked,
    meaning,
    wants,
)
from longattncomp_cli.core.prompts.layouts.instructions import (
    PARAGRAPH_CHARS,
    closing_start,
    following_instructions,
    instruction_length,
)
from longattncomp_cli.core.prompts.layouts.layout import HEAD_CHARS, TAIL_CHARS, Split, last_match

_TAGS = (
    *("text", "context", "document", "documents", "passages", "article", "code", "transcript", "notes"),
    *("source", "sources", "docs", "data", "input", "log", "report", "email", "book", "content"),
)
_LABEL = re.compile(
    r"(?m)^[ \t#*_]{0,8}(?:Question|QUESTION|Query|QUERY|User question|Q|问题|質問"
    r"|(?:question|query)(?=[:：][^\n]{0,1000}[?？]\s?$))[*_]{0,2} ?[:：][*_]{0,2}"
)
_BLANK_LINE = re.compile(r"\n[ \t]*\r?\n")
_ASKING = re.compile(
    r"(?:what|which|who|whom|whose|when|where|why|how|is|are|was|were|do|does|did|can|could|should|would|will|has|"
    r"have|in|on|at|for|according|given|based|under|from|of|to)\b",
    re.I,
)
_ABOUT_INPUT = re.compile(
    r"\b(?:following|below|this (?:text|book|document|code|report|article|passage|file|transcript|log))\b",
    re.I,
)
_ANSWER_THE_QUESTION = re.compile(
    r"[^\n?]{0,160}\banswer [^\n?]{0,60}question\b[^\n?:：.]{0,160}[:：.]", re.I
)
_ENDS = 2
"""Paragraphs from either end of a turn that may be its question."""


def match_general(text: str) -> tuple[str, Split] | None:
    """Split ``text`` by the first general layout that fits; returns its name too."""
    for name, match in _LAYOUTS:
        split = match(text)
        if split is not None and meaning(text[split.query_start : split.query_end]):
            end = split.end
            if end == len(text):
                end = closing_start(text, split.start, _without_trailer(text))
            return name, Split(split.start, max(split.start, end), split.query_start, split.query_end)
    return None


def match_turn(text: str) -> tuple[str, Split] | None:
    """Split a turn of somebody who wants something: by the paragraph at an end that asks anywhere in it.

    The outermost come first, of two the last one; what stands outside of it is kept.
    """
    ends = [
        _BLANK_LINE.finditer(text, max(0, len(text) - TAIL_CHARS)),
        _BLANK_LINE.finditer(text, 0, HEAD_CHARS),
    ]
    last, first = [[0, *(found.end() for found in each), len(text)] for each in ends]
    stop = len(text.rstrip())
    last = [start for start in last if start <= stop]
    for depth in range(1, _ENDS + 1):
        if len(last) > depth and wants(text[last[-depth] : stop if depth == 1 else last[1 - depth]]):
            return "last-paragraph", Split(0, last[-depth], last[-depth], len(text))
        if len(first) > depth and wants(text[first[depth - 1] : first[depth]]):
            return "first-paragraph", Split(first[depth], len(text), first[depth - 1], first[depth])
    return None


def _match_tagged(text: str) -> Split | None:
    for tag in _TAGS:
        opener = text.find(f"<{tag}>", 0, HEAD_CHARS)
        end = text.rfind(f"</{tag}>", max(0, len(text) - TAIL_CHARS))
        start, after = opener + len(tag) + 2, end + len(tag) + 3
        stands_alone = text[opener - 1 : opener].isspace() or opener == 0
        if opener < 0 or end < start or not stands_alone or text[after : after + 1].strip():
            continue
        label = _last_label(text, after)
        if label is None and len(text) - after <= QUERY_CHARS and meaning(text[after:]):
            label = after
        if label is not None:
            return Split(start, end, label, len(text))
        label = _last_label(text[:opener], 0)
        if label is not None or looks_asked(meaning(text[:opener])):
            return Split(start, end, label or 0, opener)
    return None


def _match_question_last(text: str) -> Split | None:
    label = _last_label(text, max(0, len(text) - HEAD_CHARS))
    if label is None or len(text) - label > QUERY_CHARS or is_answered(text[label:]):
        return None
    line = text.rfind("\n", 0, label) + 1
    if not text[:line].strip():
        return None
    asked_to = closing_start(text, label, len(text))
    return Split(instruction_length(text[:line]), line, label, asked_to)


def _match_question_first(text: str) -> Split | None:
    first = _first(text)
    label = _LABEL.match(text, first)
    pointer = None if label else _ANSWER_THE_QUESTION.match(text, first, first + PARAGRAPH_CHARS)
    if label or pointer:
        asked = _skip_space(text, (label or pointer).end())  # type: ignore[union-attr]
        label = label or _LABEL.match(text, asked)
        asked = _skip_space(text, label.end()) if label else asked
        stop = _question_end(text, asked)
        if is_answered(text[asked:stop]) or not (label or looks_asked(text[asked:stop])):
            return None
        return Split(following_instructions(text, stop), len(text), asked, stop)
    stop = _paragraph_end(text, first)
    if (
        stop - first <= PARAGRAPH_CHARS
        and ORDER.match(text, first)
        and _ABOUT_INPUT.search(text, first, stop)
    ):
        return Split(following_instructions(text, stop), len(text), first, stop)
    return None


def _match_last_paragraph(text: str) -> Split | None:
    stop = _without_trailer(text)
    rules = closing_start(text, 0, stop)
    if text[:rules].rstrip().endswith(("?", "？")):
        stop = len(text[:rules].rstrip())
    start, line = _paragraph_start(text, stop), text.rfind("\n", 0, stop) + 1
    asks = looks_asked(text[line:stop]) and _ASKING.match(text, line) and text[line].isupper()
    if asks and text[start:line].rstrip().endswith((".", "!", '"')):
        start = line
    elif not looks_asked(text[start:stop]):
        return None
    return Split(instruction_length(text[:start]), start, start, stop)


def _match_first_paragraph(text: str) -> Split | None:
    first = _first(text)
    stop = _question_end(text, first)
    line = text[first:stop].split("\n", 1)[0].strip()
    if (
        not line.endswith(("?", "？"))
        or not looks_asked(line)
        or (line.isascii() and not _ASKING.match(line))
    ):
        return None
    return Split(following_instructions(text, stop), len(text), first, stop)


def _last_label(text: str, low: int) -> int | None:
    found = last_match(_LABEL, text, low, len(text))
    return found.end() if found and text[found.end() :].strip() else None


def _first(text: str) -> int:
    return len(text) - len(text.lstrip())


def _skip_space(text: str, start: int) -> int:
    window = text[start : start + QUERY_CHARS]
    return start + len(window) - len(window.lstrip())


def _paragraph_end(text: str, start: int) -> int:
    """The next blank line, or where none is near, the line's end."""
    blank = _BLANK_LINE.search(text, start, start + QUERY_CHARS)
    if blank:
        return blank.end()
    if len(text) - start <= PARAGRAPH_CHARS:
        return len(text)
    return text.find("\n", start, start + QUERY_CHARS) + 1 or len(text)


def _paragraph_start(text: str, stop: int) -> int:
    low = max(0, stop - QUERY_CHARS)
    found = last_match(_BLANK_LINE, text, low, stop)
    return found.end() if found else low


def _question_end(text: str, start: int) -> int:
    """The end of a question's line with the options under it, else of its paragraph."""
    stop = text.find("\n", start, start + QUERY_CHARS) + 1
    if not stop or not text[start:stop].rstrip().endswith(("?", "？")):
        return _paragraph_end(text, start)
    at = stop
    for _ in range(20):
        line_end = text.find("\n", at, at + QUERY_CHARS) + 1
        if not line_end or (text[at:line_end].strip() and not OPTION.match(text, at)):
            break
        stop = line_end if text[at:line_end].strip() else stop
        at = line_end
    return stop


def _without_trailer(text: str) -> int:
    """The end of ``text`` without labels such as ``Answer:`` on its last lines."""
    stop = len(text.rstrip())
    for _ in range(3):
        line = text.rfind("\n", max(0, stop - HEAD_CHARS), stop) + 1
        if line == 0 or not is_boilerplate(text[line:stop]):
            break
        stop = len(text[:line].rstrip())
    return stop


_LAYOUTS: tuple[tuple[str, Callable[[str], Split | None]], ...] = (
    ("tagged", _match_tagged),
    ("question-last", _match_question_last),
    ("question-first", _match_question_first),
    ("last-paragraph", _match_last_paragraph),
    ("first-paragraph", _match_first_paragraph),
)
