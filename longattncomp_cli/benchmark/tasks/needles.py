"""Needles in a haystack, and chains of variables: made as RULER (arXiv:2404.06654) describes them.

The haystack is RULER's noise, a text that the user names, or needles themselves. One needle stands at the
item's depth, the others anywhere. Evidence is the sentence of every needle that is asked for.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Literal

from longattncomp_cli.benchmark.tasks import vocabulary
from longattncomp_cli.benchmark.tasks.base import PromptTemplate, Task, TaskSetting
from longattncomp_cli.benchmark.tasks.grading import all_strings
from longattncomp_cli.benchmark.tasks.item import Item, item_of_text
from longattncomp_cli.core.files.compressed import open_bytes
from longattncomp_cli.core.files.encodings import decode
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.data.readers.json_records import read_records
from longattncomp_cli.errors import InputError

_SENTENCE = re.compile(r"\S.*?(?:[.!?][\"')\]]*(?=\s)|\n\s*\n|$)\s*", re.DOTALL)
_ROOM_TOKENS = 16
_TEMPLATE = (
    "Some special magic {kind} are hidden within the following text. Make sure to memorize it. I will quiz "
    "you about the {kind} afterwards.\n{context}\n{query}"
)
_SOURCE = "RULER (arXiv:2404.06654), scripts/data/synthetic/constants.py; string_match_all"


@dataclass(frozen=True)
class NeedleForm:
    """RULER's parameters of one task."""

    haystack: Literal["noise", "essay", "needle"] = "essay"
    is_uuid_key: bool = False
    is_uuid_value: bool = False
    num_keys: int = 1
    num_values: int = 1
    num_queries: int = 1


FORMS = {
    "niah_single_1": NeedleForm(haystack="noise"),
    "niah_single_2": NeedleForm(),
    "niah_single_3": NeedleForm(is_uuid_value=True),
    "niah_multikey_1": NeedleForm(num_keys=4),
    "niah_multikey_2": NeedleForm(haystack="needle"),
    "niah_multikey_3": NeedleForm(haystack="needle", is_uuid_key=True, is_uuid_value=True),
    "niah_multivalue": NeedleForm(num_values=4),
    "niah_multiquery": NeedleForm(num_queries=4),
}


def needle_items(name: str, setting: TaskSetting) -> list[Item]:
    """Items of one needle task: each length, with the depths in turn."""
    form = FORMS[name]
    essay = haystack_sentences(setting) if form.haystack == "essay" else []
    items = []
    for length in setting.lengths:
        for number in range(setting.limit):
            depth = setting.depths[number % len(setting.depths)]
            rng = setting.rng(name, length, number)
            items.append(_needle_item(f"{name}-{length}-{number}", form, essay, length, depth, rng, setting))
    return items


def _needle_item(
    item_id: str,
    form: NeedleForm,
    essay: Sequence[str],
    length: int,
    depth: float,
    rng: random.Random,
    setting: TaskSetting,
) -> Item:
    make_key = vocabulary.identifier if form.is_uuid_key else vocabulary.key
    make_value = vocabulary.identifier if form.is_uuid_value else vocabulary.number
    kind = "uuid" if form.is_uuid_value else "number"
    keys = _distinct(lambda: make_key(rng), max(form.num_keys, form.num_queries))
    pairs = [(key, make_value(rng)) for key in keys for _ in range(form.num_values)]
    asked = keys[: form.num_queries]
    lines = [needle(kind, key, value) for key, value in pairs]
    if form.haystack == "needle":
        taken = set(keys)
        hay: Iterator[str] = (
            needle(kind, key, make_value(rng)) + "\n"
            for key in iter(lambda: make_key(rng), None)
            if key not in taken
        )
    else:
        hay = _noise() if form.haystack == "noise" else _essay(essay, rng)
    # The asked needle that stands first goes to the depth; the rest of them anywhere.
    depths = [depth, *(rng.random() for _ in lines[1:])]
    text, spans = planted(hay, lines, depths, length, setting.count_tokens)
    wanted = [span for (key, _), span in zip(pairs, spans, strict=True) if key in asked]
    subject = _listed(asked)
    query = (
        f"What is the special magic {kind} for {subject} mentioned in the provided text?"
        if len(wanted) == 1
        else f"What are all the special magic {kind}s for {subject} mentioned in the provided text?"
    )
    answers = tuple((value,) for key, value in pairs if key in asked)
    return item_of_text(
        item_id,
        query,
        text,
        wanted,
        answers=answers,
        length=length,
        depth=depth,
        fields={"kind": kind + "s"},
    )


def needle(kind: str, key: str, value: str) -> str:
    """RULER's sentence."""
    return f"One of the special magic {kind}s for {key} is: {value}."


def variable_items(setting: TaskSetting) -> list[Item]:
    """``vt``: one chain of four hops in noise; every assignment of the chain is evidence."""
    items = []
    for length in setting.lengths:
        for number in range(setting.limit):
            rng = setting.rng("vt", length, number)
            names = _distinct(partial(_variable, rng), 5)
            value = str(rng.randrange(10_000, 100_000))
            lines = [f"VAR {names[0]} = {value}"]
            lines += [f"VAR {name} = VAR {before} " for before, name in pairwise(names)]
            depth = setting.depths[number % len(setting.depths)]
            depths = sorted([depth, *(rng.random() for _ in lines[1:])])
            text, spans = planted(_noise(), lines, depths, length, setting.count_tokens)
            query = f"Find all variables that are assigned the value {value} in the text above."
            items.append(
                item_of_text(
                    f"vt-{length}-{number}",
                    query,
                    text,
                    spans,
                    answers=tuple((name,) for name in names),
                    length=length,
                )
            )
    return items


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


def _noise() -> Iterator[str]:
    while True:
        yield vocabulary.NOISE + "\n"


def _essay(sentences: Sequence[str], rng: random.Random) -> Iterator[str]:
    """The user's sentences from anywhere on, over and over; noise where there are none."""
    if not sentences:
        yield from _noise()
    start = rng.randrange(len(sentences))
    while True:
        yield from sentences[start:]
        yield from sentences[:start]


def _distinct(make: Callable[[], str], count: int) -> list[str]:
    made: dict[str, None] = {}
    while len(made) < count:
        made[make()] = None
    return list(made)


def _variable(rng: random.Random) -> str:
    return "".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(5))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + ", and " + names[-1]


def _task(name: str) -> Task:
    return Task(
        name,
        lambda setting: needle_items(name, setting),
        PromptTemplate(_TEMPLATE, all_strings, 128, _SOURCE),
        takes=("haystack",),
        about="RULER: needles in noise, in --haystack, or among needles",
    )


NEEDLE_TASKS = (
    *(_task(name) for name in FORMS),
    Task(
        "vt",
        variable_items,
        PromptTemplate(
            "Memorize and track the chain(s) of variable assignment hidden in the following text.\n\n"
            "{context}\nQuestion: {query}\nAnswer: According to the chain(s) of variable assignment in the "
            "text above, 5 variables are assigned the value, they are: ",
            all_strings,
            30,
            _SOURCE,
        ),
        about="RULER: variables that are assigned one another",
    ),
)
