"""Retrieval heads: the measure, which of them are kept, made needles, and what is kept for the next time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from longattncomp_cli.core.checkpoint.decoder_heads import NULL_QUERY, Head
from longattncomp_cli.core.checkpoint.head_cache import read_heads, user_cache_folder, write_heads
from longattncomp_cli.core.checkpoint.made_needles import made_needles
from longattncomp_cli.core.checkpoint.retrieval_heads import HeadExample, HeadMeasure, measure_heads
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from tests.support.cli import invoke
from tests.support.decoders import TEXT, decoder_scorer, make_decoder
from tests.support.training import write_examples

EXAMPLE = HeadExample(
    ("The clock was repaired in 1987.", "Salt is sold in Riga.", "The ferry carries letters."),
    (("Where is salt sold?", (1,)), ("What does the ferry carry?", (2,))),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("llama")
    make_decoder("llama", made)
    return made


def measure_of(*gold_mass: list[float]) -> HeadMeasure:
    """Questions over two documents, one block: each head's share on the relevant one."""
    shares = tuple(torch.tensor([[[mass, 1 - mass] for mass in row]]) for row in gold_mass)
    return HeadMeasure(shares, ((0,),) * len(shares))


def test_heads_are_ranked_by_their_mass_on_what_answers() -> None:
    measure = measure_of([0.2, 0.9, 0.6], [0.4, 0.8, 0.6])
    assert measure.mass_LH.tolist() == [pytest.approx([0.3, 0.85, 0.6])]
    assert measure.ranking() == [Head(0, 1), Head(0, 2), Head(0, 0)]


def test_heads_that_come_near_the_best_one_are_kept() -> None:
    """0.45 of it or more: here of 0.8."""
    assert measure_of([0.8, 0.37, 0.35], [0.8, 0.37, 0.35]).best_heads() == (Head(0, 0), Head(0, 1))
    assert measure_of([0.1, 0.3, 0.8]).best_heads() == (Head(0, 2),)
    assert measure_of([0.1, 0.3, 0.8]).best_heads(2) == (Head(0, 1), Head(0, 2))


def test_where_no_head_draws_more_than_the_null_query_the_best_one_is_kept() -> None:
    assert measure_of([-0.3, -0.1, -0.2]).best_heads() == (Head(0, 1),)


def test_other_questions_give_the_same_heads() -> None:
    """As far as they differ by less than the gap behind the heads that are kept."""
    torch.manual_seed(0)
    strength_H = torch.tensor([0.02, 0.4, 0.03, 0.3, 0.25, 0.08])
    for _ in range(4):
        questions = (strength_H * (0.5 + torch.rand(40, 6))).tolist()
        assert measure_of(*questions).best_heads() == (Head(0, 1), Head(0, 3), Head(0, 4))


def test_the_null_querys_mass_is_taken_out_of_a_heads(folder: Path) -> None:
    """Asked as a question, the null query has no mass of its own."""
    backbone = decoder_scorer(folder, 2).backbone
    asked = HeadExample(EXAMPLE.documents, (*EXAMPLE.questions, (NULL_QUERY, (0,))))
    whole, net = measure_heads(backbone, [asked], null_query=""), measure_heads(backbone, [asked])
    for with_it, without in zip(whole.shares, net.shares, strict=True):
        torch.testing.assert_close(with_it - whole.shares[-1], without, rtol=1e-4, atol=1e-6)
    assert net.shares[-1].abs().max() < 1e-6


def test_a_heads_measure_is_its_mass_as_the_only_head_of_a_scorer(folder: Path) -> None:
    scorer = decoder_scorer(folder, 2, chunk_tokens=400)
    found = measure_heads(scorer.backbone, [EXAMPLE], null_query="")
    assert found.mass_LH.shape == (3, 4)  # two blocks that are loaded, and the one after them
    for (query, relevant), share_LHC in zip(EXAMPLE.questions, found.shares, strict=True):
        request = Request(tuple(map(Source, EXAMPLE.documents)), query)
        scores = scorer.score(request).scores
        assert share_LHC[2].mean(0).tolist() == pytest.approx(scores.tolist(), rel=1e-3)
        assert share_LHC.sum(-1).numpy() == pytest.approx(1, abs=1e-4)
        assert relevant in found.relevant


def test_examples_that_are_too_long_are_divided_with_their_questions(folder: Path) -> None:
    scorer = decoder_scorer(folder, 2)
    long = HeadExample((*EXAMPLE.documents, TEXT * 4, TEXT * 4), EXAMPLE.questions)
    found = measure_heads(scorer.backbone, [long])
    assert [len(share[0, 0]) for share in found.shares] == [1, 1] or len(found.shares) <= 2
    assert len(made_needles(2)) == 2


def test_made_needles_are_the_same_each_time_and_answered_by_one_passage() -> None:
    assert made_needles(2) == made_needles(2) != made_needles(2, seed=1)
    for example in made_needles(3):
        for query, (answer,) in example.questions:
            named = [word for word in query.rstrip("?").split() if word[0].isupper()][1:]
            holders = [i for i, text in enumerate(example.documents) if all(name in text for name in named)]
            assert named, query
            assert holders == [answer]


def test_heads_are_found_once_and_kept_where_the_user_keeps_such_things(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "text.txt").write_text(TEXT)
    command = ["score", str(tmp_path / "text.txt"), "-q", "Where is the key?", "--json"]
    command += ["--backbone", str(folder), "--device", "cpu"]
    first, second = (invoke(*command) for _ in range(2))
    assert "finding the retrieval heads" in first.stderr
    assert "found block" in first.stderr
    assert "finding" not in second.stderr
    assert first.stdout == second.stdout
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert sum("heads" in path.parent.name for path in kept) == 1


def test_a_cache_that_cannot_be_read_or_written_stops_nothing(tmp_path: Path) -> None:
    heads = (Head(1, 2), Head(3, 0))
    assert write_heads(tmp_path / "a" / "b.json", heads)
    assert read_heads(tmp_path / "a" / "b.json") == heads
    for broken in (b"", b"[]", b'{"heads": 3}', b'{"heads": [[1]]}', b'{"heads": []}', b"\xff"):
        (tmp_path / "c.json").write_bytes(broken)
        assert read_heads(tmp_path / "c.json") is None
    (tmp_path / "file").write_text("")
    assert not write_heads(tmp_path / "file" / "d.json", heads)
    assert str(user_cache_folder()).startswith(os.environ["XDG_CACHE_HOME"])


def test_the_program_finds_heads_on_labelled_examples_and_leaves_a_checkpoint(
    folder: Path, tmp_path: Path
) -> None:
    """Usable as it is, with a card; a second run does not write over it; training may start from it."""
    data = write_examples(tmp_path / "own.jsonl", 48)
    (tmp_path / "text.txt").write_text(TEXT)
    search = ["train-stage1", "--part", "heads", "--backbone", str(folder), "--data", str(data)]
    search += ["-o", str(tmp_path / "heads"), "--device", "cpu"]
    done = invoke(*search)
    assert done.exit_code == 0, done.stderr
    made = load_checkpoint(str(tmp_path / "heads"))
    record = made.config.training
    assert record["part"] == "heads"
    assert record["blocks_searched"] == 5
    assert [entry["block"] for entry in record["heads"]] == list(made.config.layers)
    card = (tmp_path / "heads" / "README.md").read_text()
    assert "found, not trained" in card
    assert str(tmp_path) not in card
    score = ["score", str(tmp_path / "text.txt"), "-q", "Where is the key?", "--json", "--device", "cpu"]
    scored = invoke(*score, "--checkpoint", str(tmp_path / "heads"))
    assert scored.exit_code == 0, scored.stderr
    assert invoke(*search).exit_code == 3


def test_heads_of_no_backbone_cannot_be_found(tmp_path: Path) -> None:
    done = invoke("train-stage1", "--part", "heads", "-o", str(tmp_path / "heads"))
    assert done.exit_code == 2
    assert "--backbone" in done.stderr
