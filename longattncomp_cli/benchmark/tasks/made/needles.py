"""Needles in a haystack, and chains of variables: made as RULER (arXiv:2404.06654) describes them.

The haystack is RULER's noise, a text that the user names, or needles themselves. One needle stands at the
item's depth, the others anywhere. Evidence is the sentence of every needle that is asked for.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Literal

from longattncomp_cli.benchmark.tasks.base import Draft, PromptTemplate, Task, TaskSetting
from longattncomp_cli.benchmark.tasks.grading import all_strings
from longattncomp_cli.benchmark.tasks.item import Item, item_of_text
from longattncomp_cli.benchmark.tasks.made import vocabulary
from longattncomp_cli.benchmark.tasks.made.hay import essay, haystack_sentences, noise, planted
from longattncomp_cli.data.haystacks import CountTokens

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
    sentences = haystack_sentences(setting) if form.haystack == "essay" else []
    return [_needle_item(draft, form, sentences, setting.count_tokens) for draft in setting.drafts(name)]


def _needle_item(draft: Draft, form: NeedleForm, sentences: Sequence[str], count: CountTokens) -> Item:
    rng = draft.rng
    make_key = vocabulary.identifier if form.is_uuid_key else vocabulary.key
    make_value = vocabulary.identifier if form.is_uuid_value else vocabulary.number
    kind = "uuid" if form.is_uuid_value else "number"
    keys = _distinct(lambda: make_key(rng), max(form.num_keys, form.num_queries))
    pairs = [(key, make_value(rng)) for key in keys for _ in range(form.num_values)]
    asked = keys[: form.num_queries]
    lines = [needle(kind, key, value) for key, value in pairs]
    hay = noise() if form.haystack == "noise" else essay(sentences, rng)
    if form.haystack == "needle":
        hay = (
            needle(kind, key, make_value(rng)) + "\n"
            for key in iter(lambda: make_key(rng), None)
            if key not in keys
        )
    # The asked needle that stands first goes to the depth; the rest of them anywhere.
    depths = [draft.depth, *(rng.random() for _ in lines[1:])]
    text, spans = planted(hay, lines, depths, draft.length, count)
    wanted = [span for (key, _), span in zip(pairs, spans, strict=True) if key in asked]
    subject = _listed(asked)
    query = (
        f"What is the special magic {kind} for {subject} mentioned in the provided text?"
        if len(wanted) == 1
        else f"What are all the special magic {kind}s for {subject} mentioned in the provided text?"
    )
    answers = tuple((value,) for key, value in pairs if key in asked)
    return item_of_text(
        draft.item_id,
        query,
        text,
        wanted,
        answers=answers,
        length=draft.length,
        depth=draft.depth,
        fields={"kind": kind + "s"},
    )


def needle(kind: str, key: str, value: str) -> str:
    """RULER's sentence."""
    return f"One of the special magic {kind}s for {key} is: {value}."


def variable_items(setting: TaskSetting) -> list[Item]:
    """``vt``: one chain of four hops in noise; every assignment of the chain is evidence."""
    items = []
    for draft in setting.drafts("vt"):
        rng = draft.rng
        names = _distinct(partial(_variable, rng), 5)
        value = str(rng.randrange(10_000, 100_000))
        lines = [f"VAR {names[0]} = {value}"]
        lines += [f"VAR {name} = VAR {before} " for before, name in pairwise(names)]
        depths = sorted([draft.depth, *(rng.random() for _ in lines[1:])])
        text, spans = planted(noise(), lines, depths, draft.length, setting.count_tokens)
        query = f"Find all variables that are assigned the value {value} in the text above."
        answers = tuple((name,) for name in names)
        items.append(item_of_text(draft.item_id, query, text, spans, answers=answers, length=draft.length))
    return items


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
