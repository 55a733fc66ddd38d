"""What is kept of settings, logs and records where little fits: the answer, whose it is, then the rest."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from longattncomp_cli.core.assembly.renderer import DEFAULT_SEPARATOR, Renderer
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.select import SelectionRule, select
from longattncomp_cli.core.settings import CompressorSettings

FLEET = "fleet:\n" + "".join(
    f"  {ship}:\n    hull: oak\n    berth: {berth}\n    crew:\n      - name: moor the {ship}\n"
    f"        tools: [rope, hook, lamp, bell]\n      - name: paint the {ship}\n        tools: [brush, tar]\n"
    for ship, berth in [("auk", "north-4"), ("tern", "south-9"), ("gull", "east-2")]
)


def test_at_a_tight_budget_the_line_that_is_asked_for_comes_with_the_owner_that_is_named(
    scorer, o200k
) -> None:
    context = Compressor(scorer, o200k, CompressorSettings()).read(Source(FLEET, "fleet.yaml"))
    before: set[int] = set()
    for budget in (16, 20, 25, 40, 60, 90, 130):
        found = context.compress("Which berth has the tern?", budget)
        assert found.num_tokens <= budget
        assert "berth: south-9" in found.text
        assert "  tern:" in found.text
        kept = {at for span in found.spans for at in range(span.start, span.end)}
        assert before <= kept
        before = kept


def kept_of(text: str, name: str, focus: str, budget: int, query: str, edges: list[int], o200k) -> str:
    source = Source(text, name)
    chunks = tuple(Chunk(i, 0, a, b, 9) for i, (a, b) in enumerate(pairwise(edges)))
    request = Request((source,), query)
    renderer = Renderer(request, chunks, DEFAULT_SEPARATOR, o200k, structures=(source.structure,))
    scores = np.array([1.0 if a <= text.index(focus) < b else 0.1 for a, b in pairwise(edges)])
    kept = select(
        ChunkScores(chunks, scores, None), SelectionRule(), renderer, budget, lambda _: text.index(focus)
    ).kept
    shown = renderer.render(kept)
    assert o200k.count(shown) <= budget
    return shown


@pytest.mark.parametrize("num_blocks", [20, 60])
def test_of_a_long_line_the_clause_that_is_asked_for_is_kept_with_the_time(num_blocks: int, o200k) -> None:
    blocks = "; ".join(f"block {number} is well" for number in range(num_blocks))
    line = f"2031-06-02 05:12:44 ERROR [shelf] shard 7 rejected; {blocks}; retry comes at half past five\n"
    other = "".join(f"2031-06-02 06:{minute}:00 INFO [gate] boat {minute} in\n" for minute in range(10, 19))
    text = other + line + other.replace("06:", "07:")
    middle = len(other) + len(line) // 2  # a chunk ends inside of the line
    edges = [0, len(other), middle, len(other) + len(line), len(text)]
    for budget in (40, 60, 90):
        shown = kept_of(text, "a.log", "shard 7", budget, "When does the retry come?", edges, o200k)
        assert "retry comes at half past five" in shown
        assert "2031-06-02 05:12:44 ERROR" in shown
        assert "[..." in shown
        parts = [part.strip() for part in shown.split("[... cut ...]") if part.strip()]
        assert all(part.startswith(("2031", "block", "retry", "shard")) for part in parts)


def test_an_owner_speaks_for_lines_that_say_nothing_new(o200k) -> None:
    trace = "".join(f"\tat mill.Wheel.turn{number}(Wheel.java:{number})\n" for number in range(12))
    cause = "Caused by: mill.JamException: the sluice is stuck at 40 inches"
    text = (
        "2031-04-05 06:07:08 ERROR the wheel stands still\nmill.StopException: no turn\n"
        f"{trace}{cause}\n{trace.replace('turn', 'jam')}2031-04-05 06:09:00 INFO next\n" * 2
    )
    query = "At how many inches is the sluice stuck?"
    for budget in (34, 60, 120):
        shown = kept_of(text, "a.log", "\tat mill.Wheel.jam3", budget, query, [0, len(text)], o200k)
        assert cause in shown
