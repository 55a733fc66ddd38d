"""Laws of selection and assembly: the budget holds, more budget keeps a superset, text is always a slice."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from longattncomp_cli.core.assembly.renderer import DEFAULT_SEPARATOR, Renderer
from longattncomp_cli.core.budget.amounts import parse_budget
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.select import SelectionRule, num_chunks_by_rule, select
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.errors import BudgetError, UsageError
from tests.support.texts import BYTES, random_text


def make_case(rng: random.Random, tokenizer) -> tuple[ChunkScores, Renderer]:
    """A random request of one to three sources, cut at random places, with random scores."""
    sources = tuple(
        Source(random_text(rng, rng.randrange(3, 60)) + "end") for _ in range(rng.randrange(1, 4))
    )
    chunks: list[Chunk] = []
    for number, source in enumerate(sources):
        cuts = sorted(
            {0, len(source.text), *(rng.randrange(len(source.text)) for _ in range(rng.randrange(9)))}
        )
        chunks += [Chunk(len(chunks) + i, number, a, b, b - a) for i, (a, b) in enumerate(pairwise(cuts))]
    raw = np.array([rng.choice([rng.random(), 0.5]) for _ in chunks])
    instruction = rng.choice(["", "Answer briefly."])
    request = Request(sources, "q", instruction=instruction)
    scores = ChunkScores(tuple(chunks), raw / (raw.sum() + 0.3), sink=0.3 / (raw.sum() + 0.3))
    return scores, Renderer(
        request, tuple(chunks), rng.choice([DEFAULT_SEPARATOR, " ", "", "\n// omitted\n"]), tokenizer
    )


@pytest.mark.parametrize("tokenizer_name", ["o200k", "bytes"])
def test_budget_holds_and_every_span_is_a_slice(o200k, tokenizer_name: str) -> None:
    tokenizer = o200k if tokenizer_name == "o200k" else BYTES
    rng = random.Random(11)
    refused = 0
    for case in range(60):
        scores, renderer = make_case(rng, tokenizer)
        budget = rng.randrange(1, renderer.original_tokens + 5)
        rule = SelectionRule(mode=rng.choice(["budget", "top-p", "threshold"]), fill=rng.random() < 0.8)
        try:
            selection = select(scores, rule, renderer, budget, lambda c: rng.randrange(c.start, c.end))
        except BudgetError:
            refused += 1
            continue
        text = renderer.render(selection.kept)
        assert tokenizer.count(text) <= budget, case
        rest = text[len(renderer.request.prefix) :]
        for span in selection.kept:
            piece = renderer.request.sources[span.chunk.source].text[span.start : span.end]
            assert piece in rest
            rest = rest[rest.index(piece) + len(piece) :]
        indices = [span.chunk.index for span in selection.kept]
        assert indices == sorted(indices)
        assert len(set(indices)) == len(indices) or selection.copies
    assert refused < 36


def algorithm_1(scores: ChunkScores, renderer: Renderer, p: float, budget: int | None) -> list[int]:
    """The paper's, line by line: best first, while sink and sum are below p, as long as the text fits."""
    taken: list[int] = []
    mass = scores.sink or 0.0
    for index in sorted(range(len(scores.chunks)), key=lambda index: (-scores.scores[index], index)):
        if mass >= p:
            break
        if budget is not None and renderer.count(renderer.full_chunks([*taken, index])) > budget:
            break
        taken.append(index)
        mass += float(scores.scores[index])
    return sorted(taken)


def test_top_p_that_counts_the_sink_is_algorithm_1() -> None:
    rng = random.Random(5)
    stops: set[str] = set()
    for _ in range(60):
        scores, renderer = make_case(rng, BYTES)
        # Of one token, so that a text with one more chunk is never shorter.
        renderer = Renderer(renderer.request, scores.chunks, " ", BYTES)
        p = rng.choice([0.3, 0.6, 0.95, 1.0])
        rule = SelectionRule(mode="top-p", top_p=p).as_published()
        budget = rng.choice([None, rng.randrange(renderer.fixed_tokens + 1, renderer.original_tokens)])
        wanted = algorithm_1(scores, renderer, p, budget)
        if not wanted and scores.sink < p:
            with pytest.raises(BudgetError):
                select(scores, rule, renderer, budget)
            stops.add("nothing fits")
            continue
        found = select(scores, rule, renderer, budget)
        assert [span.chunk.index for span in found.kept] == wanted
        assert not any(span.is_cut for span in found.kept)
        stops.add(found.stop)
    assert {"top_p", "budget", "exhausted"} <= stops


def test_a_larger_budget_keeps_a_superset(o200k) -> None:
    rng = random.Random(3)
    for case in range(20):
        scores, renderer = make_case(rng, o200k)
        rule = SelectionRule(mode=rng.choice(["budget", "top-p"]), top_p=0.9)
        before: dict[int, tuple[int, int]] = {}
        for budget in range(renderer.fixed_tokens, renderer.original_tokens + 2, rng.randrange(4, 32)):
            try:
                kept = select(scores, rule, renderer, budget, lambda c: (c.start * 2 + c.end) // 3).kept
            except BudgetError:
                assert not before
                continue
            now = {span.chunk.index: (span.start, span.end) for span in kept}
            assert all(i in now and now[i][0] <= a and now[i][1] >= b for i, (a, b) in before.items()), (
                case,
                budget,
            )
            before = now


def test_everything_fits_returns_the_input_unchanged(o200k) -> None:
    text = "One.\n\nTwo 東京.\r\n"
    chunks = (Chunk(0, 0, 0, 6, 3), Chunk(1, 0, 6, len(text), 3))
    scores = ChunkScores(chunks, np.array([0.4, 0.6]), None)
    for mode in ("budget", "top-p", "threshold"):
        renderer = Renderer(Request((Source(text),), "q"), chunks, DEFAULT_SEPARATOR, o200k)
        selection = select(scores, SelectionRule(mode=mode, top_p=1.0), renderer, 1000)
        assert selection.stop == "passthrough"
        assert renderer.render(selection.kept) == text


def test_top_p_takes_the_chunk_that_crosses_p() -> None:
    scores = ChunkScores(
        tuple(Chunk(i, 0, i, i + 1, 1) for i in range(4)), np.array([0.5, 0.3, 0.15, 0.05]), None
    )
    # Sums before each: 0, 0.5, 0.8, 0.95; those below p are taken.
    assert num_chunks_by_rule(scores, SelectionRule(mode="top-p", top_p=0.5)) == (1, "top_p")
    assert num_chunks_by_rule(scores, SelectionRule(mode="top-p", top_p=0.51)) == (2, "top_p")
    assert num_chunks_by_rule(scores, SelectionRule(mode="top-p", top_p=0.95)) == (3, "top_p")
    assert num_chunks_by_rule(scores, SelectionRule(mode="top-p", top_p=1.0)) == (4, "exhausted")


def test_top_p_is_a_share_of_what_the_chunks_drew_whatever_the_sink_took() -> None:
    chunks = tuple(Chunk(i, 0, i, i + 1, 1) for i in range(4))
    drew = np.array([0.5, 0.3, 0.15, 0.05])
    for sink in (None, 0.3, 0.99):
        scores = ChunkScores(chunks, drew * (1 - (sink or 0.0)), sink)
        assert num_chunks_by_rule(scores, SelectionRule(mode="top-p", top_p=0.75)) == (2, "top_p")


def test_threshold_starts_at_the_sink_and_refuses_low_scores() -> None:
    scores = ChunkScores(
        tuple(Chunk(i, 0, i, i + 1, 1) for i in range(3)), np.array([0.3, 0.15, 0.005]), 0.545
    )
    # Sums before each: 0.545, 0.845, 0.995.
    assert num_chunks_by_rule(scores, SelectionRule(mode="threshold", top_p=0.95)) == (2, "threshold")
    assert num_chunks_by_rule(scores, SelectionRule(mode="threshold", top_p=0.8)) == (1, "threshold")
    assert num_chunks_by_rule(scores, SelectionRule(mode="threshold", top_p=0.5)) == (0, "threshold")
    assert num_chunks_by_rule(scores, SelectionRule(mode="threshold", top_p=1.0, epsilon=0.2)) == (
        1,
        "threshold",
    )


def test_a_budget_smaller_than_a_chunk_keeps_the_best_text(o200k) -> None:
    text = (
        "Noise without any meaning at all. " * 4 + "The key is under the mat. The cat left. Nobody came back."
    )
    start = text.index("The key")
    chunks = (Chunk(0, 0, 0, start, 30), Chunk(1, 0, start, len(text), 16))
    scores = ChunkScores(chunks, np.array([0.1, 0.9]), None)
    renderer = Renderer(Request((Source(text),), "q"), chunks, DEFAULT_SEPARATOR, o200k)

    def kept_text(budget: int, *, fill: bool = True) -> str:
        return renderer.render(select(scores, SelectionRule(fill=fill), renderer, budget).kept)

    assert kept_text(8) == "The key is under the mat."
    assert kept_text(3) == "The key is"
    assert kept_text(1) == "The"
    with pytest.raises(BudgetError):
        kept_text(8, fill=False)


def test_instruction_and_query_are_kept_or_refused(o200k) -> None:
    text = "Read this. " + "Filler goes on and on. " * 30 + "What is filler?"
    region = Span(11, len(text) - 15)
    chunks = (Chunk(0, 0, region.start, 200, 40), Chunk(1, 0, 200, region.end, 90))
    scores = ChunkScores(chunks, np.array([0.6, 0.4]), None)
    renderer = Renderer(
        Request((Source(text, context_region=region),), "q"), chunks, DEFAULT_SEPARATOR, o200k
    )
    out = renderer.render(select(scores, SelectionRule(), renderer, 30).kept)
    assert out.startswith("Read this. ")
    assert out.endswith("What is filler?")
    with pytest.raises(BudgetError) as caught:
        select(scores, SelectionRule(), renderer, 3)
    assert caught.value.exit_code == 6


def test_sources_that_are_kept_whole_are_joined_by_an_empty_line(o200k) -> None:
    sources = (Source("alpha"), Source("beta\n"), Source("gamma\n\n"), Source("delta"))
    chunks = tuple(Chunk(i, i, 0, len(s.text), 1) for i, s in enumerate(sources))
    renderer = Renderer(Request(sources, "q"), chunks, DEFAULT_SEPARATOR, o200k)
    assert renderer.render(renderer.full_chunks(range(4))) == "alpha\n\nbeta\n\ngamma\n\ndelta"
    assert renderer.render(renderer.full_chunks([0, 2])) == "alpha\n[...]\ngamma\n\n"


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("4000", 4000),
        (4000, 4000),
        ("16k", 16000),
        ("1.5K", 1500),
        ("2m", 2_000_000),
        ("12.5%", 0.125),
        ("100%", 1.0),
    ],
)
def test_budgets_are_read_as_written(written: str | int, amount: float) -> None:
    assert parse_budget(written) == amount
    assert type(parse_budget(written)) is type(amount)


@pytest.mark.parametrize(
    "written", ["0", "-5", "", "k", "ten", "0%", "101%", "nan", "inf", "1.5", "1e3", True, "0.0001k"]
)
def test_anything_else_is_refused(written: str | bool) -> None:
    with pytest.raises(UsageError):
        parse_budget(written)
