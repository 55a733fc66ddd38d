"""A format is told from the text alone, and prose, Markdown, chats and code stay what they are."""

from __future__ import annotations

import random

import pytest

from longattncomp_cli.core.text.structure.kinds import CODE_KINDS, ENTRY_KINDS, kind_of
from tests.support.made_files import WORDS

PROSE = "The harbour master said: no boat leaves before ten. At 10:30:00 the wind turned (see page 7).\n"

OTHERS = [
    (PROSE * 20, None),
    ("\n\n".join([PROSE] * 9), None),
    (
        "# Log\n\n"
        + PROSE
        + "\n## 2024-01-01 10:00:00\n\n"
        + PROSE
        + "\n```\n2024-01-01 10:00:00 INFO x\n```\n",
        "markdown",
    ),
    ("[00:12] Ann: hello there.\n[00:13] Bob: good day.\n[00:15] Ann: well.\n[00:19] Bob: yes.\n", "chat"),
    (
        "10:12:30 Ann: hello there.\n10:13:30 Bob: good day.\n10:15:30 Ann: well.\n10:19:30 Bob: yes.\n",
        "chat",
    ),
    ("INFO: started\nERROR: failed\nINFO: again\nERROR: failed\nINFO: done\n", "log"),
    ("Title: On Boats\nAuthor: Ann Oar\n\n" + "The wind turned before ten.\n" * 9, None),
    ("- one thing\n- another thing: with words\n- a third\n" * 5, None),
    ("Dear Ann,\n\nFrom what I hear: all is well. To say more: no.\n\nBob\n", None),
    ("CREATE is a word that managers like.\nSELECT few of them; drop the rest.\n" * 5, None),
    ("NAME\nAnn\n\nDESCRIPTION\nTall.\n" * 3, None),
    ("time,level\n2024-01-01T10:00:00Z,4\n2024-01-01T11:00:00Z,5\n2024-01-01T12:00:00Z,6\n", None),
    ("commit to it, or do not.\n" + PROSE * 3, None),
    ("--- \n" + PROSE + "+++ more\n" + PROSE, None),
    ("From the hill one sees the bay.\n" * 9, None),
]


@pytest.mark.parametrize(("text", "kind"), OTHERS)
def test_what_only_looks_like_a_format_is_none(text: str, kind: str | None) -> None:
    assert kind_of(text) == kind


def test_prose_of_any_words_and_marks_is_prose() -> None:
    for seed in range(60):
        rng = random.Random(seed)
        lines = []
        for _ in range(60):
            words = rng.choices(WORDS, k=rng.randrange(4, 14))
            words[rng.randrange(len(words))] += rng.choice(
                [":", ",", ";", " -", "...", " 12", " 10:30", " (2024-01-01)"]
            )
            lines.append(" ".join(words).capitalize() + rng.choice([".", ".", "?", ",", ""]))
        assert kind_of("\n".join(lines)) is None


NAMED = {
    "deploy/Dockerfile.dev": "dockerfile",
    "GNUmakefile": "makefile",
    ".env.local": "config",
    ".editorconfig": "config",
    "a/app.service": "config",
    "x.YML": "yaml",
    "schema.sql": "sql",
    "main.tf": "settings",
    "talk.vtt": "subtitles",
    "fix.patch": "diff",
    "pom.xml": "xml",
    "page.html": None,
    "": None,
    "/": None,
}


@pytest.mark.parametrize("name", NAMED)
def test_names_say_what_a_file_holds(name: str) -> None:
    assert kind_of("plain words.", name) == NAMED[name]


def test_logs_are_no_code_and_sql_is() -> None:
    """Kinds of code take the untrained hop; chunks follow the units of both."""
    assert "sql" in CODE_KINDS
    assert not CODE_KINDS & ENTRY_KINDS


@pytest.mark.parametrize(
    "line",
    [
        "2031-05-06T07:08:09.123Z INFO ready",
        "2031/05/06 07:08:09 [error] 7#7: gone",
        "[2031-05-06 07:08:09,123] {pump.py:7} INFO - ready",
        "May  6 07:08:09 quay pump[7]: ready",
        "[Wed May 06 07:08:09 2031] [core:error] gone",
        '10.0.0.7 - - [06/May/2031:07:08:09 +0000] "GET / HTTP/1.1" 200 7',
        "[   12.345678] usb 1-1: new device",
        "I0506 07:08:09.123456   123 pump.go:7] ready",
        "1930000000.123 ready",
        'time="2031-05-06T07:08:09Z" level=info msg=ready',
        "WARN  [main] pump - dry",
        "<34>1 2031-05-06T07:08:09Z quay pump - - - ready",
        "pump_1  | 2031-05-06 07:08:09 ready",
        "07:08:09.123 [main] INFO pump - ready",
        "05-06-2031 07:08:09 ready",
    ],
)
def test_entries_of_many_loggers(line: str) -> None:
    assert kind_of("\n".join([line, "    at a.b(c.java:1)"] * 4)) == "log"
