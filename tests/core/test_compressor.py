"""Laws of the whole path, with the real scorer and real tokenizers."""

from __future__ import annotations

import random

import numpy as np
import pytest

from longattncomp_cli.core.budget.tokenizers import load_tokenizer
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.selection.select import SelectionRule
from longattncomp_cli.core.settings import CompressorSettings
from longattncomp_cli.errors import BudgetError, InputError
from tests.support.scorers import remembering
from tests.support.texts import random_text

QUERIES = ["Who signed the ledger?", "東京はどこですか", "def f(x)", "🙂", "What is 0xDEADBEEF?", "z" * 300]


@pytest.mark.parametrize("tokenizer_name", ["o200k_base", "cl100k_base", "backbone"])
def test_printed_text_never_exceeds_the_budget(scorer, tokenizer_name: str) -> None:
    tokenizer = None if tokenizer_name == "backbone" else load_tokenizer(tokenizer_name)
    rng = random.Random(tokenizer_name)
    for case in range(5):
        sources = tuple(
            Source(random_text(rng, rng.randrange(1, 40)) + ".", title=rng.choice(["", "A title"]))
            for _ in range(rng.choice([1, 1, 3]))
        )
        settings = CompressorSettings(
            budget=rng.choice([1, 7, 40, 200, "30%"]), rule=SelectionRule(fill=rng.random() < 0.8)
        )
        compressor = Compressor(scorer, tokenizer, settings)
        try:
            result = compressor.compress(Request(sources, rng.choice(QUERIES)))
        except BudgetError:
            continue
        assert compressor.tokenizer.count(result.text) == result.num_tokens <= (result.budget or 0), case
        rest = result.text
        for span in result.selection.kept:
            piece = sources[span.chunk.source].text[span.start : span.end]
            assert piece
            assert piece in rest
            rest = rest[rest.index(piece) + len(piece) :]


def test_scores_and_sink_are_a_distribution(scorer) -> None:
    rng = random.Random(0)
    for _ in range(8):
        scores = scorer.score(Request((Source(random_text(rng, 50) + "."),), rng.choice(QUERIES)))
        assert np.isfinite(scores.scores).all()
        assert (scores.scores >= 0).all()
        assert scores.scores.sum() + (scores.sink or 0.0) == pytest.approx(1, abs=1e-4)


def test_order_of_sources_changes_no_score(scorer) -> None:
    """Windows are read apart, so where a document stands does not matter."""
    rng = random.Random(4)
    sources = [Source(random_text(rng, 25) + str(i), name=str(i)) for i in range(8)]
    query = "Who signed the ledger?"

    def by_name(ordered: list[Source]) -> dict[str, float]:
        scores = scorer.score(Request(tuple(ordered), query))
        totals = dict.fromkeys((source.name for source in ordered), 0.0)
        for chunk, score in zip(scores.chunks, scores.scores, strict=True):
            totals[ordered[chunk.source].name] += float(score)
        return totals

    first, second = by_name(sources), by_name(sources[::-1])
    assert first == {name: pytest.approx(second[name], abs=2e-2) for name in first}


def test_pack_size_changes_no_score(scorer, monkeypatch) -> None:
    request = Request((Source(random_text(random.Random(8), 120) + "."),), "Who signed the ledger?")
    whole = scorer.score(request).scores
    monkeypatch.setattr("longattncomp_cli.core.backbones.windowed.PACK_TOKENS", 300)
    monkeypatch.setattr("longattncomp_cli.core.backbones.windowed.pack_windows.__defaults__", (300,))
    assert scorer.score(request).scores == pytest.approx(whole, abs=2e-2)


def test_a_larger_budget_keeps_a_superset_of_characters(scorer, o200k) -> None:
    source = Source(random_text(random.Random(9), 80) + " The master signed the ledger at noon in Ghent.")
    before: set[int] = set()
    scorer = remembering(scorer)
    for budget in range(5, 300, 23):
        try:
            kept = Compressor(scorer, o200k, CompressorSettings(budget=budget)).compress(
                Request((source,), "Who signed the ledger?")
            )
        except BudgetError:
            assert not before
            assert budget < 20
            continue
        now = {i for span in kept.selection.kept for i in range(span.start, span.end)}
        assert before <= now
        before = now


def test_a_cut_chunk_keeps_its_best_sentence(scorer, o200k) -> None:
    filler = "The weather stayed mild and the boats went out as usual. " * 7
    source = Source(filler + "The ledger was signed by Ines Albrecht. " + "Ropes were mended. " * 40)
    result = Compressor(scorer, o200k, CompressorSettings(budget=14)).compress(
        Request((source,), "Who signed the ledger?")
    )
    assert "Ines Albrecht" in result.text


def test_a_cut_chunk_without_sentences_keeps_its_best_words(scorer, o200k) -> None:
    """In one endless line the best words may stand anywhere; the line's own beginning says nothing."""
    line = "the copper price rose again that spring and mines opened "
    needle = "The vault code of Skerrow is 48213. "
    compressor = Compressor(scorer, o200k, CompressorSettings(budget=60))
    for repeats in (17, 19, 21, 22):
        result = compressor.compress(
            line * repeats + needle + line * 30, "What is the vault code of Skerrow?"
        )
        assert "48213" in result.text, repeats


def test_white_space_has_no_score(scorer) -> None:
    with pytest.raises(InputError):
        scorer.score(Request((Source(" \n\t "),), "anything"))
    scores = scorer.score(Request((Source(" \n "), Source("a word")), "word"))
    assert scores.scores.tolist() == [0.0, pytest.approx(1 - (scores.sink or 0))]
