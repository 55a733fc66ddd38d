"""Instructions of a prompt: all of them stay, wherever they stand, and the context does not."""

from __future__ import annotations

import time

import pytest

from longattncomp_cli.core.prompts.layouts.instructions import closing_start, instruction_length, instructs
from longattncomp_cli.core.prompts.parser import parse_prompt

FACTS = "\n\n".join(f"Entry {i}. The ferry left at {i} and Mr Quill took {i} sacks." for i in range(20))


def fixed(prompt):
    span = parse_prompt(prompt, parser="auto", tail_tokens=1, token_starts=lambda text: [0]).context
    return prompt[: span.start], prompt[span.start : span.end], prompt[span.end :]


OPENINGS = [
    "You are a clerk. Answer from the entries.\n\nNever name a passenger.\n\nMetric units only.\n\n",
    "Use the log below.\n\nRules:\n- Never name a passenger.\n- Speak plainly.\n\n",
    "Rules:\n\n1. Never name a passenger.\n2. Write in Danish.\n\n",
    "Please help.\n\nIf a name is asked for, write NOBODY. Dates must be as written.\n\nNo emojis.\n\n",
    "Answer from the entries.\n\nExample 1\nQ: Who left?\nA: Ann.\n\nExample 2:\nQ: Who?\nA: Bo.\n\n",
    "Answer from the report.\n\nThe clerk is old.\n\nReport:\n",
    "# Task\n\nHelp the clerk.\n\n# Rules\n\n1. Tolls are in marks.\n2. Never name a passenger.\n\n",
    "You are a clerk.\nThe office is small.\n\nWe like short answers here.\n\nContext:\n",
]
CLOSINGS = ["", "\n\nRules:\n- Answer in one word.\n- Do not guess.", "\n\nAnswer in one word. Do not guess.",
            "\n\nFormat:\n\n- JSON, no comments\n- one key"]  # fmt: skip


@pytest.mark.parametrize("opening", OPENINGS)
@pytest.mark.parametrize("closing", CLOSINGS)
@pytest.mark.parametrize("label", ["Question: ", ""])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_instructions_at_both_ends_stay(opening, closing, label, line_end):
    prompt = f"{opening}{FACTS}\n\n{label}Which ferry left at seven?{closing}".replace("\n", line_end)
    before, context, after = fixed(prompt)
    assert before.split() == opening.split()
    assert context.split() == FACTS.split()
    assert after.split() == f"{label}Which ferry left at seven?{closing}".split()


@pytest.mark.parametrize(
    "text",
    ["The ferry left at seven.", "When the tide turned, Mr Quill went home.", "# Log\n\nA heading.", "", "\n",
     "Mr Quill: never again, he said, and went.", "It is 5 o'clock. Use of the pier was free. People came."],
)  # fmt: skip
def test_prose_instructs_nobody(text):
    assert not instructs(text) and instruction_length(text + "\n\n" + FACTS) == 0
    assert closing_start(FACTS, 0, len(FACTS)) == len(FACTS)


@pytest.mark.parametrize("unit", ["Use it.\n\n", "- if a, ", "when " * 50 + "\n\n", "Rules:\n\n", "\n \n"])
def test_anything_is_read_in_linear_time(unit):
    begun = time.perf_counter()
    text = unit * (1_000_000 // len(unit))
    assert 0 <= instruction_length(text) <= len(text)
    assert 0 <= closing_start(text, 0, len(text)) <= len(text)
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize("order", ["Say who left.", "Using only the text above, say who left."])
def test_an_order_to_say_something_asks(order):
    prompt = f"{FACTS}\n\n{order} Answer in Danish.\n"
    before, context, after = fixed(prompt)
    assert (before, context.strip(), after.strip()) == ("", FACTS, f"{order} Answer in Danish.")
