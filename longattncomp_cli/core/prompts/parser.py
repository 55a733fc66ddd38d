"""Find the query in a whole prompt: what is kept before it, the context, and what is kept after it.

``auto`` tries chat markup, then the benchmarks' layouts, then general ones, the specific before the
general; it takes nothing for a query that does not look like one. ``tail`` takes the last tokens.
Searches are literal or bound to the ends of the prompt: linear in its length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from longattncomp_cli.core.inputs.messages import prompt_text
from longattncomp_cli.core.prompts.chat_turns import Turn, find_turns
from longattncomp_cli.core.prompts.layouts.asking import QUERY_CHARS, meaning
from longattncomp_cli.core.prompts.layouts.benchmarks import LAYOUTS
from longattncomp_cli.core.prompts.layouts.general import match_general
from longattncomp_cli.core.prompts.layouts.instructions import instruction_length
from longattncomp_cli.core.prompts.layouts.layout import Split, match_layout
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.errors import InputError, UsageError


@dataclass(frozen=True)
class ParsedPrompt:
    """A prompt taken apart.

    Attributes:
        context: the range to compress; the text before and after it is kept verbatim.
        query: what relevance is judged against: lines of the kept text.
        parser: ``auto:<layout>`` or ``tail``.
    """

    context: Span
    query: str
    parser: str


def parse_prompt(
    text: str,
    *,
    parser: Literal["auto", "tail"],
    tail_tokens: int,
    token_starts: Callable[[str], Sequence[int]],
) -> ParsedPrompt:
    """Find the context and the query of a whole prompt.

    Args:
        text: the prompt.
        parser: ``auto`` recognises layouts; ``tail`` takes the last tokens for the query.
        tail_tokens: how many tokens ``tail`` takes, 1 or more.
        token_starts: gives the start offset of each backbone token of a text.

    Raises:
        InputError: there is no query (``no-query``), or nothing but one (``empty-context``).
        UsageError: ``tail_tokens`` is below 1.
    """
    if not text.strip():
        raise InputError("the prompt is empty", code="empty-context")
    parsed = _parse_tail(text, tail_tokens, token_starts) if parser == "tail" else _parse_auto(text)
    if not text[parsed.context.start : parsed.context.end].strip():
        raise InputError(
            f"the prompt holds a query and no context (parser {parsed.parser})",
            hint="give the context too, or pass the query with -q/--query",
            code="empty-context",
        )
    return parsed


def _parse_tail(text: str, tail_tokens: int, token_starts: Callable[[str], Sequence[int]]) -> ParsedPrompt:
    if tail_tokens < 1:
        raise UsageError(
            f"a tail of {tail_tokens} tokens holds no query", hint="take 1 or more", code="bad-tail"
        )
    # Most texts need no more than their end; one of very long tokens is read whole.
    window = max(0, len(text.rstrip()) - 64 * tail_tokens - 256)
    starts = token_starts(text[window:])
    if window and len(starts) <= tail_tokens + 1:
        window, starts = 0, token_starts(text)
    cut = window + starts[-tail_tokens] if len(starts) > tail_tokens else 0
    return ParsedPrompt(Span(0, cut), text[cut:].strip(), "tail")


def _parse_auto(text: str) -> ParsedPrompt:
    if prompt_text(text) is not text:
        raise InputError(
            "the prompt is a JSON array of chat messages, not a text",
            hint="give it as the 'prompt' field of a record, or flatten it first",
            code="no-query",
        )
    chat = find_turns(text)
    found = _match_chat(text, *chat) if chat else match_body(text)
    if found is None:
        raise InputError(
            "found no query in the prompt",
            hint="pass it with -q/--query, or take the prompt's last tokens with --query-parser tail",
            code="no-query",
        )
    name, split = found
    query = meaning(text[split.query_start : split.query_end])
    return ParsedPrompt(_trimmed(text, split.start, split.end), query, f"auto:{name}")


def _trimmed(text: str, start: int, end: int) -> Span:
    """Leave the white space at both ends of the context to the kept text."""
    body = text[start:end]
    if not body.strip():
        return Span(start, start)
    return Span(end - len(body.lstrip()), start + len(body.rstrip()))


def _match_chat(text: str, name: str, turns: list[Turn]) -> tuple[str, Split] | None:
    """The last user turn asks, about itself or about the longest turn before it."""
    users = [turn for turn in turns if turn.role == "user" and text[turn.start : turn.end].strip()]
    if not users:
        return None
    asked = users[-1]
    context = max((turn for turn in turns if turn.end <= asked.start), key=len, default=asked)
    if len(context) > len(asked) and len(asked) <= QUERY_CHARS and meaning(text[asked.start : asked.end]):
        start = context.start
        if context.role == "system":
            start += instruction_length(text[context.start : context.end])
        return name, Split(start, context.end, asked.start, asked.end)
    found = match_body(text[asked.start : asked.end])
    if found is None:
        return None
    layout, split = found
    offsets = (split.start, split.end, split.query_start, split.query_end)
    return f"{name}+{layout}", Split(*(asked.start + offset for offset in offsets))


def match_body(text: str) -> tuple[str, Split] | None:
    """Split what is no chat by the first layout that fits; returns the layout's name too."""
    for layout in LAYOUTS:
        split = match_layout(layout, text)
        if split is not None and meaning(text[split.query_start : split.query_end]):
            return layout.name, split
    return match_general(text)
