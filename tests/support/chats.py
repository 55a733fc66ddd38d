"""Made chats in the shapes of both APIs, with one fact in a long tool result."""

from __future__ import annotations

from typing import Any

RULE = "You keep the boats. Never lend out the red one."
FACT = "berth 41 belongs to Tove Rask"
QUESTION = "Whose berth is number 41?"
LISTING = "\n".join(f"berth {i} belongs to the harbour" for i in range(41)) + f"\n{FACT}\n" + "\n".join(
    f"berth {i} belongs to the harbour" for i in range(42, 90)
)  # fmt: skip
TALK = "The weather stayed mild, the nets were mended, and nobody asked for the red boat again. " * 6


def openai_chat() -> list[dict[str, Any]]:
    """A chat with a call, whose last message is the user's."""
    return [
        {"role": "system", "content": RULE},
        {"role": "user", "content": "Please list the berths."},
        {"role": "assistant", "content": None, "tool_calls": [_call("c1", '{"harbour": "Skerrow"}')]},
        {"role": "tool", "tool_call_id": "c1", "content": LISTING},
        {"role": "assistant", "content": TALK},
        {"role": "user", "content": QUESTION},
    ]


def _call(call_id: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "list_berths", "arguments": arguments}}


def anthropic_body() -> dict[str, Any]:
    """The same chat as a body, with thinking and an image, and a cache mark."""
    return {
        "model": "m",
        "max_tokens": 9,
        "system": [{"type": "text", "text": RULE}],
        "messages": [
            {"role": "user", "content": "Please list the berths."},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "The tool knows them. " * 9, "signature": "s"},
                    {"type": "tool_use", "id": "t1", "name": "list_berths", "input": {"harbour": "Skerrow"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "t1",
                        "content": [
                            {"type": "text", "text": LISTING, "cache_control": {"type": "ephemeral"}},
                            {
                                "type": "image",
                                "source": {"type": "base64", "media_type": "image/png", "data": "aa"},
                            },
                        ],
                    },
                    {"type": "text", "text": QUESTION},
                ],
            },
        ],
        "tools": [{"name": "list_berths", "description": "Lists.", "input_schema": {"type": "object"}}],
    }


def responses_body() -> dict[str, Any]:
    """The same chat as items of OpenAI's Responses API, with reasoning, a search and a tool of its own."""
    call = {"type": "function_call", "call_id": "c1", "name": "list_berths"}
    other = [{"type": "input_text", "text": LISTING.replace("berth", "buoy")}]
    return {
        "model": "m",
        "instructions": RULE,
        "input": [
            {"role": "user", "content": "Please list the berths."},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "The tool knows. " * 9}]},
            {**call, "arguments": '{"harbour": "Skerrow"}'},
            {"type": "function_call_output", "call_id": "c1", "output": LISTING},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": TALK}]},
            {"type": "custom_tool_call", "call_id": "c2", "name": "shell", "input": "buoys --all"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": other},
            {"type": "web_search_call", "status": "completed", "action": {"query": "buoys"}},
            {"role": "user", "content": [{"type": "input_text", "text": QUESTION}]},
        ],
        "tools": [{"type": "function", "name": "list_berths", "parameters": {}}],
    }


def strings(value: Any, place: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], str]:
    """Each string of a JSON value by its place."""
    if isinstance(value, str):
        return {place: value}
    pairs: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return {where: text for key, each in pairs for where, text in strings(each, (*place, key)).items()}
