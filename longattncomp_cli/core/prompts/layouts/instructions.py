"""Which paragraphs at the ends of a prompt tell the reader what to do: rules, formats, roles.

A paragraph does where it opens with an order and at least half of its sentences are orders, or where a
heading such as "Rules:" opens it. Only paragraphs next to an end, or next to others that do, are asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from longattncomp_cli.core.text.boundaries import sentence_starts

PARAGRAPH_CHARS = 1_000
"""The longest unmarked paragraph that is taken for a question or an order."""
INSTRUCTION_CHARS = 4_000
"""At either end, all of them together."""
# Under a heading of its own, what is this short is an order however it is put: "# Task", "Help the clerk."
_HEADED_CHARS = 300

_OPENING = re.compile(
    r"(?:please|you are|you will|your task|read|use|answer|below|here (?:is|are)|the following|given|"
    r"based on|consider|i will|instructions?:|task:|study|refer)\b",
    re.I,
)
_HEADING = re.compile(
    r"[#*_ \t]{0,6}(?:(?:general|answer|output|response|writing|house|ground)\s)?"
    r"(?:rules?|instructions?|guidelines?|constraints?|requirements?|format|style|important|task)"
    r"[*_ \t]{0,3}(?:[:：][*_]{0,2}|$)",
    re.I | re.M,
)
# On a line of its own, or before the first words of what it announces.
_CONTEXT_LABEL = re.compile(
    r"(?m)^[#*_ \t]{0,6}(?:context|documents?|passages?|articles?|transcripts?|sources?|excerpts?|input|text"
    r"|reports?|letters?|e-?mails?|minutes|logs?|contracts?|stor(?:y|ies)|conversation|background|material)"
    r"[*_]{0,2}[ \t]?[:：][*_]{0,2}[ \t]*(?:\r?\n)*",
    re.I,
)
# A worked example between the instructions and the context.
_EXAMPLE = re.compile(r"\s*[#*_ ]{0,5}examples?(?: \d{1,2})?[*_]{0,2} ?[:：.)\r\n]", re.I)
_BULLET = r"(?:[-*•–]|\(?\d{1,2}[.)]|[a-z]\))?[ \t*_]{0,4}"
_VERB = (
    "add|adopt|answer|apply|assume|avoid|base|begin|check|cite|consider|convert|copy|describe|end|ensure|exclude|"
    "explain|focus|follow|format|give|identify|ignore|include|insert|invent|keep|leave|limit|list|mention|name|omit|"
    "output|prefer|provide|put|quote|refer|refuse|rely|remember|remove|replace|reply|respond|return|round|say|"
    "separate|show|skip|sort|speak|start|state|stay|stick|summari[sz]e|tell|think|translate|treat|use|verify|wrap|"
    "write"
)
_SUBJECT = (
    "answers?|reply|replies|responses?|output|amounts?|dates?|names?|numbers?|prices?|quotes?|times?|units?|"
    "sentences?"
)
_ORDER = re.compile(
    rf"\s*{_BULLET}(?:please,?\s|also,?\s|finally,?\s|first,?\s|then,?\s)?"
    rf"(?:(?:{_VERB})\b(?![:’'])|never\b|always\b|do not\b|don['’]t\b|be (?!it\b)\w+|make sure\b"
    rf"|no (?:more|longer) than\b|only (?:{_VERB})\b|you (?:must|should|may|are|will|can|need)\b"
    r"|your (?:answer|reply|response|task|output|job)\b|no [\w -]{1,40}[.!]?\s*$|[\w -]{1,40} only[.!]?\s*$"
    rf"|(?:(?:the|each|every|all) )?(?:{_SUBJECT}) (?:must|should|has to|have to|may not)\b"
    r"|(?:if|when|where|unless|for) [^\n]{1,200}?[,:] (?:please |then )?"
    rf"(?:{_VERB}|do not|don['’]t|never)\b)",
    re.I,
)
_ITEM = re.compile(r"[ \t]*(?:[-*•–]|\(?\d{1,2}[.)])[ \t]")
_BLANK_LINE = re.compile(r"\n[ \t]*\r?\n")


def instruction_length(text: str) -> int:
    """Return the length of the instructions that open ``text``; 0 where it opens with something else."""
    first = len(text) - len(text.lstrip())
    blank = _BLANK_LINE.search(text, first, first + INSTRUCTION_CHARS)
    stop = blank.end() if blank else text.find("\n", first, first + INSTRUCTION_CHARS) + 1 or len(text)
    opens = _OPENING.match(text, first) or instructs(text[first:stop])
    if stop - first > PARAGRAPH_CHARS or not opens or not text[stop:].strip():
        return 0
    labelled = _CONTEXT_LABEL.search(text, stop, first + INSTRUCTION_CHARS)
    if labelled and text[labelled.end() :].strip():
        return labelled.end()
    return following_instructions(text, stop)


def following_instructions(text: str, start: int) -> int:
    """Where the instructions end that stand from ``start`` on, behind others or behind a question."""
    stop, is_listed = start, _follows_heading(text, 0, start)
    for low, high in _paragraphs(text, start, min(len(text), start + INSTRUCTION_CHARS)):
        paragraph = text[low:high]
        is_headed = is_listed and (_is_list(paragraph) or len(paragraph) <= _HEADED_CHARS)
        is_order = instructs(paragraph) or is_headed or _EXAMPLE.match(paragraph)
        if not text[high:].strip() or not is_order:
            break
        is_listed = _HEADING.fullmatch(paragraph.strip()) is not None
        stop = high
    return stop


def closing_start(text: str, start: int, end: int) -> int:
    """Where the instructions begin that close ``text[start:end]``; ``end`` where there are none."""
    low = max(start, end - INSTRUCTION_CHARS)
    begin = end
    for first, last in reversed(list(_paragraphs(text, low, end))):
        paragraph = text[first:last]
        if first == low > start or not text[start:first].strip():
            break
        if instructs(paragraph):
            begin = first
        elif not (_is_list(paragraph) and _follows_heading(text, low, first)):
            break
    return begin


def _follows_heading(text: str, low: int, start: int) -> bool:
    before = text[low:start].rstrip()
    return _HEADING.fullmatch(before[before.rfind("\n") + 1 :].strip()) is not None


def instructs(paragraph: str) -> bool:
    """Whether a paragraph tells what to do."""
    body = paragraph.strip()
    if not body or len(body) > INSTRUCTION_CHARS:
        return False
    if _HEADING.match(body):
        return len(body) <= PARAGRAPH_CHARS or _is_list(body)
    if len(body) > PARAGRAPH_CHARS:
        return False
    lines = body.splitlines()
    if sum(1 for line in lines if _ITEM.match(line)) > len(lines) / 2:
        said = lines
    else:
        starts = [0, *sentence_starts(body).tolist(), len(body)]
        said = [body[a:b] for a, b in pairwise(starts) if body[a:b].strip()]
    orders = [_ORDER.match(each) is not None for each in said]
    return (orders[0] or lines[0].rstrip().endswith(":")) and 2 * sum(orders) >= len(orders)


def _is_list(paragraph: str) -> bool:
    """Whether all lines but the first are items."""
    lines = [line for line in paragraph.strip().splitlines() if line.strip()]
    return len(lines) > 0 and all(_ITEM.match(line) or line.startswith((" ", "\t")) for line in lines[1:])


def _paragraphs(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Paragraphs of ``text[start:end]`` with the blank lines behind them."""
    low = start
    for blank in _BLANK_LINE.finditer(text, start, end):
        if text[low : blank.start()].strip():
            yield low, blank.end()
            low = blank.end()
    if text[low:end].strip():
        yield low, end
