"""What was read of a conversation: its strings, where they stand, and who said them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from longattncomp_cli.core.files.json_places import Place

BESIDE = -1
"""The message index of what stands beside the messages: Anthropic's ``system``, Cohere's ``documents``."""

SYSTEM_ROLES = ("system", "developer")

TextKind = Literal["turn", "result", "fixed"]


@dataclass(frozen=True, slots=True)
class Said:
    """One text of a conversation.

    Attributes:
        message: the index of its message, from 0.
        role: who said it, as written.
        text: what it says; a lone surrogate is U+FFFD here.
        kind: ``turn`` of a user or assistant, ``result`` of a tool, or ``fixed``: system text, a tool call's
            name or arguments, thinking, a refusal.
        place: where the string stands, in the JSON value; empty where it is none (arguments as an object).
        also: where the same text stands once more in the message, for a reader of another kind; counted once.
        tool, call: of a result: the tool's name, and its call on one line, where they are known.
    """

    message: int
    role: str
    text: str
    kind: TextKind
    place: Place = ()
    tool: str = ""
    call: str = ""
    also: tuple[Place, ...] = ()

    @property
    def is_system(self) -> bool:
        """Whether it is the application's own: rules that stand over the conversation."""
        return self.role in SYSTEM_ROLES

    @property
    def name(self) -> str:
        """What tables and reports call it: role or tool, and message index."""
        who = f"{self.role} {self.tool}" if self.tool and self.role != self.tool else self.role
        if self.message == BESIDE:
            return who
        return f"message {self.message} ({who})"


def said_once(groups: Sequence[Sequence[Said]]) -> Iterator[Said]:
    """The texts of a message that stand under several keys; one that stands under two of them counts once."""
    said: list[Said] = []
    known: dict[str, int] = {}
    for group in groups:
        new = []
        for each in group:
            number = known.get(each.text)
            if number is None:
                new.append(each)
            elif each.place and said[number].kind != "fixed":
                said[number] = replace(said[number], also=(*said[number].also, each.place))
        known.update({each.text: number for number, each in enumerate(new, len(said))})
        said += new
    return iter(said)


@dataclass(frozen=True, slots=True)
class JsonStyle:
    """The JSON text that a conversation was read from, so that it is written again alike.

    Attributes:
        raw: the text as it came; ``None`` of a value.
        is_lines: whether every message is a line of its own.
    """

    raw: str | None = None
    is_lines: bool = False


@dataclass(frozen=True)
class Conversation:
    """A list of messages, or a request body that holds one.

    Attributes:
        value: the JSON value.
        texts: all that counts, in order.
        num_messages: of the conversation.
        style: how it was written.
    """

    value: Any
    texts: tuple[Said, ...]
    num_messages: int
    style: JsonStyle = field(default_factory=JsonStyle)

    def with_texts(self, changed: Mapping[int, str]) -> Any:
        """The value with other strings in the places of some texts; the rest is shared, not copied.

        Args:
            changed: number of a text → its new string.
        """
        return _replaced(self.value, sorted(self.places(changed).items(), key=_in_order), 0)

    def places(self, changed: Mapping[int, str]) -> dict[Place, str]:
        """Everywhere that a changed text stands.

        Args:
            changed: number of a text → its new string.
        """
        texts = ((self.texts[number], text) for number, text in changed.items())
        return {place: text for said, text in texts for place in (said.place, *said.also)}


def _in_order(placed: tuple[Place, str]) -> list[str]:
    """What brings places that begin alike together."""
    return [f"{key!r}" for key in placed[0]]


def _replaced(value: Any, places: Sequence[tuple[Place, str]], depth: int) -> Any:
    """A copy of ``value`` along the places alone."""
    if not places:
        return value
    if len(places[0][0]) == depth:
        return places[0][1]
    copy = value.copy()
    at = 0
    while at < len(places):
        key = places[at][0][depth]
        stop = at + 1
        while stop < len(places) and places[stop][0][depth] == key:
            stop += 1
        copy[key] = _replaced(value[key], places[at:stop], depth + 1)
        at = stop
    return copy


@dataclass(frozen=True, slots=True)
class Slot:
    """A source of a request, as a part of a text of a conversation.

    Attributes:
        number: of the text.
        start, end: the part that the source is; all of it but for a long last turn, whose question and
            instruction stay.
    """

    number: int
    start: int
    end: int


@dataclass(frozen=True)
class Frame:
    """What stands around the sources of a request that is a conversation.

    Attributes:
        conversation: all of it.
        slots: of each source of the request.
        reserve: tokens of the budget that are left free, so that a conversation that goes on keeps its
            beginning as it is.
        asked_at: index of the message that asks; ``None`` where the query was given.
    """

    conversation: Conversation
    slots: tuple[Slot, ...]
    reserve: int = 0
    asked_at: int | None = None
