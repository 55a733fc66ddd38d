"""Tool calls of a message, in every shape that the two APIs write them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from longattncomp_cli.errors import InputError

_NAMED_CALLS = ("function_call", "custom_tool_call", "mcp_call")
_USES = ("tool_use", "server_tool_use", "mcp_tool_use")


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call: what a result names it by, the tool, and the arguments as text."""

    id: str | None
    name: str
    arguments: str

    @property
    def text(self) -> str:
        """The call on one line."""
        return f"{self.name} {self.arguments}".rstrip()


def calls_of(message: dict[str, Any], where: str) -> Iterator[Call]:
    """The calls that a message makes beside its content: ``tool_calls``, ``function_call``.

    Args:
        message: of an assistant.
        where: what errors call it.

    Raises:
        InputError: they have another shape.
    """
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise _wrong(where, "'tool_calls' is not a list")
    for call in calls or ():
        if not isinstance(call, dict):
            raise _wrong(where, "a tool call is not an object")
        # A custom tool takes one string, ``input``.
        kind = next((kind for kind in ("function", "custom") if isinstance(call.get(kind), dict)), "")
        if not kind:
            raise _wrong(where, "a tool call has no 'function'")
        yield _call(call.get("id"), call[kind], where)
    if message.get("function_call") is not None:
        called = message["function_call"]
        if not isinstance(called, dict):
            raise _wrong(where, "'function_call' is not an object")
        yield _call(None, called, where)


def call_of_block(block: dict[str, Any], where: str) -> Call | None:
    """The call that a content block makes (Anthropic's ``tool_use``), or ``None``.

    Raises:
        InputError: it has another shape.
    """
    return _call(block.get("id"), block, where) if block.get("type") in _USES else None


def call_of_item(item: dict[str, Any], where: str) -> Call | None:
    """The call that an item of a response is (``function_call``, ``mcp_call``), or ``None``.

    Raises:
        InputError: it has another shape.
    """
    if "name" not in item and item["type"] not in _NAMED_CALLS:
        return None
    return _call(item.get("call_id"), item, where)


def _call(call_id: Any, called: dict[str, Any], where: str) -> Call:
    name = called.get("name")
    if not isinstance(name, str):
        raise _wrong(where, "a tool call has no name")
    if call_id is not None and not isinstance(call_id, str):
        raise _wrong(where, "the id of a tool call is not a string")
    arguments = called.get("arguments", called.get("input"))
    if arguments is not None and not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return Call(call_id, name, arguments or "")


def _wrong(where: str, what: str) -> InputError:
    return InputError(
        f"{where}: {what}",
        hint="write calls as the API of OpenAI or Anthropic takes them, or read the file as plain text with "
        "--format text",
        code="bad-field",
    )
