"""Chat messages and prompts as one text that a query parser can take apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

from longattncomp_cli.core.inputs.conversations.calls import calls_of
from longattncomp_cli.errors import InputError

_OPENING_CHARS = 400
"""At either end of a text, in which its first and last bracket stand."""


def flatten_messages(messages: Sequence[dict[str, Any]]) -> str:
    """Write chat messages as one text, in ChatML, which keeps who said what.

    Turn markup inside a content is broken by a space, so nobody but the message's role says who speaks.

    Args:
        messages: ``{"role", "content"}``; the content is a string, a list of ``{"type": "text", "text"}``
            parts, or null.

    Raises:
        InputError: a message of another shape, or a part that is not text.
    """
    return "\n".join(written_turn(_role(message, i), _said(message, i)) for i, message in enumerate(messages))


def written_turn(role: str, content: str) -> str:
    """One turn in ChatML; markup in the content, which could pass for another turn, is broken by a space."""
    content = content.replace("<|im_", "<| im_")
    return f"<|im_start|>{role}\n{content}<|im_end|>"


def _said(message: dict[str, Any], index: int) -> str:
    """The content, and behind it the tool calls, a line each."""
    calls = [call.text for call in calls_of(message, f"message {index}")]
    return "\n\n".join(filter(None, [_content(message.get("content"), index), "\n".join(calls)]))


def prompt_text(text: str) -> str:
    """Return ``text``, or where it is a JSON array of chat messages, these as one text."""
    head, tail = text[:_OPENING_CHARS].lstrip("\ufeff \t\r\n"), text[-_OPENING_CHARS:].rstrip()
    if not (head.startswith("[") and head[1:].lstrip().startswith("{") and tail.endswith("]")):
        return text
    try:
        messages = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if not all(isinstance(message, dict) and {"role", "content"} <= message.keys() for message in messages):
        return text
    return flatten_messages(messages)


def _role(message: dict[str, Any], index: int) -> str:
    role = message.get("role", "user")
    if not isinstance(role, str) or not re.fullmatch(r"\w{1,20}", role):
        raise InputError(f"message {index}: 'role' is {role!r}, not a role's name", code="bad-field")
    return role


def _content(content: Any, index: int) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise InputError(
            f"message {index}: 'content' is neither a string nor a list of parts", code="bad-field"
        )
    parts = [part.get("text") if isinstance(part, dict) else part for part in content]
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) < len(parts):
        raise InputError(
            f"message {index}: a part of 'content' is not text",
            hint="leave out images and audio",
            code="bad-field",
        )
    return "\n\n".join(texts)
