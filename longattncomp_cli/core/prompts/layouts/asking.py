"""Which texts ask for something, and which of their lines only say how to answer.

A text asks where it ends in a question mark or begins with an order. Lines about the form of the answer
("be concise", ``Answer:``) ask nothing, and nor does a question that its answer follows.
"""

from __future__ import annotations

import re

from longattncomp_cli.core.prompts.layouts.instructions import PARAGRAPH_CHARS

QUERY_CHARS = 4_000
"""The longest marked query."""

_ANSWERED = re.compile(
    r"(?m)(?:^|[?？.。 ])[ \t]{0,4}(?:Answer|ANSWER|回答|答案|答)[ \t]?[:：][ \t]{0,4}(\S.{0,40})"
)
_ANSWERED_BRIEFLY = re.compile(r"(?m)^A: ?\S")
OPTION = re.compile(r"[ \t]{0,4}[(\[]?[A-Ja-j1-9][)\].:、]")
"""Opens one of the answers to choose from."""
ORDER = re.compile(
    r"(?:please\s|now,?\s|(?:using|based on|from|according to|with|in)\b[^\n,.?!:]{1,80},\s)?"
    r"(?:answer|say|summari[sz]e|explain|list|find|describe|identify|extract|translate|compare|name|"
    r"tell|give|determine|write|state|show|review|classify|count|outline|discuss|analy[sz]e|provide)\s"
    r"(?:the|all|every|each|any|an?|me|us|to|how|what|which|why|who|when|where|whether|this|these|those|following|"
    r"briefly|in|its?|up|at|two|three|five|ten|\d{1,3})\b",
    re.I,
)
"""Opens a sentence that orders something."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。？！])|\n")
_LABELS_ONLY = frozenset(
    {"answer", "a", "response", "summary", "type", "assistant", "final answer", "your answer"}
    | {"回答", "答案", "答案是", "答"}
)
_BOILERPLATE = (
    "answer: let", "format your response", "be concise", "be very concise", "be brief",
    "only give me", "only one of the following options is correct", "only output", "just say",
    "don't say anything else", "do not provide any explanation", "do not output any other",
    "let's think", "let’s think", "think step by step", "please answer", "please respond",
    "please think", "answer briefly", "answer concisely", "answer in ", "answer with ",
    "reply with", "respond with", "respond in", "the answer is", "the final answer is",
    "the letter of the correct answer", "the correct option is", "请尽量简短地回答",
)  # fmt: skip
_TRAILERS = (" Answer:", " A:", " 回答：", " 答案：")


def meaning(raw: str) -> str:
    """Return the lines of a query that say what is asked, without those about the form of the answer."""
    lines = raw.strip().splitlines(keepends=True)
    text = "".join(line for line in lines if not is_boilerplate(line)).strip()
    for trailer in _TRAILERS:
        text = text.removesuffix(trailer).rstrip()
    return text


def is_boilerplate(line: str) -> bool:
    """Tell whether a line is about the form of the answer, or is the label that it is to follow."""
    plain = line.strip().strip("*_").lower()
    if plain.endswith(("?", "？")):
        return False
    if plain.endswith((":", "：")) and plain[:-1].rstrip() in _LABELS_ONLY:
        return True
    return plain.startswith(_BOILERPLATE)


def looks_asked(raw: str) -> bool:
    """Tell whether a paragraph asks (it, or what precedes its options, ends in a question mark) or orders."""
    query = meaning(raw)
    if not query or len(query) > PARAGRAPH_CHARS:
        return False
    lines = [line.rstrip() for line in query.splitlines()]
    asked = [line for line in lines if line and not OPTION.match(line)] or lines
    return asked[-1].endswith(("?", "？")) or ORDER.match(query) is not None


def is_answered(question: str) -> bool:
    """Tell whether an answer follows: a worked example or a list of questions and answers asks nothing."""
    found = _ANSWERED.search(question)
    if found and not is_boilerplate(found.group(1)) and not found.group(1).startswith(("<", "[", "_")):
        return True
    return _ANSWERED_BRIEFLY.search(question) is not None and "\nB:" not in question


def wants(paragraph: str) -> bool:
    """Whether a paragraph has a question in it, or a sentence that begins with an order."""
    if len(paragraph) > PARAGRAPH_CHARS:
        return False
    sentences = [meaning(each) for each in _SENTENCE_END.split(paragraph)]
    return any(each.endswith(("?", "？")) or ORDER.match(each) for each in sentences if each)
