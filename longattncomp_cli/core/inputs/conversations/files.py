"""Recognise a chat in a text or a line of JSON, and write it again as it was laid out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from longattncomp_cli.core.files.json_lines import JsonReader
from longattncomp_cli.core.files.json_places import with_strings
from longattncomp_cli.core.files.paths import typed_name
from longattncomp_cli.core.inputs.conversations.model import Conversation, JsonStyle
from longattncomp_cli.core.inputs.conversations.reading import read_conversation
from longattncomp_cli.core.inputs.conversations.shape_errors import AS_TEXT_HINT
from longattncomp_cli.core.inputs.conversations.shapes import (
    looks_like_conversation,
    looks_like_message,
    parts_of_many,
)
from longattncomp_cli.errors import InputError

_RARER_KEYS = re.compile(r'"(?:from|sender|parts|input|prompt|type|message|chat_history)"\s*:')
_HEAD_CHARS = 4_000
_KEYED_CHARS = 1 << 16
# How a chat begins, whether or not the rest of it is JSON.
_LIST_OPENING = re.compile(r'\s*\[\s*\{[^{}\[\]]{0,3000}?"(?:role|content)"\s*:')
_MESSAGES = re.compile(r'"(?:messages|input)"\s*:\s*\[\s*\{[^{}\[\]]{0,3000}?"(?:role|content)"\s*:')


def conversation_of_text(text: str, name: str) -> Conversation | None:
    """Read a list of messages, a request body, or one message a line.

    Args:
        text: perhaps a chat.
        name: what errors call it.

    Returns:
        The chat, or ``None`` where the text is something else.

    Raises:
        InputError: it is a chat, and broken.
    """
    body = text.removeprefix("\ufeff")
    opening = body[:_HEAD_CHARS].lstrip()[:1]
    if opening not in ("[", "{") or not _may_be_chat(body):
        return None
    loader = JsonReader()
    try:
        value = loader.loads(body)
    except RecursionError as error:
        if not _has_usual_keys(body):
            return None
        raise _too_deep(name) from error
    except json.JSONDecodeError as error:
        if opening == "{" and (value := _message_lines(body, name)) is not None:
            return read_conversation(value, name, JsonStyle(body, is_lines=True))
        if _LIST_OPENING.match(body, 0, _HEAD_CHARS) or (
            opening == "{" and error.msg != "Extra data" and _MESSAGES.search(body)
        ):
            raise _malformed(
                f"{name}: begins as chat messages, but is not JSON "
                f"(line {error.lineno}, column {error.colno}: {error.msg})"
            ) from error
        return None
    except ValueError:  # a number of thousands of digits, which no chat has
        return None
    is_chat = looks_like_message(value) or looks_like_conversation(value)
    if is_chat and loader.problems:
        raise _malformed(f"{name}: {loader.problems[0]}")
    if way := parts_of_many(value):
        raise InputError(
            f"{name}: holds several conversations",
            hint=f"write each on a line: jq -c '{way}' {typed_name(name)} > chats.jsonl, then name that",
            code="many-conversations",
        )
    if looks_like_message(value):
        # A file of one line: one message.
        return read_conversation([value], name, JsonStyle(body, is_lines=True))
    return read_conversation(value, name, JsonStyle(body)) if is_chat else None


def _may_be_chat(text: str) -> bool:
    """A quick look whether a JSON text has a key that every chat has one of; the rarer ones stand early."""
    return _has_usual_keys(text) or _RARER_KEYS.search(text, 0, _KEYED_CHARS) is not None


def _has_usual_keys(text: str) -> bool:
    return '"role"' in text or '"messages"' in text


def is_message_line(line: bytes, fields: tuple[str, ...]) -> bool:
    """Whether a line of a file of records is a chat message, and no record.

    Args:
        line: the first of the file.
        fields: names of a record's fields; with one of them the line is a record.
    """
    try:
        value = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return False
    return looks_like_message(value) and not any(name in value for name in fields)


def write_conversation(conversation: Conversation, changed: Mapping[int, str]) -> str:
    """The JSON text of a conversation with some texts changed; every other byte is as it came.

    Args:
        conversation: as it was read.
        changed: number of a text → its new string.

    Raises:
        InputError: it is nested too deeply.
    """
    style = conversation.style
    if style.raw is not None:
        places = conversation.places(changed)
        return with_strings(style.raw, places, is_lines=style.is_lines) if changed else style.raw
    return _dumps(conversation.with_texts(changed))


def _dumps(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if not text.isascii():
            text.encode("utf-8")
        return text
    except UnicodeEncodeError:  # a lone surrogate: escaped, as it came
        return json.dumps(value, separators=(",", ":"))
    except RecursionError as error:
        raise _too_deep("the conversation") from error


def _message_lines(text: str, name: str) -> list[Any] | None:
    """One message a line; ``None`` where the first line is none."""
    values: list[Any] = []
    loader = JsonReader()
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values.append(loader.loads(line))
        except RecursionError as error:
            raise _too_deep(f"{name}:{number}") from error
        except ValueError as error:
            if not values:
                return None
            raise _malformed(
                f"{name}:{number}: malformed JSON ({error}), where the first line is a chat message"
            ) from error
        if len(values) == 1 and not looks_like_message(values[0]):
            return None
        if loader.problems:
            raise _malformed(f"{name}:{number}: {loader.problems[0]}")
    return values or None


def _malformed(what: str) -> InputError:
    return InputError(what, hint=AS_TEXT_HINT, code="malformed-json")


def _too_deep(name: str) -> InputError:
    return InputError(f"{name}: JSON nested too deeply", hint="flatten it", code="malformed-json")
