"""How programs spell a chat: where its messages stand, who speaks, and under which key they say it.

Beside the APIs of OpenAI and Anthropic there are Gemini's ``contents`` of ``parts``, Cohere's
``chat_history`` beside a ``message``, LangChain's and AutoGen's types, ShareGPT's ``from`` and ``value``,
messages of user interfaces, threads, and the lines of batches, which hold a body.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from longattncomp_cli.core.files.json_places import Place

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
# What others call them, in lower case.
_SPEAKERS = {
    **{role: role for role in ROLES},
    **dict.fromkeys(("human", "humanmessage", "humanmessagechunk", "usermessage"), "user"),
    **dict.fromkeys(("ai", "aimessage", "aimessagechunk", "gpt", "chatgpt", "bot", "chatbot"), "assistant"),
    **dict.fromkeys(("model", "function_call", "assistantmessage", "toolcallrequestevent"), "assistant"),
    **dict.fromkeys(("textmessage", "multimodalmessage", "toolcallsummarymessage"), "assistant"),
    "systemmessage": "system",
    **dict.fromkeys(("observation", "toolmessage", "functionmessage", "toolcallexecutionevent"), "tool"),
    "functionexecutionresultmessage": "tool",
}
# Where who speaks stands under another key than "role": under which key it is said then.
_SAID_BESIDE = {"from": ("value",), "sender": ("text", "content"), "type": ("content", "text")}
# A thing's "type" may be "system" or "model"; of these alone one says that it is a message.
_SURE_TYPES = {"human", "ai", *(kind for kind in _SPEAKERS if kind.endswith(("message", "chunk", "event")))}
# These are AutoGen's where they have a "source".
_OF_A_SOURCE = ("textmessage", "multimodalmessage")
_HOLDERS = ("data", "kwargs", "message")
_SIGNS = ("content", "tool_calls", "function_call")
# The items of OpenAI's Responses API that are no messages: calls, what came of them, and thinking; and those
# of Mistral's conversations.
_ITEM = re.compile(
    r"\w+_call(?:_output)?|reasoning|item_reference|compaction"
    r"|function\.(?:call|result)|tool\.execution|agent\.handoff"
)
_HISTORY = "chat_history"
_LISTS = (
    *("messages", "input", "inputs", "contents", "conversations", "conversation", "chat_messages"),
    _HISTORY,
)
_TEXTS = ("input", "prompt", "message")
# Cohere's: with one of them a body's "message" is what its user says.
_BESIDE_MESSAGE = ("documents", "tool_results", "preamble", "connectors", _HISTORY)
_ENVELOPES = ("body", "params", "request", "modelInput", "thread", "input", "values", "state", "llm_context")
_LOGGED = ("message", "payload")
_BATCH_IDS = ("custom_id", "key", "recordId")
_LOOKED_AT = 8


def speaker_in(message: dict[str, Any]) -> tuple[Any, dict[str, Any], Place]:
    """Who says a message: the role, the object that holds what is said, and the way to it.

    A role that nobody knows comes back as it is written, ``None`` where there is none.
    """
    for key in ("", *_HOLDERS):
        inner = message.get(key) if key else message
        if isinstance(inner, dict) and text_keys(inner):
            role = _role_in(inner)
            role = _role_in({**message, **inner}) if role is None and key else role
            if role is not None:
                return role, inner, (key,) if key else ()
    return _role_in(message), message, ()


def text_keys(message: dict[str, Any]) -> list[str]:
    """Under which keys a message says something; of the rarer ones only where the usual are not there."""
    usual: list[str] = [key for key in ("content", "parts") if key in message]
    if usual:
        return usual + ["text"] * ("sender" in message and isinstance(message.get("text"), str))
    if isinstance(message.get("role"), str):
        lists = [key for key in ("blocks", "items", "tool_results") if isinstance(message.get(key), list)]
        if lists or isinstance(message.get("message"), str):
            return lists[:1] or ["message"]
    rarer = "value" if "from" in message else "text"
    return [rarer] if isinstance(message.get(rarer), str) else []


def _role_in(message: dict[str, Any]) -> Any:
    role = message.get("role")
    if role is not None:
        return _SPEAKERS.get(role.lower(), role) if isinstance(role, str) else role
    for key, keys in _SAID_BESIDE.items():
        who = message.get(key)
        if isinstance(who, str) and who.lower() in _SPEAKERS and any(each in message for each in keys):
            # AutoGen's texts are of whoever their "source" is; only "user" is no agent.
            return "user" if message.get("source") == "user" else _SPEAKERS[who.lower()]
    if isinstance(message.get("parts"), list):
        return "assistant" if message.get("kind") == "response" else "user"
    return None


def _is_sure(message: dict[str, Any]) -> bool:
    """Whether no thing but a message is written so."""
    if isinstance(message.get("role"), str) or "from" in message or "sender" in message:
        return True
    if message.get("kind") in ("request", "response") and isinstance(message.get("parts"), list):
        return True
    kind = message.get("type")
    if not isinstance(kind, str) or kind.lower() not in _SURE_TYPES:
        return False
    return "source" in message or kind.lower() not in _OF_A_SOURCE


def is_call(message: dict[str, Any]) -> bool:
    """Whether all that a message says is a call, as ShareGPT's are written."""
    return message.get("from") == "function_call"


def is_item(message: dict[str, Any]) -> bool:
    """Whether it is an item of OpenAI's Responses API that nobody says: a call, its output, reasoning."""
    kind = message.get("type")
    return "role" not in message and isinstance(kind, str) and _ITEM.fullmatch(kind) is not None


def looks_like_message(value: Any) -> bool:
    """Whether a JSON value is a chat message or an item of a response, if perhaps a wrong one."""
    if not isinstance(value, dict):
        return False
    if (isinstance(value.get("role"), str) and any(sign in value for sign in _SIGNS)) or is_item(value):
        return True
    role, inner, way = speaker_in(value)
    said = [inner[key] for key in text_keys(inner)]
    is_sure = _is_sure(inner) or (way != () and _is_sure(value))
    return is_sure and role in ROLES and any(isinstance(each, (str, list)) for each in said)


def looks_like_conversation(value: Any) -> bool:
    """Whether a JSON value is a list of messages or a request body, if perhaps a wrong one."""
    return messages_place(value) is not None


def messages_place(value: Any, *, may_be_within: bool = True) -> Place | None:
    """The way to the messages of a list, of a body, or of a line of a batch; ``None`` where there are none.

    Args:
        value: parsed JSON.
        may_be_within: whether it may be a line of a batch.
    """
    if isinstance(value, list):
        return () if any(looks_like_message(each) for each in value[:_LOOKED_AT]) else None
    if not isinstance(value, dict):
        return None
    is_body = isinstance(value.get("model"), str)
    if is_body and "messages" in value:
        return ("messages",)
    for key in _LISTS:
        if isinstance(value.get(key), list) and messages_place(value[key]) is not None:
            return (key,)
    if value.get("object") == "list" and isinstance(value.get("data"), list):
        return ("data",) if messages_place(value["data"]) is not None else None
    for key in _TEXTS if is_body else ():
        if isinstance(value.get(key), str) and (key != "message" or any(k in value for k in _BESIDE_MESSAGE)):
            return (key,)
    for key in _ENVELOPES if may_be_within else ():
        within = messages_place(value[key], may_be_within=False) if isinstance(value.get(key), dict) else None
        if within is not None:
            return (key, *within)
    return None


def place_of_messages(value: Any) -> Place:
    """The same of what is taken for a conversation: without any messages they are missed under their key."""
    place = messages_place(value)
    if place is None:
        return ("messages",) if isinstance(value, dict) else ()
    return place


def at_place(value: Any, place: Place) -> Any:
    """What stands at a place of a JSON value."""
    for key in place:
        value = value.get(key) if isinstance(value, dict) else value[key]
    return value


def id_in_batch(value: dict[str, Any]) -> str | None:
    """What a line of a batch is called there; ``None`` of any other object."""
    if len(messages_place(value) or ()) < 2:
        return None
    return next((value[key] for key in _BATCH_IDS if isinstance(value.get(key), str)), None)


def is_one_turn(value: Any, place: Place) -> bool:
    """Whether a body holds a text in place of messages, which is one turn of the user."""
    return place != () and place[-1] in _TEXTS and isinstance(at_place(value, place), str)


def placed_messages(value: Any) -> list[tuple[Any, Place]]:
    """The messages of a list or a body as they were said, one after the other, and the way to each.

    A body's own text is one: what the user says now, beside what was said before.
    """
    place = place_of_messages(value)
    found = at_place(value, place)
    if is_one_turn(value, place):
        return [({"role": "user", "content": found}, place[:-1])]
    placed = [(message, (*place, number)) for number, message in enumerate(found)]
    if place[-1:] == ("data",) and _time(placed[0][0]) > _time(placed[-1][0]):
        placed.reverse()  # a thread is listed with the newest first
    if place[-1:] == (_HISTORY,):
        body, way = at_place(value, place[:-1]), place[:-1]
        if isinstance(body.get("message"), str):
            placed.append(({"role": "user", "message": body["message"]}, way))
        if isinstance(body.get("tool_results"), list):
            placed.append(({"role": "tool", "tool_results": body["tool_results"]}, way))
    return placed


def _time(message: Any) -> float:
    made = message.get("created_at") if isinstance(message, dict) else None
    return made if isinstance(made, (int, float)) else 0


def messages_of(value: Any) -> Sequence[Any]:
    """The messages alone."""
    return [message for message, _ in placed_messages(value)]


def parts_of_many(value: Any) -> str:
    """The way to the conversations in a JSON value of several, as ``jq`` takes it; ``""`` of any other."""
    listed, path = (value.get("requests"), ".requests[]") if isinstance(value, dict) else (value, ".[]")
    if not isinstance(listed, list) or looks_like_conversation(value):
        return ""
    return path if any(looks_like_conversation(each) for each in listed[:_LOOKED_AT]) else ""


def held_message(value: Any) -> str:
    """Under which key an entry of a log, such as a coding agent's, holds a message; ``""`` of others."""
    held = (key for key in _LOGGED if isinstance(value, dict) and looks_like_message(value.get(key)))
    return next(held, "")
