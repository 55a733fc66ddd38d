"""Recognise a chat in a text or a line of JSON, and write it again as it was laid out."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from longattncomp_cli.core.inputs.conversations.model import Conversation, JsonStyle
from longattncomp_cli.core.inputs.conversations.reading import (
    AS_TEXT_HINT,
    looks_like_conversation,
    looks_like_message,
    messages_of,
    read_conversation,
)
from longattncomp_cli.errors import InputError

_HEAD_CHARS = 4_000
# How a chat begins, whether or not the rest of it is JSON.
_LIST_OPENING = re.compile(r'\s*\[\s*\{[^{}\[\]]{0,3000}?"(?:role|content)"\s*:')
_MESSAGES = re.compile(r'"(?:messages|input)"\s*:\s*\[\s*\{[^{}\[\]]{0,3000}?"(?:role|content)"\s*:')
_INDENT = re.compile(r"[\[{]\r?\n([ \t]+)\S")


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
    if opening not in ("[", "{") or ('"role"' not in body and '"messages"' not in body):
        return None
    loader = _Loader()
    try:
        value = loader.loads(body)
    except RecursionError as error:
        raise _too_deep(name) from error
    except json.JSONDecodeError as error:
        if opening == "{" and (value := _message_lines(body, name)) is not None:
            return read_conversation(value, name, JsonStyle(body, is_spaced=_is_spaced(body), is_lines=True))
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
    if looks_like_message(value):
        # A file of one line: one message.
        return read_conversation([value], name, JsonStyle(body, is_spaced=_is_spaced(body), is_lines=True))
    return read_conversation(value, name, _style(body)) if is_chat else None


class _Loader:
    """Reads JSON, and says what could not be written again as it came."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def loads(self, text: str) -> Any:
        """The value; of a key that stands twice the last."""
        return json.loads(
            text, object_pairs_hook=self._object, parse_float=self._float, parse_constant=self._constant
        )

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs) and not self.problems:
            twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
            self.problems.append(f"the key {twice[:60]!r} stands twice in one object")
        return found

    def _float(self, written: str) -> float:
        value = float(written)
        if math.isinf(value):
            self.problems.append(f"the number {written[:60]} is too large")
        return value

    def _constant(self, written: str) -> float:
        self.problems.append(f"{written} is no number in JSON")
        return float(written)


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
    """The JSON text of a conversation with some texts changed, laid out as it came.

    Args:
        conversation: as it was read.
        changed: number of a text → its new string.

    Raises:
        InputError: it is nested too deeply.
    """
    style = conversation.style
    if not changed and style.raw is not None:
        return style.raw
    value = conversation.with_texts(changed)
    final = "\n" if style.raw is not None and style.raw.endswith("\n") else ""
    if not style.is_lines:
        return _dumps(value, style) + final
    return "\n".join(_dumps(message, style) for message in messages_of(value)) + (final or "\n")


def _dumps(value: Any, style: JsonStyle) -> str:
    separators = (", ", ": ") if style.is_spaced else (",", ":")
    if style.indent is not None:
        separators = (",", ": ")
    try:
        text = json.dumps(value, ensure_ascii=False, indent=style.indent, separators=separators)
        if not text.isascii():
            text.encode("utf-8")
        return text
    except UnicodeEncodeError:  # a lone surrogate: escaped, as it came
        return json.dumps(value, indent=style.indent, separators=separators)
    except RecursionError as error:
        raise _too_deep("the conversation") from error


def _message_lines(text: str, name: str) -> list[Any] | None:
    """One message a line; ``None`` where the first line is none."""
    values: list[Any] = []
    loader = _Loader()
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


def _style(text: str) -> JsonStyle:
    indented = _INDENT.search(text, 0, _HEAD_CHARS)
    return JsonStyle(text, indent=indented[1] if indented else None, is_spaced=_is_spaced(text))


def _is_spaced(text: str) -> bool:
    return '": ' in text[:_HEAD_CHARS]


def _malformed(what: str) -> InputError:
    return InputError(what, hint=AS_TEXT_HINT, code="malformed-json")


def _too_deep(name: str) -> InputError:
    return InputError(f"{name}: JSON nested too deeply", hint="flatten it", code="malformed-json")
