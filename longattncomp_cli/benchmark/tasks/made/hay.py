"""What needles are hidden in: RULER's noise, or a text that the user names; and the hiding."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from longattncomp_cli.benchmark.tasks.base import TaskSetting
from longattncomp_cli.benchmark.tasks.made import vocabulary
from longattncomp_cli.core.files.compressed import open_bytes
from longattncomp_cli.core.files.encodings import decode
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.data.readers.json_records import read_records
from longattncomp_cli.errors import InputError

_SENTENCE = re.compile(r"\S.*?(?:[.!?][\"')\]]*(?=\s)|\n\s*\n|$)\s*", re.DOTALL)
_ROOM_TOKENS = 16


def noise() -> Iterator[str]:
    """RULER's, over and over."""
    while True:
        yield vocabulary.NOISE + "\n"


def essay(sentences: Sequence[str], rng: random.Random) -> Iterator[str]:
    """The user's sentences from anywhere on, over and over; noise where there are none."""
    if not sentences:
        yield from noise()
    start = rng.randrange(len(sentences))
    while True:
        yield from sentences[start:]
        yield from sentences[:start]


def haystack_sentences(setting: TaskSetting) -> list[str]:
    """Sentences of the text that the user named, with the white space behind them; noise where none is."""
    sentences: list[str] = []
    for path in setting.files.get("haystack", ()):
        for text in _texts(path):
            sentences += [match[0] for match in _SENTENCE.finditer(text)]
            if sentences:
                sentences[-1] = sentences[-1].rstrip() + "\n\n"
    if setting.files.get("haystack") and not sentences:
        raise InputError(f"{setting.files['haystack'][0]}: holds no text", code="empty-context")
    return sentences


def _texts(path: Path) -> Iterator[str]:
    """The texts of a JSONL file's ``text`` fields, or of any other file the whole."""
    if any(suffix in (".jsonl", ".ndjson", ".json") for suffix in path.suffixes):
        for record in read_records(path):
            yield record.text("text")
    else:
        with open_bytes(path) as stream:
            yield decode(stream.read(), str(path))


def planted(
    hay: Iterator[str],
    lines: Sequence[str],
    depths: Sequence[float],
    length: int,
    count: Callable[[str], int],
) -> tuple[str, list[Span]]:
    """Gather hay up to a length, and plant each line before the piece that begins at its depth.

    Returns:
        The text, and the span of each line in it, in the order of the lines.
    """
    room = max(0, length - _ROOM_TOKENS - sum(count(line + " ") for line in lines))
    pieces: list[str] = []
    used = 0
    for piece in hay:
        size = count(piece)
        if pieces and used + size > room:
            break
        pieces.append(piece)
        used += size
    total = sum(map(len, pieces))
    waiting = sorted(range(len(lines)), key=lambda i: (depths[i], i))
    parts: list[str] = []
    at = before = 0
    spans: dict[int, Span] = {}

    def plant(index: int) -> None:
        nonlocal at
        glue = "" if not parts or parts[-1][-1:].isspace() else " "
        line = lines[index].rstrip()
        spans[index] = Span(at + len(glue), at + len(glue) + len(line))
        ending = "\n" if pieces and pieces[0].endswith("\n") else " "
        parts.append(glue + line + ending)
        at += len(parts[-1])

    for piece in pieces:
        while waiting and before >= depths[waiting[0]] * total:
            plant(waiting.pop(0))
        parts.append(piece)
        at += len(piece)
        before += len(piece)
    for index in waiting:
        plant(index)
    return "".join(parts).rstrip("\n"), [spans[index] for index in range(len(lines))]
