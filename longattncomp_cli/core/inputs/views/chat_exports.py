"""Chats that programs give out to be read, and that no API takes: who said what, one turn after the other.

ChatGPT's and Claude's, Slack's, Discord's, Teams', Telegram's, Messenger's and Google Chat's; the events of
Rasa and the log of CrewAI. Of ChatGPT's tree the branch is read that was on the screen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from longattncomp_cli.core.files.json_places import Place, strings
from longattncomp_cli.core.inputs.views import pages
from longattncomp_cli.core.inputs.views.json_strings import write_strings
from longattncomp_cli.core.inputs.views.view import View, ViewBuilder

_KEYS = re.compile(r'"(?:mapping|chat_messages|ts|author|from|sender_name|creator|agent|events)"\s*:')
_KEYED_CHARS = 1 << 16
_LOOKED_AT = 8
# Keys that an entry of such a list has, all of one of these, and which of them hold objects.
_SIGNS: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (frozenset({"type", "ts", "text"}), frozenset()),
    (frozenset({"author", "content", "timestamp"}), frozenset({"author"})),
    (frozenset({"from", "body", "createdDateTime"}), frozenset({"body"})),
    (frozenset({"type", "date", "from", "text"}), frozenset()),
    (frozenset({"sender_name", "timestamp_ms"}), frozenset()),
    (frozenset({"creator", "text", "created_date"}), frozenset({"creator"})),
    (frozenset({"agent", "task", "status", "timestamp"}), frozenset()),
)
_LISTS = ("messages", "value")
_WHO: tuple[Place, ...] = (
    *(("user_profile", "real_name"), ("user_profile", "display_name"), ("author", "nickname")),
    *(("author", "name"), ("from", "user", "displayName"), ("from",), ("sender_name",), ("creator", "name")),
    *(("username",), ("user",), ("agent",), ("actor",)),
)
_WHEN = (
    "timestamp",
    "createdDateTime",
    "date",
    "created_date",
    "ts",
    "timestamp_ms",
    "create_time",
    "created_at",
)
_TEXT: tuple[Place, ...] = (("text",), ("content",), ("body", "content"), ("task",), ("output",))
_SECONDS, _MILLISECONDS = 10**8, 10**11
_MOST_NAME_CHARS = 60


@dataclass(frozen=True)
class _Turn:
    """Who said something, when, and where the strings of it stand."""

    who: str
    when: str
    places: tuple[Place, ...]
    is_html: bool = False


@dataclass
class _Chat:
    """A title, turns, and how many messages of other branches there are."""

    title: str
    turns: list[_Turn]
    num_aside: int = 0


def read(text: str) -> View | None:
    """The turns; ``None`` where the text is no such export."""
    if not _KEYS.search(text, 0, _KEYED_CHARS):
        return None
    try:
        chats = list(_chats(json.loads(text)))
    except (ValueError, RecursionError):
        return None
    wanted = {place for chat in chats for turn in chat.turns for place in turn.places}
    if not wanted:
        return None
    lengths = {len(place) for place in wanted}
    found = {
        place: (start + 1, end - 1)
        for start, end, path in strings(text)
        if len(path) in lengths and (place := tuple(path)) in wanted
    }
    builder = ViewBuilder(text)
    for chat in chats:
        if len(chats) > 1:
            builder.write(f"# {chat.title}\n\n")
        for turn in chat.turns:
            _write(builder, turn, found)
    num_turns = sum(len(chat.turns) for chat in chats)
    what = "a chat" if len(chats) == 1 else f"{len(chats):,} chats"
    num_aside = sum(chat.num_aside for chat in chats)
    of_others = "a message" if num_aside == 1 else f"{num_aside:,} messages"
    aside = f", {of_others} of other branches left out" if num_aside else ""
    return builder.view(f"the {num_turns:,} turns of {what}{aside}", ".chat")


def _write(builder: ViewBuilder, turn: _Turn, found: dict[Place, tuple[int, int]]) -> None:
    when = f"[{turn.when}] " if turn.when else ""
    builder.write(f"{when}{turn.who}: ")
    for number, place in enumerate(turn.places):
        if place not in found:
            continue
        start, end = found[place]
        page = pages.read(json.loads(builder.file_text[start - 1 : end + 1])) if turn.is_html else None
        if page is not None:
            builder.replace(page.text.strip(), start, end)
        else:
            builder.write("\n" * (number > 0 and not builder.ends_with("\n")))
            write_strings(builder, [(start, end)])
    builder.write("\n" if builder.ends_with("\n") else "\n\n")


def _chats(value: Any) -> Iterator[_Chat]:
    """The chats of a parsed text, none where it is something else."""
    several = value if isinstance(value, list) else [value]
    if all(isinstance(each, dict) and _kept_whole(each) for each in several):
        for number, each in enumerate(several):
            way: Place = (number,) if isinstance(value, list) else ()
            yield _of_tree(each, way) if "mapping" in each else _of_senders(each, way)
        return
    if isinstance(value, dict) and isinstance(value.get("events"), list) and "sender_id" in value:
        yield _Chat("", [*_of_events(value["events"])])
        return
    key = next((key for key in _LISTS if isinstance(value, dict) and isinstance(value.get(key), list)), None)
    entries = value if isinstance(value, list) else value[key] if key else []
    way = (key,) if key else ()
    if any(_is_entry(each) for each in entries[:_LOOKED_AT]):
        turns = (_of_entry(each, (*way, i)) for i, each in enumerate(entries) if isinstance(each, dict))
        yield _Chat("", [turn for turn in turns if turn is not None])


def _kept_whole(value: dict[str, Any]) -> bool:
    """Whether it is a chat with an assistant."""
    if isinstance(value.get("mapping"), dict):
        nodes = list(value["mapping"].values())[:_LOOKED_AT]
        return all(isinstance(node, dict) and {"message", "parent"} <= node.keys() for node in nodes)
    messages = value.get("chat_messages")
    return isinstance(messages, list) and all(isinstance(m, dict) and "sender" in m for m in messages)


def _of_tree(chat: dict[str, Any], way: Place) -> _Chat:
    """From the node on the screen up to the first one."""
    mapping = chat["mapping"]
    number = chat.get("current_node")
    number = number if isinstance(number, str) and number in mapping else next(reversed(mapping), None)
    branch: list[str] = []
    seen: set[str] = set()
    while isinstance(number, str) and number in mapping and number not in seen:
        seen.add(number)
        branch.append(number)
        number = mapping[number].get("parent") if isinstance(mapping[number], dict) else None
    turns = []
    for each in reversed(branch):
        message = mapping[each].get("message")
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, dict):
            author = message.get("author")
            who = author.get("name") or author.get("role") if isinstance(author, dict) else ""
            place: Place = (*way, "mapping", each, "message", "content")
            turns += _turn(who, _when(message), _strings_in(content, place, ("parts", "text", "result")))
    aside = (node for name, node in mapping.items() if name not in seen and isinstance(node, dict))
    return _Chat(_name(chat.get("title")), turns, sum(bool(node.get("message")) for node in aside))


def _of_senders(chat: dict[str, Any], way: Place) -> _Chat:
    """Claude's: what is said, and the text of what was attached."""
    turns = []
    for number, message in enumerate(chat["chat_messages"]):
        place: Place = (*way, "chat_messages", number)
        places = _strings_in(message, place, ("text",)) or _strings_in(message, place, ("content",))
        places += _strings_in(message, place, ("attachments",))
        turns += _turn(message["sender"], _when(message), places)
    return _Chat(_name(chat.get("name")), turns)


def _of_events(events: Sequence[Any]) -> Iterator[_Turn]:
    """Rasa's: what user and bot say."""
    for number, event in enumerate(events):
        if isinstance(event, dict) and event.get("event") in ("user", "bot"):
            yield from _turn(event["event"], _when(event), _strings_in(event, ("events", number), ("text",)))


def _is_entry(value: Any) -> bool:
    return isinstance(value, dict) and any(
        keys <= value.keys() and all(isinstance(value[key], dict) for key in objects)
        for keys, objects in _SIGNS
    )


def _of_entry(entry: dict[str, Any], place: Place) -> _Turn | None:
    """An entry of a list of messages; ``None`` of one without a text."""
    who = next((found for way in _WHO if isinstance(found := _at(entry, way), str) and found), "")
    places: list[Place] = []
    for way in _TEXT:
        holder, inner = _at(entry, way[:-1]), (*place, *way[:-1])
        if isinstance(holder, dict) and not (way == ("content",) and places):
            places += _strings_in(holder, inner, (str(way[-1]),))
    is_html = _at(entry, ("body", "contentType")) == "html"
    turn = next(iter(_turn(who, _when(entry), places)), None)
    return turn and _Turn(turn.who, turn.when, turn.places, is_html)


def _turn(who: Any, when: str, places: Sequence[Place]) -> list[_Turn]:
    return [_Turn(_name(who), when, tuple(places))] if places else []


def _strings_in(holder: dict[str, Any], place: Place, keys: Sequence[str]) -> list[Place]:
    """Where the strings under some keys stand: one itself, those of a list, and those of objects in it."""
    found: list[Place] = []
    for key in keys:
        value = holder.get(key)
        for number, part in enumerate(value if isinstance(value, list) else [value]):
            inner = (*place, key, number) if isinstance(value, list) else (*place, key)
            if isinstance(part, dict):
                held = next((k for k in ("text", "extracted_content") if isinstance(part.get(k), str)), "")
                part, inner = part.get(held), (*inner, held)
            if isinstance(part, str) and part.strip():
                found.append(inner)
    return found


def _at(value: Any, way: Place) -> Any:
    for key in way:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _name(who: Any) -> str:
    """A name or a title, short and on one line; of roles with a capital letter."""
    name = re.sub(r"[\s:]+", " ", who).strip()[:_MOST_NAME_CHARS] if isinstance(who, str) else ""
    return name[:1].upper() + name[1:] if name else "Somebody"


def _when(entry: dict[str, Any]) -> str:
    """The minute; ``""`` where none is known."""
    when = next((entry[key] for key in _WHEN if isinstance(entry.get(key), (str, int, float))), "")
    if isinstance(when, str) and re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", when):
        return when[:16].replace("T", " ")
    try:
        seconds = float(when)
        seconds /= 1000 if seconds >= _MILLISECONDS else 1
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}" if seconds >= _SECONDS else ""
    except (ValueError, OverflowError, OSError):
        return ""
