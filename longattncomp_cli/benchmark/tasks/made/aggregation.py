"""RULER's aggregation tasks (arXiv:2404.06654): the most common words of a list, or of a coded text.

Every occurrence of an asked word is evidence, so nothing that leaves text out can keep all of it: these tasks
show where compression must fail.
"""

from __future__ import annotations

import random

from longattncomp_cli.benchmark.tasks.base import Draft, PromptTemplate, Task, TaskSetting
from longattncomp_cli.benchmark.tasks.grading import all_strings
from longattncomp_cli.benchmark.tasks.item import Item, item_of_text
from longattncomp_cli.benchmark.tasks.made import vocabulary
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.data.haystacks import CountTokens

_COMMON, _COMMON_TIMES, _OTHER_TIMES = 10, 30, 3
_ASKED_CODED = 3
_ALPHA = 2.0
_SOURCE = "RULER (arXiv:2404.06654), scripts/data/synthetic/constants.py; string_match_all"


def common_items(setting: TaskSetting) -> list[Item]:
    """``cwe``: a numbered list in which ten words stand 30 times and the others 3 times."""
    query = "What are the 10 most common words in the above list?"
    return [_item(draft, query, *_word_list(draft, setting.count_tokens)) for draft in setting.drafts("cwe")]


def _word_list(draft: Draft, count: CountTokens) -> tuple[str, list[str]]:
    """The longest list that fits, and its common words."""

    def listed(num_other: int) -> str:
        others = known_words[_COMMON : _COMMON + num_other]
        entries = known_words[:_COMMON] * _COMMON_TIMES + others * _OTHER_TIMES
        random.Random(shuffle).shuffle(entries)
        return "\n".join(f"{place}. {word}" for place, word in enumerate(entries, 1))

    shuffle = draft.rng.getrandbits(32)
    known_words = vocabulary.vocabulary(draft.rng, _COMMON + max(1, draft.length // 12))
    low, high = 0, len(known_words) - _COMMON
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(listed(middle)) <= draft.length else (low, middle - 1)
    return listed(low), known_words[:_COMMON]


def coded_items(setting: TaskSetting) -> list[Item]:
    """``fwe``: coded words whose frequencies fall by Zipf's law (alpha 2), among dots; the first three."""
    query = "What are the three most frequently appeared words in the above coded text?"
    return [_item(draft, query, *_coded_text(draft, setting.count_tokens)) for draft in setting.drafts("fwe")]


def _coded_text(draft: Draft, count: CountTokens) -> tuple[str, list[str]]:
    """A text of coded words, and the most frequent of them."""
    rng, length = draft.rng, draft.length
    known_words = sorted({vocabulary.coded_word(rng) for _ in range(2_000)})
    rng.shuffle(known_words)
    entries: list[str] = []
    used = 0
    while used < length:
        batch = _draws(known_words, rng, 200)
        used += count(" ".join(batch))
        entries += batch
    num_kept = max(50, int(len(entries) * (length / max(1, used))))
    return " ".join(entries[:num_kept]), known_words[1 : 1 + _ASKED_CODED]


def _draws(known_words: list[str], rng: random.Random, count: int) -> list[str]:
    """Words by Zipf's law; the most frequent rank is noise, as in RULER."""
    ranks = range(1, len(known_words) + 1)
    drawn = rng.choices(range(len(known_words)), weights=[rank**-_ALPHA for rank in ranks], k=count)
    return ["...." if index == 0 else known_words[index] for index in drawn]


def _item(draft: Draft, query: str, text: str, asked: list[str]) -> Item:
    wanted = set(asked)
    evidence = []
    at = 0
    for line in text.replace("\n", " ").split(" "):
        if line in wanted:
            evidence.append(Span(at, at + len(line)))
        at += len(line) + 1
    answers = tuple((word,) for word in asked)
    return item_of_text(draft.item_id, query, text, evidence, answers=answers, length=draft.length)


COUNTING_TASKS = (
    Task(
        "cwe",
        common_items,
        PromptTemplate(
            "Below is a numbered list of words. In these words, some appear more often than others. Memorize "
            "the ones that appear most often.\n{context}\nQuestion: {query}\nAnswer: The top 10 words that "
            "appear most often in the list are:",
            all_strings,
            120,
            _SOURCE,
        ),
        about="RULER: the most common words of a list",
    ),
    Task(
        "fwe",
        coded_items,
        PromptTemplate(
            "Read the following coded text and track the frequency of each coded word. Find the three most "
            "frequently appeared coded words. {context}\nQuestion: Do not provide any explanation. Please "
            "ignore the dots '....'. {query}\nAnswer: According to the coded text above, the three most "
            "frequently appeared words are:",
            all_strings,
            50,
            _SOURCE,
        ),
        about="RULER: the most frequent coded words",
    ),
)
