"""A conversation as one text, in ChatML: what ``--as text`` prints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from longattncomp_cli.core.inputs.conversations.model import BESIDE, Conversation
from longattncomp_cli.core.inputs.conversations.reading import messages_of
from longattncomp_cli.core.inputs.messages import written_turn


def conversation_text(conversation: Conversation, changed: Mapping[int, str]) -> str:
    """Every message as a turn; its texts apart by an empty line, a tool call as name and arguments.

    Args:
        conversation: as it was read.
        changed: number of a text → what it is to be.
    """
    parts: dict[int, list[str]] = defaultdict(list)
    for number, said in enumerate(conversation.texts):
        parts[said.message].append(changed.get(number, said.text))
    turns = [written_turn("system", "\n\n".join(parts[BESIDE]))] if parts[BESIDE] else []
    for index, message in enumerate(messages_of(conversation.value)):
        turns.append(written_turn(message["role"], "\n\n".join(filter(None, parts[index]))))
    return "\n".join(turns)
