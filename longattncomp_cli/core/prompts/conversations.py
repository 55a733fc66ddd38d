"""What a conversation asks, and which of its texts may be shortened for it.

The last user turn asks. System text, tool calls and that turn stay as they are; everything else that was
said, and the results of tools also behind that turn, are sources.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from unicodedata import category

from longattncomp_cli.core.inputs.conversations.model import Conversation, Frame, Said, Slot
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.layouts.asking import QUERY_CHARS, meaning
from longattncomp_cli.core.prompts.layouts.general import match_turn
from longattncomp_cli.core.prompts.parser import match_body
from longattncomp_cli.core.text.spans import SourceSpan
from longattncomp_cli.errors import InputError

PARSER = "auto:messages"
FEWEST_LETTERS = 16
"""A last turn of fewer letters ("and the second one?", "go on") leans on what was asked before it."""
LONE_CHARS = 1_000
"""A longer turn is taken apart where there is nothing else to shorten."""
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_WIDE_LETTERS = 3
_TITLE_CHARS = 400


@dataclass(frozen=True)
class Asked:
    """What a conversation asks for.

    Attributes:
        query: what relevance is judged against.
        parser: how it was found.
        message: index of the last user turn, ``None`` where there is none.
        context: the part of that turn that may be shortened, where it is long.
    """

    query: str
    parser: str
    message: int | None
    context: Slot | None = None


def frame_of(conversation: Conversation, query: str = "") -> tuple[tuple[Source, ...], Frame, Asked]:
    """Take a conversation apart.

    Args:
        conversation: as it was read.
        query: instead of the last user turn.

    Returns:
        The sources, none where nothing may be shortened; what stands around them; and what is asked.

    Raises:
        InputError: nobody asks anything.
    """
    asked = _find_query(conversation, query)
    slots = []
    for number, said in enumerate(conversation.texts):
        if asked.context is not None and number == asked.context.number:
            if asked.context.end > asked.context.start:
                slots.append(asked.context)
        elif said.kind != "fixed" and said.text.strip() and not _is_asked(said, asked):
            slots.append(Slot(number, 0, len(said.text)))
    sources = tuple(_source(conversation.texts[slot.number], slot) for slot in slots)
    asked_at = None if query.strip() else asked.message
    return sources, Frame(conversation, tuple(slots), asked_at=asked_at), asked


def spans_of_messages(keep: Sequence[SourceSpan], frame: Frame) -> tuple[SourceSpan, ...]:
    """What must be kept of messages, as spans of sources; what is no source stays anyway.

    Args:
        keep: spans of messages, by their indices; a message's offsets run on through its texts.
        frame: of the sources.

    Raises:
        InputError: a span ends beyond its message.
    """
    if not keep:
        return ()
    numbers: dict[int, list[int]] = {}
    for number, said in enumerate(frame.conversation.texts):
        if said.kind != "fixed":
            numbers.setdefault(said.message, []).append(number)
    sources = {slot.number: source for source, slot in enumerate(frame.slots)}
    found = []
    for message, start, end in keep:
        offset = 0
        for number in numbers.get(message, ()):
            length = len(frame.conversation.texts[number].text)
            if number in sources:
                slot = frame.slots[sources[number]]
                low = max(start - offset, slot.start) - slot.start
                high = min(end - offset, slot.end) - slot.start
                if low < high:
                    found.append(SourceSpan(sources[number], low, high))
            offset += length
        if end > offset and numbers.get(message):
            raise InputError(
                f"field 'keep': {start}:{end} ends beyond message {message}, which has {offset} characters",
                hint="count characters from 0, end excluded",
                code="bad-field",
            )
    return tuple(found)


def _is_asked(said: Said, asked: Asked) -> bool:
    return said.kind == "turn" and said.message == asked.message


def _source(said: Said, slot: Slot) -> Source:
    return Source(said.text[slot.start : slot.end], said.name, said.call[:_TITLE_CHARS])


def _find_query(conversation: Conversation, query: str) -> Asked:
    """The texts of the last user turn, or the query that was given."""
    turns: dict[int, list[int]] = {}
    for number, said in enumerate(conversation.texts):
        if said.role == "user" and said.kind == "turn" and said.text.strip():
            turns.setdefault(said.message, []).append(number)
    if not turns:
        if query.strip():
            return Asked(query, "given", None)
        raise InputError(
            "no user turn asks anything", hint="pass the query with -q 'your question'", code="no-query"
        )
    last, earlier = list(turns.values())[-1], list(turns.values())[:-1]
    found = _of_last_turn(conversation, last)
    if query.strip():
        return Asked(query, "given", found.message, found.context or _all_of(conversation, last))
    for before in reversed(earlier):
        if _num_letters(found.query) >= FEWEST_LETTERS:
            break
        if (asked := _asked_in(conversation, before)) and asked not in found.query:
            found = replace(found, query=f"{found.query}\n{asked}")
    return found


def _asked_in(conversation: Conversation, numbers: list[int]) -> str:
    """What an earlier turn asked: of a long text its question, or nothing where it has none."""
    whole = "\n".join(conversation.texts[number].text for number in numbers)
    if len(whole) <= LONE_CHARS:
        return whole
    last = conversation.texts[numbers[-1]].text
    if len(last) <= LONE_CHARS:
        return last
    found = match_body(last) or match_turn(last)
    return "" if found is None else meaning(last[found[1].query_start : found[1].query_end])


def _of_last_turn(conversation: Conversation, numbers: list[int]) -> Asked:
    """What the last turn asks; of a very long one also where its context lies."""
    texts = [conversation.texts[number] for number in numbers]
    message = texts[-1].message
    whole = "\n\n".join(said.text for said in texts)
    is_alone = all(said.kind == "fixed" or said.message == message for said in conversation.texts)
    if len(whole) <= (LONE_CHARS if is_alone else QUERY_CHARS):
        return Asked(meaning(whole) or whole, PARSER, message)
    last = texts[-1].text
    if len(last) <= QUERY_CHARS and len(texts) > 1:
        longest = max(numbers, key=lambda number: len(conversation.texts[number].text))
        context = Slot(longest, 0, len(conversation.texts[longest].text))
        return Asked(meaning(last) or last, PARSER, message, context)
    found = match_body(last) or match_turn(last)
    if found is None:
        return Asked(meaning(last[-QUERY_CHARS:]) or last[-QUERY_CHARS:], PARSER, message)
    layout, split = found
    body = last[split.start : split.end]
    start = split.end - len(body.lstrip())
    context = Slot(numbers[-1], start, max(start, split.start + len(body.rstrip())))
    return Asked(meaning(last[split.query_start : split.query_end]), f"{PARSER}+{layout}", message, context)


def _all_of(conversation: Conversation, numbers: list[int]) -> Slot | None:
    """The longest text of a turn that is too long for a question, where what asks stands elsewhere."""
    texts = conversation.texts
    longest = max(numbers, key=lambda number: len(texts[number].text))
    return Slot(longest, 0, len(texts[longest].text)) if len(texts[longest].text) > QUERY_CHARS else None


def _num_letters(text: str) -> int:
    """Letters, with the vowel signs of scripts that write them as marks; a wide one says as much as three."""
    head = text[:200]
    num_wide = len(_WIDE.findall(head))
    return sum(category(char)[0] in "LM" for char in head) + (_WIDE_LETTERS - 1) * num_wide
