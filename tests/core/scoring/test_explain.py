"""An explanation adds up to the score that it explains, and points at words that are there."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
import torch

from longattncomp_cli.core.attention.idf import query_idf
from longattncomp_cli.core.attention.pooling import normalise, pool_log_mass
from longattncomp_cli.core.checkpoint.config import CheckpointConfig
from longattncomp_cli.core.checkpoint.store import Checkpoint, build_attention, load_checkpoint
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.explain.chunk import explain
from longattncomp_cli.core.scoring.scorer import Scorer
from tests.support.cli import invoke
from tests.support.decoders import TEXT as DECODER_TEXT
from tests.support.decoders import decoder_scorer, make_decoder
from tests.support.scorers import remembering

TEXT = "Ropes were mended. " * 20 + "\n\nThe naïve ledger was signed.\n\n" + "Nets were counted again. " * 40
WORDS = re.compile(r"\w+|[^\w\s]")
QUERY = "Who signed the Penhallowesque ledger?"


def log_scores_of(scorer: Scorer, request: Request) -> np.ndarray:
    """The chunks' scores before their neighbours' share, straight from the layer's own functions."""
    context = scorer.tokenize(request)
    num_chunks = sum(len(source.chunks) for source in context.sources)
    encoding = scorer.backbone.encode(
        context, request.query, "", sorted(set(scorer.checkpoint.config.layers))
    )
    query = torch.stack(scorer.attention.unit_states(encoding.query.states))
    folded = scorer.attention.queries(encoding.query.states)
    logits = scorer.attention.chunk_logsumexp(folded, encoding.blocks, num_chunks)
    sink = scorer.attention.sink_logits(folded) if scorer.attention.learned_sink else None
    mass = normalise(logits, sink)
    rarity = torch.from_numpy(query_idf(encoding.query.ids.numpy(), context, num_chunks)).float()
    weights = scorer.attention.weights(query, rarity)
    return pool_log_mass(mass, weights, scorer.attention.floor)[0].double().numpy()


@torch.inference_mode()
def test_what_the_query_words_add_is_the_score_above_the_average_chunk(scorer) -> None:
    plain = remembering(scorer.with_options(chunk_tokens=40, hops=1))
    request = Request((Source(TEXT), Source("Salt is dear. " * 20, title="A signed title")), QUERY)
    expected = log_scores_of(plain, request)
    for index in range(len(expected)):
        found = explain(plain, request, index)
        assert found.score == pytest.approx(expected[index], abs=1e-3)
        assert found.baseline == pytest.approx(expected.mean(), abs=1e-3)
        assert sum(word.adds for word in found.words) == pytest.approx(found.score - found.baseline, abs=1e-3)
        assert sum(word.weight for word in found.words) == pytest.approx(1, abs=1e-5)
        for word in found.words:
            assert QUERY[word.start : word.end] == word.text
            assert sum(part.share for part in word.words) == pytest.approx(1, abs=1e-4)


@torch.inference_mode()
def test_with_the_papers_pooling_the_parts_add_up_to_the_score_itself(scorer) -> None:
    config = CheckpointConfig(
        name="paper", backbone=scorer.backbone.spec, layers=(6, 3), width=384, head_width=384, pooling="mean"
    )
    tensors = {name: value.clone() for name, value in build_attention(config).state_dict().items()}
    paper = remembering(Scorer(Checkpoint(config, tensors), scorer.backbone).with_options(chunk_tokens=40))
    request = Request((Source(TEXT),), QUERY)
    scores = paper.score(request).scores
    for index, score in enumerate(scores):
        found = explain(paper, request, index)
        assert found.baseline == 0
        assert sum(word.adds for word in found.words) == pytest.approx(score, rel=1e-4)


def test_words_point_into_the_chunk_and_answer_the_query(scorer) -> None:
    request = Request((Source("Sea. " + TEXT),), QUERY)
    scores = scorer.score(request)
    best = scores.chunks[int(scores.order[0])]
    words = {word.text: word for word in explain(scorer, request, best.index).words}
    assert list(words) == ["Who", "signed", "the", "Penhallowesque", "ledger", "?"]
    for query_word in ("signed", "ledger"):
        heaviest = words[query_word].words[0]
        assert heaviest.text == query_word
        for part in words[query_word].words:
            assert request.sources[0].text[part.start : part.end] == part.text
            assert best.start <= part.start < best.end


def test_a_chunk_longer_than_a_window_keeps_its_words_in_their_places(scorer) -> None:
    """It is read in parts whose order of reading is not that of the text."""
    words = [f"w{chr(97 + i % 26)}{i}" for i in range(170)]
    text = " ".join(words)
    long = Scorer(load_checkpoint("untrained"), scorer.backbone).with_options(chunk_tokens=2000, snap="none")
    request = Request((Source(text),), "Where is wc54 kept?")
    assert len(long.tokenize(request).sources[0].tokens.ids) > 2 * 254
    (word,) = [word for word in explain(long, request, 0).words if word.text == "wc54"]
    assert word.words[0].text == "wc54"
    assert all(text[part.start : part.end] == part.text for part in word.words)


def test_a_title_counts_as_one_word_of_the_first_chunk(scorer) -> None:
    request = Request((Source("It was bound in red.", title="The harbour ledger"),), "ledger")
    (word,) = explain(scorer, request, 0).words
    assert word.words[0].text == "(title)"
    assert replace(word.words[0], share=0).start == 0


@torch.inference_mode()
def test_words_are_found_where_a_decoder_reads_the_whole_prompt(tmp_path: Path) -> None:
    """Its states come in the order of the text, so a chunk's tokens are known by that order too."""
    make_decoder("llama", tmp_path)
    decoder = decoder_scorer(tmp_path, encoding="full", chunk_tokens=16)
    sources = (Source(DECODER_TEXT), Source(DECODER_TEXT[::-1], title="Backwards"))
    request = Request(sources, "Where is the spare key?", instruction="Read.")
    context = decoder.tokenize(request)
    attention = decoder.attention
    encoding = decoder.backbone.encode(context, request.query, request.instruction, attention.reads)
    blocks = list(encoding.blocks)
    projected = attention.queries(encoding.query.states)
    logits_NHM = torch.cat([attention.logits(projected, block.states) for block in blocks])
    owner_N = torch.cat([block.chunk_index_N for block in blocks])
    scores = decoder.score(request)
    titled = next(chunk.index for chunk in scores.chunks if chunk.source == 1)
    for chunk in (*scores.chunks[:titled:4], *scores.chunks[titled::4]):
        found = explain(decoder, request, chunk.index)
        assert sum(word.adds for word in found.words) == pytest.approx(scores.scores[chunk.index], rel=1e-3)
        # Shares of the chunk's tokens, the mean over heads, for the query's last word, which is one token.
        own = logits_NHM[owner_N == chunk.index][:, :, -1].softmax(dim=0).mean(dim=1).tolist()
        source = context.sources[chunk.source]
        first = chunk.index - source.chunks[0].index
        starts = source.tokens.starts[source.bounds[first] : source.bounds[first + 1]].tolist()
        title = len(own) - len(starts)
        assert (title > 0) == (chunk.index == titled)
        wanted = {"(title)": sum(own[:title])} if title else {}
        text = sources[chunk.source].text
        for start, share in zip(starts, own[title:], strict=True):
            word = next((m for m in WORDS.finditer(text) if m.start() <= start < m.end()), None)
            key = word.group() if word else text[start : start + 1]
            wanted[key] = wanted.get(key, 0.0) + share
        got: dict[str, float] = {}
        for part in found.words[-1].words:
            assert part.text == "(title)" or text[part.start : part.end] == part.text
            got[part.text] = got.get(part.text, 0.0) + part.share
        assert got == pytest.approx(wanted, rel=1e-3, abs=1e-6)


@torch.inference_mode()
def test_a_decoder_token_that_begins_with_a_space_is_the_word_after_it(tmp_path: Path) -> None:
    make_decoder("llama", tmp_path)
    decoder = decoder_scorer(tmp_path, encoding="full", chunk_tokens=16)
    request = Request((Source(DECODER_TEXT),), "Where is  the spare key?")
    scored = decoder.score(request)
    for chunk in scored.chunks:
        found = explain(decoder, request, chunk.index)
        named = [word.text for word in found.words if word.text.strip()]
        assert named == WORDS.findall(request.query)
        inside = DECODER_TEXT[chunk.start : chunk.end]
        shown = {part.text for part in found.words[0].words if part.text.strip()}
        assert shown == set(WORDS.findall(inside))


def test_white_space_that_is_a_token_is_shown_by_a_sign(tmp_path: Path) -> None:
    make_decoder("llama", tmp_path)
    (tmp_path / "a.txt").write_text("The harbour\n\n\nmaster", encoding="utf-8")
    asked = ("--backbone", str(tmp_path), "--layers", "2", "--device", "cpu", "--explain", "1")
    shown = score(str(tmp_path / "a.txt"), "-q", "Where  is the ledger?", *asked)
    assert re.search(r"↵ \d+%", shown.stdout)
    assert not re.search(r"(?m)^ |,  *\d+%", shown.stdout)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text(TEXT)
    return tmp_path


def score(*args: str):
    return invoke("score", *args)


def test_a_chunk_is_named_by_rank_index_or_line(folder: Path) -> None:
    line = TEXT[: TEXT.index("The naïve")].count("\n") + 1
    reports = [
        orjson.loads(score("a.txt", "-q", QUERY, "--json", "--explain", wanted).stdout)
        for wanted in ("1", f"a.txt:{line}", f":{line}")
    ]
    (index,) = {report["explain"]["chunk"] for report in reports}
    by_index = orjson.loads(score("a.txt", "-q", QUERY, "--json", "--explain", f"@{index}").stdout)
    assert by_index == reports[0]
    chunk = reports[0]["chunks"][index]
    assert chunk["rank"] == 1
    assert chunk["start"] <= TEXT.index("ledger") < chunk["end"]
    total = sum(word["adds"] for word in by_index["explain"]["query_words"])
    assert total == pytest.approx(by_index["explain"]["own"] - by_index["explain"]["baseline"], abs=1e-3)
    shown = score("a.txt", "-q", QUERY, "--explain", "1").stdout
    assert "rank 1 of" in shown
    assert "times an average chunk" in shown


@pytest.mark.parametrize("wanted", ["0", "999", "@999", "a.txt:999", "b.txt:1", "first", "#3", "", "@", "-1"])
def test_a_chunk_that_is_not_there_is_a_usage_error(folder: Path, wanted: str) -> None:
    done = score("a.txt", "-q", QUERY, f"--explain={wanted}")
    assert done.exit_code == 2
    assert "--explain" in done.stderr


BRIDGED = [
    "Copper prices rose again in the spring of that year, and mines reopened.",
    "Marek Ozolin grew up as the son of a cooper. He came from Valmiera.",
    "Wool was the chief export, followed by flax and timber.",
    "Salt Harvest is a 1961 film directed by Marek Ozolin.",
]


def test_the_second_hop_names_the_feedback_words(scorer) -> None:
    request = Request(tuple(map(Source, BRIDGED)), "Where was the director of Salt Harvest born?")
    two = scorer.with_options(hops=2, hops_are_required=True, rerank=False)
    ratios, answer = [], 1
    one = two.with_options(hops=1)
    before, after = one.score(request).scores, two.score(request).scores
    for index in range(len(BRIDGED)):
        hop = explain(two, request, index).hop
        assert hop is not None
        assert 1 <= hop.boost <= hop.max_boost
        ratios.append(after[index] / before[index] / hop.boost)
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-3)  # all are normalised by one number
    hop = explain(two, request, answer).hop
    assert hop is not None
    asked = {BRIDGED[word.chunk][word.start : word.end] for word in hop.words[:2] if word.chunk == 3}
    assert asked == {"Marek", "Ozolin"}
    assert sum(word.share for word in hop.words) == pytest.approx(1, abs=1e-4)
    assert explain(one, request, answer).hop is None


def test_the_second_hop_is_in_the_table_and_in_the_report(folder: Path) -> None:
    (folder / "film.txt").write_text("\n\n".join(BRIDGED), encoding="utf-8")
    query = "Where was the director of Salt Harvest born?"
    asked = ("film.txt", "-q", query, "--chunk-tokens", "16")
    shown = score(*asked, "--explain", "film.txt:3")
    assert "second hop:" in shown.stdout
    assert "Ozolin" in shown.stdout
    assert "film.txt:7" in shown.stdout
    report = orjson.loads(score(*asked, "--explain", "film.txt:3", "--json").stdout)
    assert report["explain"]["hop"]["words"][0]["share"] > 0
    alone = orjson.loads(score(*asked, "--explain", "film.txt:3", "--json", "--hops", "1").stdout)
    assert alone["explain"]["hop"] is None
