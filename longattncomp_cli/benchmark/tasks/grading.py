"""Answer extraction and grades of the official benchmarks, each from its published rule."""

from __future__ import annotations

import re
import string
from collections import Counter

from longattncomp_cli.benchmark.tasks.item import Item

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_LAST_LETTER = re.compile(r"\b[A-J]\b(?!.*\b[A-J]\b)")
_LEADS = ("answer is:", "is:", "answer:", "correct option is:")
_NOISE = re.compile(r"[\n`'\"*-]|[Oo]ption")


def all_strings(item: Item, reply: str) -> float:
    """RULER's ``string_match_all``: the share of the wanted strings that the reply holds."""
    found = [any(answer.lower() in reply.lower() for answer in group) for group in item.answers]
    return sum(found) / max(1, len(found))


def any_string(item: Item, reply: str) -> float:
    """RULER's ``string_match_part``, of its qa tasks: whether the reply holds any accepted answer."""
    return float(any(answer.lower() in reply.lower() for group in item.answers for answer in group))


def normal_answer(text: str) -> str:
    """SQuAD's: lower case, without punctuation, articles and doubled spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(item: Item, reply: str) -> float:
    """SQuAD's exact match: whether the reply is any accepted answer and nothing else."""
    accepted = {normal_answer(answer) for group in item.answers for answer in group}
    return float(normal_answer(reply) in accepted)


def token_f1(item: Item, reply: str) -> float:
    """SQuAD's F1: the best overlap of words with any accepted answer."""
    return max((_f1(answer, reply) for group in item.answers for answer in group), default=0.0)


def _f1(answer: str, reply: str) -> float:
    wanted, given = normal_answer(answer).split(), normal_answer(reply).split()
    if not wanted or not given:
        return float(wanted == given)
    common = sum((Counter(wanted) & Counter(given)).values())
    if not common:
        return 0.0
    precision, recall = common / len(given), common / len(wanted)
    return 2 * precision * recall / (precision + recall)


def longbench_choice(reply: str) -> str | None:
    """LongBench v2's rule: ``The correct answer is (A)``, with or without brackets; stars are ignored."""
    plain = reply.replace("*", "")
    match = re.search(r"The correct answer is \(([A-D])\)", plain) or re.search(
        r"The correct answer is ([A-D])", plain
    )
    return match[1] if match else None


def longbench(item: Item, reply: str) -> float:
    """Whether the extracted letter is the right one."""
    return float(longbench_choice(reply) == item.fields["letter"])


def code_debug(item: Item, reply: str) -> float:
    """InfiniteBench's rule for code_debug: the last lone letter, or letter or name after "answer is:"."""
    letter, name = item.fields["letter"], item.fields["function"]
    reply = reply.strip()
    last = _LAST_LETTER.search(reply)
    if last and last[0] == letter:
        return 1.0
    plain = " ".join(_NOISE.sub(" ", reply).split(" "))
    plain = re.sub(" +", " ", plain)
    if plain.startswith((letter, name)):
        return 1.0
    for lead in _LEADS:
        at = plain.find(lead)
        if at >= 0:
            return float(plain[at + len(lead) + 1 :].startswith((letter, name)))
    return 0.0
