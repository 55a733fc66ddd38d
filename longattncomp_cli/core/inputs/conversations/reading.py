"""Check the shape of a conversation and list its texts; what is not known passes through untouched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from longattncomp_cli.core.files.json_places import Place
from longattncomp_cli.core.inputs.conversations.beside import beside
from longattncomp_cli.core.inputs.conversations.calls import (
    Call,
    call_of_block,
    call_of_item,
    calls_of,
    result_of_block,
)
from longattncomp_cli.core.inputs.conversations.model import (
    SYSTEM_ROLES,
    Conversation,
    JsonStyle,
    Said,
    said_once,
)
from longattncomp_cli.core.inputs.conversations.readable import clean, readable_strings
from longattncomp_cli.core.inputs.conversations.shape_errors import kind_name, short_form, wrong_shape
from longattncomp_cli.core.inputs.conversations.shapes import (
    ROLES,
    at_place,
    is_call,
    is_item,
    is_one_turn,
    place_of_messages,
    placed_messages,
    speaker_in,
    text_keys,
)
from longattncomp_cli.errors import InputError

_ELSEWHERE = ("previous_response_id", "conversation")
# Thinking beside a content, as those write it that speak OpenAI's protocol.
_THOUGHTS = ("reasoning_content", "reasoning", "refusal", "thinking", "tool_plan", "thought")
# Calls and results that stand in the content once more, for readers of another kind.
_TWICE = ("toolInvocations", "tool_responses")
# Text that the APIs write under another key than "text", and that must come back as it is.
_FIXED_PARTS = {"thinking": "thinking", "refusal": "refusal", "reasoning": "text"}
# Where a document of a type holds its text; one of base64 or of an address holds none.
_DOCUMENTS = {"text": "data", "content": "content"}


def read_conversation(value: Any, name: str, style: JsonStyle | None = None) -> Conversation:
    """Read a list of messages, a request body, or a line of a batch.

    Args:
        value: parsed JSON.
        name: what errors call it.
        style: how it was written.

    Raises:
        InputError: it has another shape; the message names the index of what is wrong.
    """
    root = place_of_messages(value)
    found = at_place(value, root)
    body = at_place(value, root[:-1]) if root else {}
    if is_one_turn(value, root):
        texts = [Said(0, "user", clean(found), "turn", root)]
        return Conversation(value, (*beside(body, root[:-1], name), *texts), 1, style or JsonStyle())
    if not isinstance(found, list):
        raise wrong_shape(f"{name}: {root[-1]!r}", f"is {kind_name(found)}, not a list")
    placed = placed_messages(value) if found or root[-1:] == ("chat_history",) else []
    if not placed:
        raise InputError(f"{name}: holds no message", hint="pass at least one", code="empty-context")
    reader = _Reader(name, may_lack_calls=any(body.get(each) for each in _ELSEWHERE))
    try:
        texts = [
            each for i, (message, place) in enumerate(placed) for each in reader.message(message, i, place)
        ]
    except RecursionError as error:
        raise InputError(
            f"{name}: JSON nested too deeply", hint="flatten it", code="malformed-json"
        ) from error
    texts = [*beside(body, root[:-1], name), *texts]
    return Conversation(value, tuple(texts), len(placed), style or JsonStyle())


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
            raise wrong_shape(where, f"is {kind_name(message)}, not an object with 'role' and 'content'")
        if is_item(message):
            yield from self._item(message, where, index, place)
            return
        role, said, way = speaker_in(message)
        if role not in ROLES:
            raise wrong_shape(where, f"'role' is {short_form(role)}, not one of {', '.join(ROLES)}")
        asks_for = said.get("tool_call_id") if role == "tool" else None
        call = self._call(asks_for, where)
        if role in ("tool", "function") and call is None and isinstance(said.get("name"), str):
            call = Call(None, said["name"], "")
        groups: list[list[Said]] = []
        for key in text_keys(said):
            said_here = list(self._content(said[key], where, index, role, (*place, *way, key), call))
            groups.append([replace(each, kind="fixed") for each in said_here] if is_call(said) else said_here)
        for key in _TWICE:
            if isinstance(said.get(key), list):
                groups.append(list(self._content(said[key], where, index, role, (*place, *way, key), None)))
        yield from said_once(groups)
        for key in _THOUGHTS:
            if isinstance(said.get(key), str):
                yield Said(index, role, clean(said[key]), "fixed")
        for made in calls_of(said, where):
            yield from self._made(made, index, role)

    def _item(self, item: dict[str, Any], where: str, index: int, place: Place) -> Iterator[Said]:
        """The texts of a call, of its output, of reasoning; of other items what is text there."""
        kind = item["type"]
        made = call_of_item(item, where)
        if made is not None:
            yield from self._made(made, index, "assistant")
        for key in ("summary", "content") if kind == "reasoning" else ():
            parts = item[key] if isinstance(item.get(key), list) else []
            texts = [part.get("text") for part in parts if isinstance(part, dict)]
            yield from (
                Said(index, "assistant", clean(each), "fixed") for each in texts if isinstance(each, str)
            )
        if kind == "function.result":
            item = {**item, "call_id": item.get("tool_call_id")}
        if kind.endswith("_call_output") and item.get("output") is None:
            raise wrong_shape(where, "a call's output has no 'output'")
        call = made or self._call(item.get("call_id"), where) or _GIVEN
        for key in ("output", "outputs", "results", "result"):
            yield from self._content(item.get(key), where, index, "tool", (*place, key), call)

    def _made(self, call: Call, index: int, role: str) -> Iterator[Said]:
        self._calls[call.name if call.id is None else call.id] = call
        yield from (Said(index, role, clean(each), "fixed") for each in (call.name, call.arguments) if each)

    def _call(self, asks_for: Any, where: str) -> Call | None:
        """The call that a result names."""
        if asks_for is None:
            return None
        found = self._calls.get(asks_for) if isinstance(asks_for, str) else None
        if found is None and self._may_lack_calls:
            return _GIVEN
        if found is None:
            raise InputError(
                f"{where}: the result of a call {short_form(asks_for)} that no message before it makes",
                hint="add the assistant's message with that call, or read the file as plain text: "
                "--format text -q 'your question'",
                code="bad-field",
            )
        return found

    def _content(
        self, content: Any, where: str, index: int, role: str, place: Place, call: Call | None
    ) -> Iterator[Said]:
        """The texts of a content: a string, nothing, or a list of parts; of a result also any object."""
        if content is None:
            return
        if isinstance(content, str):
            yield self._said(content, index, role, place, call)
        elif isinstance(content, list):
            for number, part in enumerate(content):
                yield from self._part(part, f"{where}, part {number}", index, role, (*place, number), call)
        elif not isinstance(content, dict):
            raise wrong_shape(where, f"'content' is {kind_name(content)}, not a string or a list of parts")
        elif isinstance(content.get("parts"), list):
            yield from self._content(content["parts"], where, index, role, (*place, "parts"), call)
        elif isinstance(content.get("type"), str) and "text" in content and role != "tool":
            yield from self._part(content, where, index, role, place, call)
        elif call is not None or role == "tool":
            for text, inner in readable_strings(content, place):
                yield self._said(text, index, role, inner, call or _GIVEN)
        else:
            raise wrong_shape(where, f"'content' is {kind_name(content)}, not a string or a list of parts")

    def _part(
        self, part: Any, where: str, index: int, role: str, place: Place, call: Call | None
    ) -> Iterator[Said]:
        if isinstance(part, str):
            yield self._said(part, index, role, place, call)
            return
        if not isinstance(part, dict):
            raise wrong_shape(where, f"is {kind_name(part)}, not an object with a 'type'")
        kind = part.get("type", part.get("part_kind"))
        made, result = call_of_block(part, where), result_of_block(part)
        if made is not None:
            yield from self._made(made, index, role)
        if result is not None:
            is_named = kind == "tool_result" and result.call_id is not None
            known = self._call(result.call_id, where) if is_named else self._calls.get(str(result.call_id))
            of = made or known or Call(None, result.name, "")
            yield from self._content(result.content, where, index, role, (*place, *result.way), of)
        elif made is not None:
            return
        elif kind in _FIXED_PARTS or part.get("thought") is True:
            thought = part.get(_FIXED_PARTS.get(str(kind), "text"), part.get("content"))
            thoughts = (
                [thought] if isinstance(thought, str) else [t for t, _ in readable_strings(thought, place)]
            )
            yield from (Said(index, role, clean(each), "fixed") for each in thoughts)
        elif kind == "document" and isinstance(part.get("source"), dict):
            key = _DOCUMENTS.get(str(part["source"].get("type")))
            if key is not None:
                inner = (*place, "source", key)
                yield from self._content(part["source"].get(key), where, index, role, inner, call or _GIVEN)
        elif "part_kind" in part and isinstance(part.get("content"), (str, list)):
            said_by = "system" if kind == "system-prompt" else role
            inner = (*place, "content")
            yield from self._content(part["content"], where, index, said_by, inner, call)
        elif isinstance(part.get("text"), dict) and isinstance(part["text"].get("value"), str):
            yield self._said(part["text"]["value"], index, role, (*place, "text", "value"), call)
        elif kind == "search_result" and isinstance(part.get("content"), list):
            inner = (*place, "content")
            yield from self._content(part["content"], where, index, role, inner, call or _GIVEN)
        elif isinstance(part.get("text"), str):
            yield self._said(part["text"], index, role, (*place, "text"), call)
        elif kind in ("text", "input_text", "output_text"):
            raise wrong_shape(where, f"'text' is {kind_name(part.get('text'))}, not a string")
        else:
            for text, inner in readable_strings(part, place):
                yield (
                    self._said(text, index, role, inner, call)
                    if call
                    else Said(index, role, clean(text), "fixed")
                )

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
