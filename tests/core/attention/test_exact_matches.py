"""Names are found as they are spelt, whole; they raise what holds them and what follows it, nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from longattncomp_cli.core.checkpoint.store import Checkpoint
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.explain.chunk import explain
from longattncomp_cli.core.scoring.options import ScoringOptions
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.text.words import query_identifiers


def with_config(scorer: Scorer, **changes) -> Scorer:
    checkpoint = Checkpoint(replace(scorer.checkpoint.config, **changes), scorer.checkpoint.tensors)
    return Scorer(checkpoint, scorer.backbone, ScoringOptions.of(checkpoint.config, hops=1))


def scored(scorer: Scorer, weight: float, query: str, texts: list[str]) -> ChunkScores:
    plain = with_config(scorer, exact_match_weight=weight, propagation_decay=None, coverage=0)
    return plain.score(Request(tuple(Source(text) for text in texts), query))


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("What does _create return?", ["_create"]),
        ("Compare iter_modules, ShareableList and `cmd`.", ["iter_modules", "ShareableList", "cmd"]),
        ("Where is os.path.join or std::move used?", ["os.path.join", "std::move"]),
        ("Which value has 45569c78-7cdc-4748-9b18-905ee676e633?", ["45569c78-7cdc-4748-9b18-905ee676e633"]),
        ("What is the number for merry-harbour?", ["merry-harbour"]),
        ("Who wrote the third report, in 1996?", []),
        ("", []),
    ],
)
def test_what_counts_as_a_name(query: str, names: list[str]) -> None:
    assert query_identifiers(query) == names


def test_a_chunk_with_the_whole_name_rises_over_one_with_its_parts(scorer: Scorer) -> None:
    texts = [
        "def create_handle(self):\n    return self.message_handle\n",
        "def dispatch(self, item):\n    self.queue.put(item)\n",
        "def prepare(self):\n    self._handle_message(self.queue.get())\n",
        "def handle(self):\n    self.message = create(self)\n",
    ]
    query = "Is there an error in _handle_message?"
    before, after = scored(scorer, 0.0, query, texts), scored(scorer, 0.35, query, texts)
    assert after.scores[2] > before.scores[2]
    assert all(after.scores[i] < before.scores[i] for i in (0, 1, 3))
    assert after.ranks[2] == 1


def test_a_name_is_not_found_inside_a_longer_one_nor_in_other_case(scorer: Scorer) -> None:
    texts = ["x = pre_load_all(1)", "y = Load_all(2)", "z = load_all_now(3)", "A quiet line."]
    query = "Where is load_all?"
    assert np.array_equal(scored(scorer, 0.0, query, texts).scores, scored(scorer, 0.35, query, texts).scores)


def test_what_follows_in_a_definition_takes_over_a_share(scorer: Scorer) -> None:
    body = "".join(f"    total += weigh(rows[{i}], scale, offset)\n" for i in range(30))
    text = f"def merge_rows(rows):\n{body}\n\ndef other(rows):\n{body}"
    request = Request((Source(text, name="a.py"),), "What is wrong with merge_rows?")
    cut = {"propagation_decay": None, "coverage": 0}
    plain = with_config(scorer, exact_match_weight=0.0, **cut).with_options(chunk_tokens=64, snap="line")
    named = with_config(scorer, exact_match_weight=0.35, **cut).with_options(chunk_tokens=64, snap="line")
    before, after = plain.score(request), named.score(request)
    heading, body_of_it, other = 0, 1, -1
    for chunk in (heading, body_of_it):
        assert after.scores[chunk] / after.scores[other] > 2 * before.scores[chunk] / before.scores[other]


def test_joined_words_count_only_where_they_are_rare(scorer: Scorer) -> None:
    query = "What is the number for merry-harbour?"
    rare = ["The number for merry-harbour is 7.", *[f"Harbour {i} is merry." for i in range(9)]]
    common = ["The merry-harbour number is 7."] * 3 + rare[1:]
    assert scored(scorer, 0.35, query, rare).scores[0] > scored(scorer, 0.0, query, rare).scores[0]
    assert np.array_equal(
        scored(scorer, 0.35, query, common).scores, scored(scorer, 0.0, query, common).scores
    )


def test_explain_tells_what_a_name_adds(scorer: Scorer) -> None:
    texts = ["x = load_all(1)", "A quiet line.", "Another line of words."]
    request = Request(tuple(Source(text) for text in texts), "Where is load_all?")
    named = with_config(scorer, exact_match_weight=0.35)
    assert [name for name, adds in explain(named, request, 0).exact if adds > 0] == ["load_all"]
    assert explain(named, request, 1).exact == ()


@pytest.mark.parametrize(
    "name", ["WinchLog.trim", "WinchLog::trim", "WinchLog->trim", "port::logs::WinchLog::trim"]
)
def test_a_member_is_looked_for_under_its_class(scorer: Scorer, name: str) -> None:
    """``WinchLog.trim`` stands nowhere as it is spelt: the class is a heading, and other classes trim too."""
    body = "".join(f"        total += weigh(rows[{i}], scale, offset)\n" for i in range(20))
    names = ["BellLog", "WinchLog", "GateLog"]
    text = "".join(f"class {each}:\n    size = 7\n\n    def trim(self):\n{body}\n" for each in names)
    request = Request((Source(text, name="a.py"),), f"What does {name} return?")
    plain = {"propagation_decay": None, "coverage": 0}
    before, after = (
        with_config(scorer, exact_match_weight=weight, **plain)
        .with_options(chunk_tokens=64, snap="auto")
        .score(request)
        for weight in (0.0, 0.35)
    )
    owner = text.index("class WinchLog"), text.index("class GateLog")
    heads = [chunk.index for chunk in before.chunks if "def trim" in text[chunk.start : chunk.end]]
    assert len(heads) == 3
    gain = after.scores[heads] / before.scores[heads]
    (own,) = (i for i, index in enumerate(heads) if owner[0] <= before.chunks[index].start < owner[1])
    assert gain[own] > 2 * max(gain[other] for other in range(3) if other != own)
