"""Chats that programs give out are read as turns, and each turn stands where it does in the file."""

from __future__ import annotations

import json

import pytest

from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.inputs.views.reader import view_of
from tests.support.chats import FACT, LISTING, QUESTION
from tests.support.cli import invoke

MIND = 'He said: "né 😀"\nand \\ left.'


def _node(name, parent, role, parts):
    message = {
        "author": {"role": role, "name": None},
        "create_time": 1_700_000_000.5,
        "content": {"parts": parts},
    }
    return {"id": name, "message": message, "parent": parent, "children": []}


TREE = {
    "title": "Berths",
    "mapping": {
        "root": {"id": "root", "message": None, "parent": None, "children": ["a"]},
        "c": _node("c", "b", "assistant", [LISTING, {"asset_pointer": "x"}]),
        "b": _node("b", "a", "user", [MIND]),
        "b2": _node("b2", "a", "user", ["An abandoned branch."]),
        "a": _node("a", "root", "system", [""]),
    },
    "current_node": "c",
}
SENDERS = {
    "name": "Berths",
    "chat_messages": [
        {"sender": "human", "text": MIND, "created_at": "2026-03-14T21:05:00Z", "attachments": []},
        {"sender": "assistant", "text": LISTING, "content": [{"type": "text", "text": LISTING}]},
        {
            "sender": "human",
            "text": "",
            "attachments": [{"file_name": "a", "extracted_content": "What was attached."}],
        },
    ],
}
EXPORTS = {
    "tree": TREE,
    "senders": SENDERS,
    "slack": [
        {
            "type": "message",
            "user": "U1",
            "ts": "1700000000.0001",
            "text": MIND,
            "user_profile": {"real_name": "Ann Berg"},
        },
        {"type": "message", "user": "U2", "ts": "1700000060.0001", "text": LISTING},
        {"type": "message", "user": "U2", "ts": "1700000060.0001", "text": "", "files": []},
    ],
    "discord": {
        "guild": {"name": "Harbour"},
        "messages": [
            {
                "author": {"name": "ann", "nickname": "Ann"},
                "timestamp": "2026-03-14T21:05:00+00:00",
                "content": MIND,
            },
            {"author": {"name": "bo"}, "timestamp": "2026-03-14T21:06:00+00:00", "content": LISTING},
        ],
    },
    "teams": {
        "value": [
            {
                "createdDateTime": "2026-03-14T21:05:00Z",
                "from": {"user": {"displayName": "Ann"}},
                "body": {"contentType": "text", "content": MIND},
            },
            {
                "createdDateTime": "2026-03-14T21:06:00Z",
                "from": {"user": {"displayName": "Bo"}},
                "body": {"contentType": "html", "content": f"<p>{LISTING.replace(chr(10), '</p><p>')}</p>"},
            },
        ]
    },
    "telegram": {
        "messages": [
            {"type": "message", "date": "2026-03-14T21:05:00", "from": "Ann", "text": MIND},
            {
                "type": "message",
                "date": "2026-03-14T21:06:00",
                "from": "Bo",
                "text": ["See", {"type": "bold", "text": LISTING}],
            },
        ]
    },
    "messenger": {
        "messages": [
            {"sender_name": "Ann", "timestamp_ms": 1_700_000_000_000, "content": MIND},
            {"sender_name": "Bo", "timestamp_ms": 1_700_000_000_000, "content": LISTING},
        ]
    },
    "rasa": {
        "sender_id": "u",
        "events": [
            {"event": "action", "name": "listen", "timestamp": 1.5},
            {"event": "user", "text": MIND, "timestamp": 1_700_000_000.25},
            {"event": "bot", "text": LISTING, "data": {}},
        ],
    },
    "crew": [
        {"timestamp": "2026-03-14 21:05:00", "agent": "Ann", "task": MIND, "status": "started"},
        {
            "timestamp": "2026-03-14 21:06:00",
            "agent": "Bo",
            "task": "list",
            "status": "completed",
            "output": LISTING,
        },
    ],
}


@pytest.mark.parametrize("is_ascii", [True, False])
@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_read_as_turns_that_point_into_the_file(name, is_ascii):
    text = json.dumps(EXPORTS[name], ensure_ascii=is_ascii, indent=1)
    view = view_of(text, f"{name}.json")
    assert view is not None and "turns of a chat" in view.what
    assert MIND in view.text and FACT in view.text and "abandoned" not in view.text
    at = view.text.index(FACT)
    assert FACT in text[slice(*view.file_span(at, at + len(FACT)))]
    if name != "teams":
        assert text[slice(*view.file_span(at, at + len(FACT)))] == FACT
    source = Source(view.text, "x.json", view=view)
    assert source.kind == "chat" and source.structure is not None
    assert len(source.structure.units) >= 2
    assert view_of(text, "") == view


def test_several_chats_stand_under_their_titles_and_what_is_left_out_is_said():
    view = view_of(json.dumps([TREE, TREE]), "conversations.json")
    assert view.text.count("# Berths\n") == 2
    assert view.what == "the 4 turns of 2 chats, 2 messages of other branches left out"
    assert "What was attached." in view_of(json.dumps([SENDERS]), "c.json").text


@pytest.mark.parametrize(
    "value",
    [
        [{"type": "message", "text": "no time"}],
        {"mapping": {"a": "b"}},
        {"mapping": {"properties": {"ts": {"type": "date"}}}},
        {"events": [{"event": "user", "text": "x"}]},
        [{"author": "Ann", "content": "a page", "timestamp": "2026"}],
        {"messages": [{"from": "human", "value": "x"}]},
        {"chat_messages": [1]},
        [],
        {},
        "x",
    ],
)
def test_other_json_is_read_as_it_stands(value):
    assert view_of(json.dumps(value), "x.json") is None


@pytest.mark.parametrize(
    "text",
    [
        '{"mapping": {',
        '[{"ts": ' + "[" * 50_000,
        '{"mapping": {"a": {"message": {"content": 3}, "parent": "a"}}}',
    ],
)
def test_broken_and_odd_exports_are_read_as_they_stand(text):
    assert view_of(text, "x.json") is None


def test_an_export_on_the_command_line(folder):
    (folder / "conversations.json").write_text(json.dumps([TREE]))
    done = invoke("compress", "conversations.json", "-q", QUESTION, "-b", "90")
    assert done.exit_code == 0 and FACT in done.stdout and "read as the 2 turns of a chat" in done.stderr
    missing = invoke("compress", "conversations.json", "-b", "90")
    assert missing.exit_code in (0, 2)


@pytest.mark.parametrize(
    "label",
    ["3/14/26, 9:05 PM - {}: ", "[14.03.2026, 21:05:33] {}: ", "\u200e[3/14/26, 9:05:33\u202fPM] {}: "],
)
def test_messages_of_a_phone_are_turns(label):
    said = [
        ("Ann Berg", "The nets are mended, and what about the boat?"),
        ("Bo", "It is red."),
        ("Ann Berg", "Oh."),
    ]
    text = "".join(label.format(who) + what + "\n" for who, what in said * 3)
    source = Source(text, "WhatsApp Chat with Ann.txt")
    assert source.kind == "chat" and len(source.structure.units) == 9
