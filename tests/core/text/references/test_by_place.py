"""What is asked for by its place: a step, a row, an item, the newest entry of a log."""

from __future__ import annotations

import pytest

from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.text.references.by_place import asks_for_place, item_asked

BREW = (
    "# Nettle beer\n\n## Needs\n\n- nettles\n- ginger\n- honey\n- yeast\n\n## Method\n\n"
    "1. Boil the nettles.\n2. Strain them.\n3. Stir in the honey.\n4. Wait a week.\n\n"
    "| cask | litres |\n|---|---|\n| oak | 40 |\n| elm | 25 |\n| ash | 10 |\n"
)
STAGES = "retries: 2\nstages:\n" + "".join(
    f"  - id: {each}\n    batch: {number}\n" for number, each in enumerate(["cut", "dry", "bind", "sell"])
)
LOG = "".join(
    f"2031-04-0{day} 10:00:00 INFO {text}\n"
    for day, text in enumerate(
        ["gate width set to 3", "boat in", "gate width set to 8", "boat out", "lamp lit"], 1
    )
)


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("text", "name", "query", "line"),
    [
        (BREW, "a.md", "What is the third step?", "3. Stir"),
        (BREW, "a.md", "What does step 2 say?", "2. Strain"),
        (BREW, "a.md", "What is the last step of the method?", "4. Wait"),
        (BREW, "a.md", "What is the second need?", "- ginger"),
        (BREW, "a.md", "What is in the 2nd row?", "| elm"),
        (BREW, "a.md", "Which cask comes last?", "| ash"),
        (STAGES, "a.yaml", "What is the third stage?", "  - id: bind"),
        (STAGES, "a.yaml", "Which is the last stage?", "  - id: sell"),
        (LOG, "a.log", "What is the current gate width?", "2031-04-03"),
        (LOG, "a.log", "What was the gate width at first?", "2031-04-01"),
        (LOG, "a.log", "What is the last log entry?", "2031-04-05"),
    ],
)
def test_the_item_at_a_place_is_found(text: str, name: str, query: str, line: str, ends: str) -> None:
    source = Source(text.replace("\n", ends), name)
    at = item_asked(source.text, source.context_span, source.structure, query)
    assert at is not None
    assert source.text[at:].startswith(line)


@pytest.mark.parametrize(
    "query",
    [
        "What is the ninth step?",
        "Who was the first miller?",
        "How much honey goes in?",
        "What happened in the last winter?",
    ],
)
def test_what_has_no_such_place_is_not_found(query: str) -> None:
    source = Source(BREW, "a.md")
    assert item_asked(source.text, source.context_span, source.structure, query) is None


def test_of_two_series_that_may_be_meant_none_is() -> None:
    text = "\n\n".join(f"## {name}\n\n- a\n- b\n- c\n" for name in ("North", "South"))
    source = Source(text, "a.md")
    assert item_asked(text, source.context_span, source.structure, "What is the second item?") is None
    at = item_asked(text, source.context_span, source.structure, "What is the second item of the South?")
    assert at == text.rindex("- b")
    assert not asks_for_place("How deep is the mill pond?")
