"""Tables of a target's answers, by hand: losses, gain, savings, what failed, exact match."""

from __future__ import annotations

import pytest

from longattncomp_cli.benchmark.reports.target_summary import summarise_targets
from longattncomp_cli.benchmark.tasks.grading import exact_match
from longattncomp_cli.benchmark.tasks.item import item_of_text


def target_row(method, item, accuracy, budget="10%"):
    names = {"kind": "target", "task": "t", "target": "m", "method": method, "checkpoint": "", "item": item}
    return {**names, "budget": budget, "accuracy": accuracy}


def test_decomposition_by_hand():
    """Of four items: oracle right on 3, compressed on 2 of them, full on 1."""
    rows = [target_row("oracle", i, float(i < 3)) for i in range(4)]
    rows += [target_row("bm25", i, float(i < 2)) for i in range(4)]
    rows += [target_row("full", i, float(i < 1), "none") for i in range(4)]
    cell = next(c for c in summarise_targets(rows)["cells"] if c["method"] == "bm25")
    split = cell["decomposition"]
    assert (split["full"], split["compressed"], split["oracle"]) == (0.25, 0.5, 0.75)
    assert split["retrieval_loss"]["mean"] == 0.25
    assert split["reasoning_loss"] == 0.25
    assert split["gain"]["mean"] == 0.25
    assert split["n"] == split["n_full"] == 4


def test_losses_are_told_where_the_full_context_is_too_long():
    """The full context is answered for one item of four: the gain is of that one, the losses are of all."""
    error = {"error": {"code": "target-too-long", "message": "m"}}
    rows = [target_row("oracle", i, float(i < 3)) for i in range(4)]
    rows += [target_row("bm25", i, float(i < 2)) for i in range(4)]
    rows += [target_row("full", 0, 0.0, "none")]
    rows += [{**target_row("full", i, 0.0, "none"), **error} for i in range(1, 4)]
    found = summarise_targets(rows)
    split = next(c for c in found["cells"] if c["method"] == "bm25")["decomposition"]
    assert (split["n"], split["retrieval_loss"]["mean"], split["reasoning_loss"]) == (4, 0.25, 0.25)
    assert (split["n_full"], split["full"], split["gain"]["mean"]) == (1, 0.0, 1.0)
    assert found["failures"] == [
        {"task": "t", "target": "m", "budget": "none", "method": "full", "failed": 3}
    ]
    without = summarise_targets([row for row in rows if row["method"] != "full"])
    split = next(c for c in without["cells"] if c["method"] == "bm25")["decomposition"]
    assert (split["full"], split["gain"], split["oracle"]) == (None, None, 0.75)


@pytest.mark.parametrize("is_counted", [True, False], ids=["by the endpoint", "by the budget"])
def test_savings_by_hand(is_counted):
    """A tenth of the tokens, 4 of 5 seconds, of which scoring took 1; an endpoint may not count tokens."""
    rows = []
    for item in range(3):
        for method, tokens, first, budget in (("bm25", 10, 1.0, "10%"), ("full", 100, 5.0, "none")):
            answer = {
                **target_row(method, item, 1.0, budget),
                "first_token_seconds": first,
                "prompt_tokens": tokens if is_counted else None,
            }
            kept = {"kind": "retrieval", "num_tokens": tokens, "seconds": 1.0}
            rows += [answer, {**answer, **kept}]
    cells = {cell["method"]: cell for cell in summarise_targets(rows)["cells"]}
    saved = cells["bm25"]["saved"]
    assert saved["prompt_tokens" if is_counted else "context_tokens"] == 0.9
    assert saved["first_token_seconds"] == {"mean": 4.0, "low": 4.0, "high": 4.0}
    assert saved["net_seconds"]["mean"] == 3.0
    assert cells["full"]["prompt_tokens"] == (300 if is_counted else None)
    assert cells["full"]["context_tokens"] == 100


def test_exact_match_is_of_the_whole_reply():
    item = item_of_text("i", "Who?", "The Ada.", [], answers=(("Ada Lovelace", "Ada"),))
    assert [exact_match(item, reply) for reply in ("the ada.", "Ada Lovelace", "It was Ada")] == [
        1.0,
        1.0,
        0.0,
    ]
