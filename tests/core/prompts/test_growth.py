"""A conversation that grows under one question keeps its beginning as it is, where the budget allows."""

from __future__ import annotations

import random

import pytest

from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.conversations.reading import read_conversation
from longattncomp_cli.core.prompts.conversations import frame_of
from longattncomp_cli.core.prompts.growth import NEWER_SHARE, measure, settled
from longattncomp_cli.core.settings import CompressorSettings
from longattncomp_cli.errors import BudgetError
from tests.support.scorers import remembering


class Words:
    name = "words"

    def count(self, text):
        return len(text.split())

    def count_each(self, texts):
        return [self.count(text) for text in texts]


def chat(sizes):
    messages = [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "which boat is red today, please?"},
    ]
    for i, size in enumerate(sizes):
        call = {"id": f"c{i}", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{i}", "content": f"row{i} " * size})
    return messages


def decided(messages, budget):
    conversation = read_conversation(messages, "chat")
    sources, frame, _ = frame_of(conversation)
    sources, frame = settled(sources, frame, measure(conversation, Words(), "[...]"), budget)
    return [slot.number for slot in frame.slots], frame.reserve


@pytest.mark.parametrize("seed", range(8))
def test_what_is_decided_changes_in_steps_and_never_shrinks(seed):
    rng = random.Random(seed)
    sizes = [rng.randrange(1, 60) for _ in range(40)]
    budget, before = 400, []
    for length in range(1, len(sizes) + 1):
        numbers, reserve = decided(chat(sizes[:length]), budget)
        assert numbers[: len(before)] == before or numbers == before
        assert 0 <= reserve < budget // NEWER_SHARE + 1
        before = numbers if sum(sizes[:length]) + 8 > budget else []


def test_small_growth_leaves_the_older_part_alone():
    sizes = [50] * 12
    first = decided(chat(sizes), 300)
    grown = decided(chat([*sizes, 9]), 300)
    assert first[0] and grown[0] == first[0]
    assert grown[1] < 300 // NEWER_SHARE


def test_without_a_budget_everything_is_decided():
    assert len(decided(chat([50] * 5), None)[0]) == 5


def test_the_bytes_before_the_anchor_stay(scorer, o200k):
    compressor = Compressor(remembering(scorer), o200k, CompressorSettings())
    rng = random.Random(3)
    words = ["boat", "net", "rope", "tide", "mast", "keel", "oar", "buoy", "red", "green"]
    messages = [{"role": "user", "content": "Which boat has the red mast?"}]
    for i in range(14):
        messages.append({"role": "assistant", "content": f"Line {i}: " + " ".join(rng.choices(words, k=60))})
    sent = []
    for extra in range(3):
        more = [
            {"role": "assistant", "content": f"More {n}: the tide turned, nets hang dry."}
            for n in range(extra + 1)
        ]
        result = compressor.compress([*messages, *more], budget=500)
        assert result.num_tokens <= 500
        sent.append(result.conversation)
    assert sent[0] == sent[1][: len(sent[0])] and sent[1] == sent[2][: len(sent[1])]


def test_a_budget_that_is_too_small_says_how_many_messages_it_holds():
    messages = [{"role": "system", "content": "be kind to all"}]
    for number in range(50):
        messages.append({"role": "user", "content": f"is {number} red today"})
        messages.append({"role": "assistant", "content": f"yes {number} is"})
    budget = 41
    with pytest.raises(BudgetError) as caught:
        decided(messages, budget)
    # Four words of rules, then seven words a pair of turns.
    newest = (budget - 4) // 7 * 2
    assert caught.value.hint == f"use --budget 354 or more, or send only the newest {newest} messages"
    assert decided([messages[0], *messages[-newest:]], budget) == ([], 0)
    with pytest.raises(BudgetError):
        decided([messages[0], *messages[-newest - 2 :]], budget)
    with pytest.raises(BudgetError) as caught:
        decided(messages, 5)
    assert caught.value.hint == "use --budget 354 or more"
