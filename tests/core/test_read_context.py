"""A context that was read once gives what a fresh call gives, and is not read again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from longattncomp_cli import Compressor, CompressorSettings, InputError, Source
from longattncomp_cli.core.backbones.encoder.backbone import EncoderBackbone
from longattncomp_cli.core.chunking.chunks import Chunk, ChunkedSource, ContextTokens, Tokens
from longattncomp_cli.core.prompts.latest import MOST_CHARS, LatestSources
from longattncomp_cli.core.prompts.request import Request, SourcesMemo
from longattncomp_cli.core.results.compression import Compression
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.core.text.spans import Span

PROSE = "\n\n".join(
    f"Keeper {name} looks after the {thing}. The {thing} was bought in {1900 + number} from {other}."
    for number, (name, thing, other) in enumerate(
        [
            ("Brannoch", "fog bell", "Istrand"),
            ("Velle", "tide ledger", "Norrow"),
            ("Anseth", "oil store", "Quay House"),
            ("Dorrim", "signal mast", "Istrand"),
        ]
        * 6
    )
)
CODE = (
    "def open_valve(pressure):\n    if pressure > LIMIT:\n        raise ValueError(pressure)\n    return 1\n"
)
DIARY = "# Diary of the light\n\n" + "\n".join(
    f"## [{number}.0.0] - 2019-0{number}-11\n\nSee section {number + 2} of the rules. The bell was struck "
    f"twice in fog and once at noon, as the harbour rules of Istrand say and the keeper wrote.\n"
    for number in range(1, 8)
)
SOURCES = (Source(PROSE, "log.txt", title="Keepers"), Source(CODE, "valve.py"))
QUERIES = ("Who looks after the tide ledger?", "where does open_valve raise", "What was bought from Istrand?")


@pytest.fixture(scope="module")
def compressor(scorer: Scorer, o200k) -> Compressor:
    return Compressor(scorer, o200k, CompressorSettings())


def same(one: Compression, other: Compression) -> bool:
    scores = np.array_equal(one.scores.scores, other.scores.scores)
    return scores and one.text == other.text and one.selection == other.selection


@pytest.mark.parametrize(
    "context",
    [PROSE, [PROSE, CODE], SOURCES, [Source(DIARY, "a.md"), Source(DIARY.upper(), "b.md")]],
    ids=["text", "texts", "sources", "entries, pointers and copies"],
)
def test_each_answer_is_that_of_a_fresh_call(compressor: Compressor, context) -> None:
    read = compressor.read(context)
    for query, budget in zip(QUERIES, (40, "30%", 100_000), strict=True):
        assert same(read.compress(query, budget), compressor.compress(context, query, budget))
    assert np.array_equal(
        read.score(QUERIES[0]).scores.scores, compressor.score(context, QUERIES[0]).scores.scores
    )


def test_what_is_always_kept_is_kept(compressor: Compressor) -> None:
    read = compressor.read(PROSE, instruction="Answer briefly.")
    fresh = compressor.compress(PROSE, QUERIES[0], 60, instruction="Answer briefly.")
    assert same(read.compress(QUERIES[0], 60), fresh)
    assert fresh.text.startswith("Answer briefly.")


class Counting(EncoderBackbone):
    """The same backbone, which counts the tokens of windows that it reads."""

    num_read = 0

    def read_windows(self, windows, layers):
        self.num_read += sum(map(len, windows))
        return super().read_windows(windows, layers)


def counting(scorer: Scorer) -> Counting:
    inner = scorer.backbone
    assert isinstance(inner, EncoderBackbone)
    return Counting(inner.spec, inner.encoder, inner.tokenizer, inner.window_tokens, inner.device)


def test_a_second_query_reads_no_window_of_the_context(scorer: Scorer, o200k) -> None:
    backbone = counting(scorer)
    compressor = Compressor(scorer.with_backbone(backbone), o200k, CompressorSettings())
    read = compressor.read(list(SOURCES))
    after_reading = backbone.num_read
    assert after_reading > 0
    for query in QUERIES:
        read.score(query)
    assert backbone.num_read == after_reading


def test_requests_in_a_row_on_equal_sources_are_answered_alike_and_the_third_reads_nothing(
    scorer: Scorer, o200k
) -> None:
    backbone = counting(scorer)
    compressor = Compressor(scorer.with_backbone(backbone), o200k, CompressorSettings())
    latest = LatestSources()

    def asked(query: str, *texts: str) -> tuple[Compression, int]:
        before = backbone.num_read
        request = latest.shared(Request(tuple(map(Source, texts)), query, budget=100_000))
        return compressor.compress(request), backbone.num_read - before

    numbers = []
    for query in QUERIES:
        given, num_read = asked(query, PROSE, CODE)
        numbers.append(num_read > 0)
        assert same(given, compressor.compress([PROSE, CODE], query, 100_000))
    assert numbers == [True, True, False]
    other, num_read = asked(QUERIES[0], CODE, PROSE)
    assert num_read > 0
    assert same(other, compressor.compress([CODE, PROSE], QUERIES[0], 100_000))


def test_nothing_is_kept_of_long_contexts_nor_of_conversations(o200k) -> None:
    long = Request((Source("Salt is dear. " * (MOST_CHARS // 14 + 1)),), "?")
    chat = Request((Source("Salt."),), "?", frame=object())  # type: ignore[arg-type] (only told apart)
    for request in (long, chat):
        latest = LatestSources()
        assert [latest.shared(request) is request for _ in range(3)] == [True] * 3


def test_what_is_known_of_one_tuple_of_chunks_is_not_taken_for_another() -> None:
    request = Request(SOURCES, "?")
    request = replace(request, memo=SourcesMemo(request.sources))
    chunks = [(Chunk(0, 0, 0, end, 1),) for end in (5, 5, 9)]
    found = [request.once("end", lambda own=own: [own[0].end], of=own) for own in chunks]
    assert found == [[5], [5], [9]]
    assert found[0] is not found[1]
    assert request.once("end", list, of=chunks[0]) is found[0]


def test_a_conversation_and_a_whole_prompt_are_answered_too(compressor: Compressor) -> None:
    chat = [{"role": "user", "content": PROSE}, {"role": "user", "content": QUERIES[0]}]
    read = compressor.read(chat)
    assert read.compress(QUERIES[1], 120).text == compressor.compress(chat, QUERIES[1], 120).text
    prompt = f"{PROSE}\n\nQuestion: {QUERIES[0]}"
    assert same(compressor.read(prompt).compress("", 80), compressor.compress(prompt, "", 80))


def test_an_empty_context_is_refused_when_it_is_read(compressor: Compressor) -> None:
    with pytest.raises(InputError, match="empty"):
        compressor.read(" \n")


def test_a_folder_serves_another_compressor(tmp_path: Path) -> None:
    long = (
        PROSE
        + "\n\n"
        + "\n\n".join(f"Entry {n}: the wind was {n % 12} and the swell {n % 7}." for n in range(60))
    )
    results = [
        Compressor.load(device="cpu", cache=tmp_path / "states").compress(long, QUERIES[0], 60)
        for _ in range(2)
    ]
    assert same(*results)
    assert list((tmp_path / "states").iterdir())


def test_equal_windows_are_encoded_once_and_their_states_are_those_of_each(scorer: Scorer) -> None:
    passage = "The bell is struck twice in fog and once at noon, as the harbour rules of Istrand say."
    other = "Oil is carried up every evening before the lamp is lit."
    backbone = counting(scorer)
    layer = max(scorer.checkpoint.config.layers)

    def states(text: str) -> np.ndarray:
        whole = scorer.with_options(snap="none", chunk_tokens=1_000)
        context = whole.tokenize(Request(tuple(Source(part) for part in text.split("\n\n")), "?"))
        found = {}
        for block in backbone.encode(context, "bell", "", [layer]).blocks:
            for chunk, token, state in zip(
                block.chunk_index_N.tolist(),
                block.token_N.tolist(),
                block.states[layer].float().numpy(),
                strict=True,
            ):
                found[chunk, token] = state
        assert len(found) == sum(len(source.tokens.ids) for source in context.sources)
        return np.stack([found[key] for key in sorted(found)])

    backbone.num_read = 0
    once = states(passage)
    num_once = backbone.num_read
    backbone.num_read = 0
    many = states("\n\n".join([passage] * 40 + [other]))
    assert backbone.num_read < 3 * num_once
    for number in range(40):
        np.testing.assert_allclose(many[number * len(once) : (number + 1) * len(once)], once, atol=1e-5)


def test_chunks_that_hold_a_token_are_counted_as_one_by_one() -> None:
    rng = np.random.default_rng(0)
    sources, titles, first = [], [], 0
    for number in range(3):
        ids = rng.integers(0, 30, size=200)
        bounds = (0, *sorted(rng.choice(np.arange(1, 200), size=9, replace=False).tolist()), 200)
        chunks = tuple(Chunk(first + i, number, i, i + 1, bounds[i + 1] - bounds[i]) for i in range(10))
        sources.append(ChunkedSource(Tokens(ids, np.arange(200)), chunks, bounds))
        titles.append(rng.integers(0, 40, size=number).tolist())
        first += 10
    context = ContextTokens(tuple(sources), tuple(titles))
    expected = np.zeros(40, dtype=int)
    for source, title in zip(sources, titles, strict=True):
        for i in range(10):
            held = set(source.tokens.ids[source.bounds[i] : source.bounds[i + 1]].tolist())
            held |= set(title) if i == 0 else set()
            for each in held:
                expected[each] += 1
    counts = context.num_holding
    assert counts.tolist() == expected[: len(counts)].tolist()
    assert not expected[len(counts) :].any()


def test_a_part_of_a_source_knows_its_structure() -> None:
    source = SOURCES[1]
    structure = source.structure
    part = source.part(Span(10, 30), "title")
    assert part.structure is structure
    assert (part.context_span, part.title, part.text) == (Span(10, 30), "title", source.text)
