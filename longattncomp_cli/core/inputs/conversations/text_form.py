"""A conversation as one text, in ChatML: what ``--as text`` prints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from longattncomp_cli.core.inputs.conversations.model import BESIDE, Conversation
from longattncomp_cli.core.inputs.conversations.shapes import is_item, messages_of, speaker_in
from longattncomp_cli.core.inputs.messages import written_turn

_OTHER = ("image", "image_url", "input_image", "input_audio", "file", "input_file", "document")


def conversation_text(conversation: Conversation, changed: Mapping[int, str], stub: str) -> str:
    """Every message as a turn: its texts apart by an empty line, and the type of what is no text.

    Args:
        conversation: as it was read.
        changed: number of a text → what it is to be.
        stub: what a text is of which nothing is kept; turns that hold nothing else become one of these.
    """
    parts: dict[int, list[str]] = defaultdict(list)
    beside: dict[str, list[str]] = defaultdict(list)
    for number, said in enumerate(conversation.texts):
        of = beside[said.role] if said.message == BESIDE else parts[said.message]
        of.append(changed.get(number, said.text))
    turns = [written_turn(role, "\n\n".join(texts)) for role, texts in beside.items()]
    for index, message in enumerate(messages_of(conversation.value)):
        said_here = [*filter(None, parts[index]), *_other_parts(message)]
        if said_here and all(part == stub for part in said_here):
            if turns[-1:] != [stub]:
                turns.append(stub)
        else:
            turns.append(written_turn(_role(message), "\n\n".join(said_here)))
    return "\n".join(turns)


def _role(message: dict[str, Any]) -> str:
    """Who speaks; a call is the assistant's, what came of it the tool's."""
    if is_item(message):
        return "tool" if "output" in message else "assistant"
    return str(speaker_in(message)[0])


def _other_parts(message: dict[str, Any]) -> list[str]:
    """Images and the like, by their type; so an item without a text, such as a search in the web."""
    if is_item(message) and "name" not in message and "output" not in message and "results" not in message:
        return [f"[{message['type']}]"] if message["type"] != "reasoning" else []
    content = message.get("content", message.get("output"))
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return [f"[{part['type']}]" for part in parts if part.get("type") in _OTHER]
