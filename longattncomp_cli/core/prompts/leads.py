"""What an agent at work is after: names in its newest call, in what it said, and where these come from.

The user's question rarely names what the fifth call reads. *"Which limit was exceeded?"* is answered by a
bare line ``attic_limit = 48`` of a file, which the agent reads because a log spoke of ``attic_limit`` and of
that file. So the names in the lines of earlier results that hold an argument of the call lead on, as those
in the call and in the words before it do.

Taken of the newest message that is decided about, not of the newest of all: while a conversation grows
behind an anchor (:mod:`~longattncomp_cli.core.prompts.growth`), what is decided stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from longattncomp_cli.core.inputs.conversations.model import Frame, Said
from longattncomp_cli.core.text.words import name_places, query_identifiers

_SAID_CHARS = 400
_LINE_CHARS = 240
_FEWEST_CHARS = 3
"""A shorter argument stands everywhere."""
_MOST_LINES = 2
"""An argument on more lines of a result leads nowhere."""
_MOST_VALUES, _MOST_NAMES = 8, 24
_MOST_ARGUMENT_CHARS = 20_000
"""Of a longer call (a file that is written) no argument is looked for."""
_NUMBER = re.compile(r"(?<![\w.])\d{3,}(?![\w.])")


@dataclass(frozen=True)
class NamesAfter:
    """Names that an agent is after.

    Attributes:
        names: as they are spelt, those that say most first.
        sources: of the request, in which they are looked for: what the newest calls gave.
    """

    names: tuple[str, ...]
    sources: tuple[int, ...]


def names_after(frame: Frame, query: str) -> NamesAfter | None:
    """What the newest calls that are decided about are after.

    Args:
        frame: of a request; its slots are what is decided about.
        query: whose own names need not be said again.

    Returns:
        ``None`` where the user spoke last, or gave the query.
    """
    texts = frame.conversation.texts
    if frame.asked_at is None or not frame.slots:
        return None
    newest = texts[frame.slots[-1].number].message
    own = [said for said in texts if frame.asked_at < said.message <= newest]
    at = max((said.message for said in own if said.role == "assistant"), default=None)
    if at is None:
        return None
    sources = tuple(i for i, slot in enumerate(frame.slots) if texts[slot.number].message > at)
    results = [each for each in own if each.message > at and each.kind == "result" and each.call]
    values = list(dict.fromkeys(value for each in results for value in _arguments(each)))[:_MOST_VALUES]
    earlier = [each for each in texts if each.message < at and each.kind == "result"]
    said = [each.text[-_SAID_CHARS:] for each in own if each.message == at and each.kind == "turn"]
    spoken = [name for text in (*said, *_origins(earlier, values)) for name in _names(text)]
    names = [name for name in dict.fromkeys([*spoken, *values]) if name not in query]
    return NamesAfter(tuple(names[:_MOST_NAMES]), sources) if names else None


def _names(text: str) -> list[str]:
    """Identifiers and long numbers."""
    return [*query_identifiers(text), *_NUMBER.findall(text)]


def _arguments(result: Said) -> Iterator[str]:
    """The strings and numbers among the arguments of a result's call."""
    arguments = result.call.removeprefix(result.tool).strip()
    if not arguments or len(arguments) > _MOST_ARGUMENT_CHARS:
        return
    try:
        waiting: list[Any] = [json.loads(arguments)]
    except (ValueError, RecursionError):
        waiting = [arguments]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += reversed(value.values())
        elif isinstance(value, list):
            waiting += reversed(value)
        elif isinstance(value, (str, int, float)) and len(str(value)) >= _FEWEST_CHARS:
            yield str(value)


def _origins(earlier: Sequence[Said], values: Sequence[str]) -> Iterator[str]:
    """The lines of the newest result that names a value, where it does so on few lines."""
    for value in values:
        for said in reversed(earlier):
            places = islice(name_places(said.text, value, 0, len(said.text)), _MOST_LINES + 1)
            lines = dict.fromkeys(_line_at(said.text, place) for place in places)
            if lines:
                if len(lines) <= _MOST_LINES:
                    yield from lines
                break


def _line_at(text: str, place: int) -> str:
    """The line around a place, of a long one the part nearby."""
    begin = max(text.rfind("\n", 0, place) + 1, place - _LINE_CHARS // 2)
    end = text.find("\n", place)
    return text[begin : min(end if end >= 0 else len(text), begin + _LINE_CHARS)].strip()
