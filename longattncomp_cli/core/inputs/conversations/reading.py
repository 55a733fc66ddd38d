"""Check the shape of a conversation and list its texts; what is not known passes through untouched."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from longattncomp_cli.core.inputs.conversations.calls import Call, call_of_block, call_of_item, calls_of
from longattncomp_cli.core.inputs.conversations.model import (
    BESIDE,
    SYSTEM_ROLES,
    Conversation,
    JsonStyle,
    Place,
    Said,
)
from longattncomp_cli.errors import InputError

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
AS_TEXT_HINT = "mend it, or read the file as plain text: --format text -q 'your question'"
# The items of OpenAI's Responses API that are no messages: calls, what came of them, and thinking.
_ITEM = re.compile(r"\w+_call(?:_output)?|reasoning|item_reference|compaction")
_LISTS = ("messages", "input")
_BESIDE = ("system", "instructions")
_ELSEWHERE = ("previous_response_id", "conversation")
_SIGNS = ("content", "tool_calls", "function_call")
_LOOKED_AT = 8
# Text that the APIs write under another key than "text", and that must come back as it is.
_FIXED_PARTS = {"thinking": "thinking", "refusal": "refusal"}
# Where a document of a type holds its text; one of base64 or of an address holds none.
_DOCUMENTS = {"text": "data", "content": "content"}
_SURROGATE = re.compile("[\ud800-\udfff]")


def looks_like_message(value: Any) -> bool:
    """Whether a JSON value is a chat message or an item of a response, if perhaps a wrong one."""
    if not isinstance(value, dict):
        return False
    is_said = isinstance(value.get("role"), str) and any(sign in value for sign in _SIGNS)
    return is_said or is_item(value)


def is_item(message: dict[str, Any]) -> bool:
    """Whether it is an item of OpenAI's Responses API that nobody says: a call, its output, reasoning."""
    kind = message.get("type")
    return "role" not in message and isinstance(kind, str) and _ITEM.fullmatch(kind) is not None


def looks_like_conversation(value: Any) -> bool:
    """Whether a JSON value is a list of messages or a request body, if perhaps a wrong one."""
    if isinstance(value, dict):
        if "messages" in value and isinstance(value.get("model"), str):
            return True
        return any(isinstance(value.get(key), list) and looks_like_conversation(value[key]) for key in _LISTS)
    return isinstance(value, list) and any(looks_like_message(each) for each in value[:_LOOKED_AT])


def list_key(value: Any) -> str:
    """Under which key a request body holds its messages; ``""`` of a list."""
    if not isinstance(value, dict):
        return ""
    return "messages" if "messages" in value else "input"


def read_conversation(value: Any, name: str, style: JsonStyle | None = None) -> Conversation:
    """Read a list of messages, or a request body.

    Args:
        value: parsed JSON.
        name: what errors call it.
        style: how it was written.

    Raises:
        InputError: it has another shape; the message names the index of what is wrong.
    """
    key = list_key(value)
    messages = messages_of(value)
    if not isinstance(messages, list):
        raise _wrong(f"{name}: {key!r}", f"is {_kind(messages)}, not a list")
    if not messages:
        raise InputError(f"{name}: holds no message", hint="pass at least one", code="empty-context")
    reader = _Reader(name, may_lack_calls=bool(key) and any(value.get(each) for each in _ELSEWHERE))
    system = _beside(value, name) if key else []
    root: Place = (key,) if key else ()
    texts = [each for i, message in enumerate(messages) for each in reader.message(message, i, (*root, i))]
    return Conversation(value, (*system, *texts), len(messages), style or JsonStyle())


def _beside(body: dict[str, Any], name: str) -> list[Said]:
    """The system text of a body: a string, or text blocks."""
    texts: list[Any] = []
    for key in _BESIDE:
        system = body.get(key)
        if system is not None and not isinstance(system, (str, list)):
            raise _wrong(f"{name}: {key!r}", f"is {_kind(system)}, not a string or a list of blocks")
        blocks = [system] if isinstance(system, str) else system or ()
        texts += [block.get("text") if isinstance(block, dict) else block for block in blocks]
    return [Said(BESIDE, "system", clean(each), "fixed") for each in texts if isinstance(each, str)]


class _Reader:
    """Reads messages in order; knows the calls made so far."""

    def __init__(self, name: str, *, may_lack_calls: bool) -> None:
        """Begin with no call; results may be of calls that were made before the list."""
        self._name = name
        self._may_lack_calls = may_lack_calls
        self._calls: dict[str, Call] = {}

    def message(self, message: Any, index: int, place: Place) -> Iterator[Said]:
        """The texts of one message."""
        where = f"{self._name}: message {index}"
        if not isinstance(message, dict):
            raise _wrong(where, f"is {_kind(message)}, not an object with 'role' and 'content'")
        if is_item(message):
            yield from self._item(message, where, index, place)
            return
        role = message.get("role")
        if role not in ROLES:
            raise _wrong(where, f"'role' is {_short(role)}, not one of {', '.join(ROLES)}")
        asks_for = message.get("tool_call_id") if role == "tool" else None
        call = self._call(asks_for, where)
        if role in ("tool", "function") and call is None and isinstance(message.get("name"), str):
            call = Call(None, message["name"], "")
        yield from self._content(message.get("content"), where, index, role, (*place, "content"), call)
        if isinstance(message.get("refusal"), str):
            yield Said(index, role, clean(message["refusal"]), "fixed")
        for made in calls_of(message, where):
            yield from self._made(made, index, role)

    def _item(self, item: dict[str, Any], where: str, index: int, place: Place) -> Iterator[Said]:
        """The texts of a call, of its output, of reasoning; of other items what is text there."""
        kind = item["type"]
        made = None if kind.endswith("_output") else call_of_item(item, where)
        if made is not None:
            yield from self._made(made, index, "assistant")
        for key in ("summary", "content") if kind == "reasoning" else ():
            parts = item[key] if isinstance(item.get(key), list) else []
            texts = [part.get("text") for part in parts if isinstance(part, dict)]
            yield from (
                Said(index, "assistant", clean(each), "fixed") for each in texts if isinstance(each, str)
            )
        if isinstance(item.get("output"), (str, list)):
            call = made or self._call(item.get("call_id"), where) or _GIVEN
            yield from self._content(item["output"], where, index, "tool", (*place, "output"), call)
        elif kind.endswith("_call_output") and item.get("output") is None:
            raise _wrong(where, "a call's output has no 'output'")
        if isinstance(item.get("results"), list):
            inner = (*place, "results")
            yield from self._content(item["results"], where, index, "tool", inner, made or _GIVEN)

    def _made(self, call: Call, index: int, role: str) -> Iterator[Said]:
        if call.id is not None:
            self._calls[call.id] = call
        yield Said(index, role, clean(call.name), "fixed")
        yield Said(index, role, clean(call.arguments), "fixed")

    def _call(self, asks_for: Any, where: str) -> Call | None:
        """The call that a result names."""
        if asks_for is None:
            return None
        found = self._calls.get(asks_for) if isinstance(asks_for, str) else None
        if found is None and self._may_lack_calls:
            return _GIVEN
        if found is None:
            raise InputError(
                f"{where}: the result of a call {_short(asks_for)} that no message before it makes",
                hint="add the assistant's message with that call, or read the file as plain text: "
                "--format text -q 'your question'",
                code="bad-field",
            )
        return found

    def _content(
        self, content: Any, where: str, index: int, role: str, place: Place, call: Call | None
    ) -> Iterator[Said]:
        """The texts of a content: a string, nothing, or a list of parts."""
        if content is None:
            return
        if isinstance(content, str):
            yield self._said(content, index, role, place, call)
            return
        if not isinstance(content, list):
            raise _wrong(where, f"'content' is {_kind(content)}, not a string or a list of parts")
        for number, part in enumerate(content):
            yield from self._part(part, f"{where}, part {number}", index, role, (*place, number), call)

    def _part(
        self, part: Any, where: str, index: int, role: str, place: Place, call: Call | None
    ) -> Iterator[Said]:
        if isinstance(part, str):
            yield self._said(part, index, role, place, call)
            return
        if not isinstance(part, dict):
            raise _wrong(where, f"is {_kind(part)}, not an object with a 'type'")
        kind = part.get("type")
        made = call_of_block(part, where)
        if made is not None:
            yield from self._made(made, index, role)
        elif kind == "tool_result":
            result = self._call(part.get("tool_use_id"), where) or Call(None, "", "")
            yield from self._content(part.get("content"), where, index, role, (*place, "content"), result)
        elif kind in _FIXED_PARTS:
            if isinstance(text := part.get(_FIXED_PARTS[kind]), str):
                yield Said(index, role, clean(text), "fixed")
        elif kind == "document" and isinstance(part.get("source"), dict):
            key = _DOCUMENTS.get(str(part["source"].get("type")))
            if key is not None:
                inner = (*place, "source", key)
                yield from self._content(part["source"].get(key), where, index, role, inner, call or _GIVEN)
        elif kind == "search_result" and isinstance(part.get("content"), list):
            inner = (*place, "content")
            yield from self._content(part["content"], where, index, role, inner, call or _GIVEN)
        elif isinstance(part.get("text"), str):
            yield self._said(part["text"], index, role, (*place, "text"), call)
        elif kind in ("text", "input_text", "output_text"):
            raise _wrong(where, f"'text' is {_kind(part.get('text'))}, not a string")

    def _said(self, text: str, index: int, role: str, place: Place, call: Call | None) -> Said:
        if role in SYSTEM_ROLES:
            return Said(index, role, clean(text), "fixed", place)
        if call is not None or role in ("tool", "function"):
            said_by = "tool" if call is not None and call is not _GIVEN else role
            tool, made = (call.name, call.text) if call is not None else ("", "")
            return Said(index, said_by, clean(text), "result", place, tool, made)
        return Said(index, role, clean(text), "turn", place)


_GIVEN = Call(None, "", "")
"""Stands for no call: a document that a user's turn brings along is a result too, not what is asked."""


def clean(text: str) -> str:
    """The text with U+FFFD for lone surrogates, which no tokenizer reads; as long as before."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _kind(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "a string", list: "a list"}
    return "missing" if value is None else names.get(type(value), "an object")


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:60] + "…"


def _wrong(where: str, what: str) -> InputError:
    said = f"{where} {what}" if what.startswith("is ") else f"{where}: {what}"
    return InputError(said, hint=AS_TEXT_HINT, code="bad-field")


def messages_of(value: Any) -> Sequence[Any]:
    """The list of messages of a list or a body."""
    key = list_key(value)
    messages: Sequence[Any] = value.get(key) if key else value
    return messages
