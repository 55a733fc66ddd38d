"""Chats as text: the turns of chat-template markup, and messages written as such markup."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPENING_CHARS = 400
"""Markup counts only where a prompt opens with it, so that documents about markup are left alone."""


@dataclass(frozen=True)
class Turn:
    """One message of a chat: ``text[start:end]`` is what ``role`` said."""

    role: str
    start: int
    end: int

    def __len__(self) -> int:
        """Return the number of characters."""
        return self.end - self.start


@dataclass(frozen=True)
class _Markup:
    name: str
    header: re.Pattern[str]
    closers: tuple[str, ...] = ()


_MARKUPS = (
    _Markup("chatml", re.compile(r"<\|im_start\|>(\w{1,20})\r?\n"), ("<|im_end|>",)),
    _Markup(
        "llama3", re.compile(r"<\|start_header_id\|>(\w{1,20})<\|end_header_id\|>\s{0,4}"), ("<|eot_id|>",)
    ),
    _Markup("gemma", re.compile(r"<start_of_turn>(user|model|system)\r?\n"), ("<end_of_turn>",)),
    _Markup("phi", re.compile(r"<\|(system|user|assistant)\|>\s{0,4}"), ("<|end|>", "</s>")),
    _Markup("mistral", re.compile(r"\[(INST)\]\s{0,4}"), ("[/INST]",)),
    _Markup("vicuna", re.compile(r"(?:^|(?<=\s))(USER|ASSISTANT):\s{0,4}"), ("</s>",)),
)
_ROLES = {"INST": "user", "USER": "user", "ASSISTANT": "assistant", "model": "assistant"}
_SYSTEM_BLOCK = ("<<SYS>>", "<</SYS>>")


def find_turns(text: str) -> tuple[str, list[Turn]] | None:
    """Find the turns of a prompt that opens with chat markup.

    Returns:
        The markup's name and its turns in order, or ``None`` where the prompt is no chat.
    """
    for markup in _MARKUPS:
        opening = markup.header.search(text, 0, _OPENING_CHARS)
        if opening is None or (markup.name == "mistral" and text[: opening.start()].strip(" \r\n\t<s>")):
            continue
        if markup.name == "vicuna" and not text.rstrip().endswith("ASSISTANT:"):
            continue
        headers = list(markup.header.finditer(text))
        stops = [header.start() for header in headers[1:]] + [len(text)]
        turns = [_turn(markup, text, *pair) for pair in zip(headers, stops, strict=True)]
        return markup.name, _without_system_block(text, turns)
    return None


def _turn(markup: _Markup, text: str, header: re.Match[str], stop: int) -> Turn:
    ends = [found for closer in markup.closers if (found := text.rfind(closer, header.end(), stop)) >= 0]
    role = header.group(1)
    return Turn(_ROLES.get(role, role), header.end(), min(ends, default=stop))


def _without_system_block(text: str, turns: list[Turn]) -> list[Turn]:
    """Split Llama 2's system block off the first turn."""
    opener, closer = _SYSTEM_BLOCK
    first = turns[0]
    if not text.startswith(opener, first.start):
        return turns
    end = text.find(closer, first.start, first.end)
    if end < 0:
        return turns
    start = end + len(closer)
    return [Turn("system", first.start + len(opener), end), Turn(first.role, start, first.end), *turns[1:]]
