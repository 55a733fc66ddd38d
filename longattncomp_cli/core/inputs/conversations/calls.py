"""Tool calls of a message and what came of them, in every shape that APIs write them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from longattncomp_cli.core.files.json_places import Place
from longattncomp_cli.errors import InputError

_NAMED_CALLS = ("function_call", "custom_tool_call", "mcp_call")
_USES = ("tool_use", "server_tool_use", "mcp_tool_use", "tool-call", "function_call")
_RESULT_KINDS = ("tool_result", "tool-result", "tool-return", "function_result")
# A part that holds a call or its result under its only key, as Gemini and Bedrock write them; one of a user
# interface holds both.
_USE_HOLDERS = ("functionCall", "function_call", "toolUse", "toolInvocation", "tool_call")
_RESULT_HOLDERS = (
    *("functionResponse", "function_response", "toolResult", "codeExecutionResult", "code_execution_result"),
    *("toolInvocation", "tool_call_result"),
)
_IDS = ("id", "tool_use_id", "toolUseId", "toolCallId", "tool_call_id", "call_id")
_NAMES = ("name", "toolName", "tool_name")
_ARGUMENTS = ("arguments", "input", "args", "parameters")
_RESULTS = ("content", "response", "result", "output", "outputs")


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


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a call, in a part of a content.

    Attributes:
        call_id: what it names the call by; the tool's name where it has no other.
        name: of the tool, ``""`` where only the call says it.
        content: of any shape.
        way: from the part to the content.
    """

    call_id: Any
    name: str
    content: Any
    way: Place


def calls_of(message: dict[str, Any], where: str) -> Iterator[Call]:
    """The calls that a message makes beside its content: ``tool_calls``, ``function_call``.

    Args:
        message: of an assistant.
        where: what errors call it.

    Raises:
        InputError: they have another shape.
    """
    calls = message.get("tool_calls")
    more = message.get("additional_kwargs")  # where libraries put what an API said beside the content
    if calls is None and isinstance(more, dict) and isinstance(more.get("tool_calls"), list):
        calls = more["tool_calls"]
    if calls is not None and not isinstance(calls, list):
        raise _wrong(where, "'tool_calls' is not a list")
    for call in calls or ():
        if not isinstance(call, dict):
            raise _wrong(where, "a tool call is not an object")
        # A custom tool takes one string, ``input``.
        kind = next((kind for kind in ("function", "custom") if isinstance(call.get(kind), dict)), "")
        # Those of LangChain and of Cohere have no object of their own.
        if not kind and "args" not in call and "parameters" not in call:
            raise _wrong(where, "a tool call has no 'function'")
        yield _call(call.get("id"), call[kind] if kind else call, where)
    if message.get("function_call") is not None:
        called = message["function_call"]
        if not isinstance(called, dict):
            raise _wrong(where, "'function_call' is not an object")
        yield _call(None, called, where)


def call_of_block(block: dict[str, Any], where: str) -> Call | None:
    """The call that a content block makes, or ``None``.

    Raises:
        InputError: it has another shape.
    """
    if _kind(block) in _USES or _is_bare_call(block):
        return _call(_first(block, _IDS), block, where)
    held = next((block[key] for key in _USE_HOLDERS if isinstance(block.get(key), dict)), None)
    if held is not None:
        return _call(_first(held, _IDS), held, where)
    if _is_tool_part(block) and "input" in block:
        name = block.get("toolName", block["type"].removeprefix("tool-"))
        return _call(block["toolCallId"], {"name": name, "input": block["input"]}, where)
    return None


def result_of_block(block: dict[str, Any]) -> Result | None:
    """The result of a call that a content block is, or ``None``."""
    held = next((key for key in _RESULT_HOLDERS if isinstance(block.get(key), dict)), "")
    holder = block[held] if held else block
    is_result = _kind(block).endswith(_RESULT_KINDS) or _is_bare_result(block)
    if not (held or is_result or _is_tool_part(block)):
        return None
    key = next((key for key in _RESULTS if key in holder), "")
    name = _first(holder, _NAMES)
    call_id = next((holder[key] for key in _IDS[1:] if key in holder), holder.get("id", name))
    return Result(call_id, name or "", holder.get(key), (held, key) if held else (key,))


def _kind(block: dict[str, Any]) -> str:
    kind = next((block[key] for key in ("type", "part_kind", "content_type") if key in block), "")
    return kind if isinstance(kind, str) else ""


def _is_bare_call(block: dict[str, Any]) -> bool:
    """Whether a part without a kind is a call, as AutoGen writes them, and interfaces beside their parts."""
    return not _kind(block) and any(
        isinstance(block.get(name), str) and arguments in block
        for name, arguments in (("name", "arguments"), ("toolName", "args"))
    )


def _is_bare_result(block: dict[str, Any]) -> bool:
    """The same of a result: it names its call, or holds it."""
    if _kind(block) or "arguments" in block:
        return False
    names_call = any(isinstance(block.get(key), str) for key in _IDS[1:]) or isinstance(
        block.get("call"), dict
    )
    return names_call and any(key in block for key in _RESULTS)


def _is_tool_part(block: dict[str, Any]) -> bool:
    """Whether it is a call and what came of it, as a user interface keeps them."""
    kind = block.get("type")
    is_tool = isinstance(kind, str) and (kind.startswith("tool-") or kind == "dynamic-tool")
    return is_tool and isinstance(block.get("toolCallId"), str) and kind not in ("tool-call", "tool-result")


def call_of_item(item: dict[str, Any], where: str) -> Call | None:
    """The call that an item of a response is (``function_call``, ``shell_call``), or ``None``.

    A tool of the API's own has no name: its kind is one, which costs nothing.

    Raises:
        InputError: it has another shape.
    """
    kind = item["type"]
    if kind in ("function.call", "tool.execution"):
        return _call(item.get("tool_call_id", item.get("id")), item, where)
    if not kind.endswith("_call"):
        return None
    if "name" in item or kind in _NAMED_CALLS:
        return _call(item.get("call_id"), item, where)
    action = item.get("action", item.get("operation"))
    written = "" if action is None else json.dumps(action, ensure_ascii=False)
    call_id = item.get("call_id", item.get("id"))
    return Call(call_id if isinstance(call_id, str) else None, "", written)


def _call(call_id: Any, called: dict[str, Any], where: str) -> Call:
    name = _first(called, _NAMES)
    if name is None:
        raise _wrong(where, "a tool call has no name")
    if call_id is not None and not isinstance(call_id, str):
        raise _wrong(where, "the id of a tool call is not a string")
    arguments = next((called[key] for key in _ARGUMENTS if key in called), None)
    if arguments is not None and not isinstance(arguments, str):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return Call(call_id, name, arguments or "")


def _first(holder: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    """The first string under one of some keys."""
    return next((holder[key] for key in keys if isinstance(holder.get(key), str)), None)


def _wrong(where: str, what: str) -> InputError:
    return InputError(
        f"{where}: {what}",
        hint="write calls as the API of OpenAI or Anthropic takes them, or read the file as plain text with "
        "--format text",
        code="bad-field",
    )
