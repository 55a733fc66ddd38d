"""From request to scores: the pieces together, on the real backbone, against a slow reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.attention.idf import idf, query_idf
from longattncomp_cli.core.attention.pooling import smooth_over_neighbours
from longattncomp_cli.core.checkpoint.config import CheckpointConfig
from longattncomp_cli.core.checkpoint.store import Checkpoint, build_attention, load_checkpoint
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.loading import load_scorer
from longattncomp_cli.core.scoring.options import ScoringOptions
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.errors import InputError

TEXT = "".join(
    f"Line {i}: the {word} is kept in room {i * 7}.\n"
    for i, word in enumerate(
        [
            "lamp",
            "anchor",
            "kettle",
            "ledger",
            "violin",
            "compass",
            "anvil",
            "helmet",
            "mirror",
            "barrel",
            "candle",
            "saddle",
        ]
    )
)


@pytest.fixture(scope="module")
def backbone():
    return load_scorer(load_checkpoint("untrained"), device="cpu", dtype="float32").backbone


def untrained(backbone, chunk_tokens: int) -> Scorer:
    return Scorer(load_checkpoint("untrained"), backbone).with_options(chunk_tokens=chunk_tokens)


def paper_scorer(backbone, sink: str = "instruction") -> Scorer:
    """The paper's arithmetic: mean pooling, instruction as the sink, two heads of random projections."""
    config = CheckpointConfig(
        name="paper",
        backbone=backbone.spec,
        layers=(6, 3),
        width=384,
        head_width=384,
        pooling="mean",
        sink=sink,
    )
    layer = build_attention(config)
    with torch.no_grad():
        for parameter in (layer.w_q, layer.w_k, layer.b_q):
            parameter += 0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
    tensors = {name: value.detach().clone() for name, value in layer.state_dict().items()}
    return Scorer(Checkpoint(config, tensors), backbone, ScoringOptions.of(config, chunk_tokens=20))


def test_the_papers_arithmetic_equals_a_naive_softmax_over_instruction_and_context(backbone) -> None:
    scorer = paper_scorer(backbone)
    request = Request((Source(TEXT),), "Where is the violin?", instruction="Answer in one word.")
    verdict = scorer.score(request)
    assert float(verdict.scores.sum() + verdict.sink) == pytest.approx(1, abs=1e-5)
    assert verdict.confidence == pytest.approx(1 - verdict.sink)

    encoding = backbone.encode(scorer.tokenize(request), request.query, request.instruction, [3, 6])
    blocks = list(encoding.blocks)
    owner = torch.cat([block.chunk_index_N for block in blocks]) + 1
    owner = torch.cat([torch.zeros(len(encoding.instruction.ids), dtype=torch.long), owner])
    layer = scorer.attention
    wanted = torch.zeros(len(verdict.chunks) + 1)
    for head, number in enumerate(scorer.checkpoint.config.layers):
        context = torch.cat(
            [encoding.instruction.states[number], *[block.states[number] for block in blocks]]
        )
        queries = F.normalize(encoding.query.states[number], dim=-1) @ layer.w_q[head] + layer.b_q[head]
        keys = F.normalize(context, dim=-1) @ layer.w_k[head]
        attention = (queries @ keys.T * layer.log_temperature[head].exp()).softmax(dim=1)
        wanted.index_add_(0, owner, attention.mean(dim=0) / 2)
    np.testing.assert_allclose(verdict.scores, wanted[1:].numpy(), atol=1e-5)
    assert verdict.sink == pytest.approx(float(wanted[0]), abs=1e-5)


def test_without_an_instruction_there_is_no_sink(backbone) -> None:
    verdict = paper_scorer(backbone).score(Request((Source(TEXT),), "violin?"))
    assert verdict.sink is None
    assert verdict.confidence is None
    assert verdict.scores.sum() == pytest.approx(1)


@pytest.mark.parametrize("chunk_tokens", [1, 7, 40, 10_000])
def test_scores_sum_to_1_for_any_chunk_size(backbone, chunk_tokens: int) -> None:
    scorer = untrained(backbone, chunk_tokens)
    verdict = scorer.score(
        Request((Source(TEXT), Source("  \n"), Source("Nothing here.")), "Where is the violin?")
    )
    assert verdict.scores.sum() == pytest.approx(1, abs=1e-5)
    assert (verdict.scores >= 0).all()
    empty = [chunk.index for chunk in verdict.chunks if not chunk.num_backbone_tokens]
    assert len(empty) == 1
    assert verdict.scores[empty[0]] == 0


def test_the_chunk_that_answers_comes_first(backbone) -> None:
    scorer = untrained(backbone, 20)
    for word in ("violin", "anvil", "saddle"):
        verdict = scorer.score(Request((Source(TEXT),), f"In which room is the {word} kept?"))
        best = verdict.chunks[verdict.order[0]]
        assert word in TEXT[best.start : best.end]


def test_the_same_request_gives_the_same_scores(backbone) -> None:
    scorer = untrained(backbone, 30)
    request = Request((Source(TEXT),), "Where is the compass?")
    assert np.array_equal(scorer.score(request).scores, scorer.score(request).scores)


def test_an_empty_query_or_context_is_refused(backbone) -> None:
    scorer = Scorer(load_checkpoint("untrained"), backbone)
    with pytest.raises(InputError, match="query"):
        scorer.score(Request((Source(TEXT),), "\n"))
    with pytest.raises(InputError, match="context"):
        scorer.score(Request((Source(" \n\t"),), "violin?"))


def test_rarity_counts_chunks() -> None:
    # 3 chunks: in none of them → 1, in all → log(4 / 3.5) / log(8), never below 0.
    found = idf(np.array([0, 1, 3]), 3)
    np.testing.assert_allclose(found, [1, np.log(4 / 1.5) / np.log(8), np.log(4 / 3.5) / np.log(8)])
    assert idf(np.array([5]), 3)[0] == 0


def test_query_rarity_agrees_with_a_slow_count(backbone) -> None:
    scorer = untrained(backbone, 20)
    request = Request(
        (Source(TEXT, title="violin kettle"), Source("room room room")), "the violin room kettle xylophone"
    )
    context = scorer.tokenize(request)
    num_chunks = sum(len(source.chunks) for source in context.sources)
    chunks: list[set[int]] = []
    for source, title in zip(context.sources, context.titles, strict=True):
        parts = [
            set(source.tokens.ids[a:b].tolist())
            for a, b in zip(source.bounds[:-1], source.bounds[1:], strict=True)
        ]
        parts[0] |= set(title)
        chunks += parts
    ids = backbone.tokenize([request.query])[0].ids
    counts = np.array([sum(int(token) in chunk for chunk in chunks) for token in ids])
    np.testing.assert_allclose(query_idf(ids, context, num_chunks), idf(counts, num_chunks))


def test_neighbours_share_scores_inside_their_source_only() -> None:
    scores, sources = torch.tensor([0.0, 4.0, 0.0, -4.0, -1e9]), torch.tensor([0, 0, 0, 1, 1])
    found, sink = smooth_over_neighbours(scores, torch.tensor(1.0), torch.tensor(0.5), sources)
    # The mean of the four chunks with tokens is 0; it stands for what a chunk has no neighbour in.
    wanted = [0 + 0.25 * (0 + 4), 4 + 0.25 * (0 + 0), 0 + 0.25 * (4 + 0), -4 + 0.25 * (0 + 0), -1e9]
    torch.testing.assert_close(found, torch.tensor(wanted))
    assert float(sink) == 1.0
    same, _ = smooth_over_neighbours(scores, None, torch.tensor(0.0), sources)
    torch.testing.assert_close(same, scores)


def test_chunks_that_owe_their_scores_to_one_heading_stay_equal() -> None:
    """The middle of a section has two neighbours in it, its ends one."""
    scores, owned = torch.tensor([2.0, 2.0, 2.0, -6.0]), torch.tensor([2.0, 2.0, 2.0, 0.0])
    passages = torch.tensor([0, 0, 0, 1])
    found, _ = smooth_over_neighbours(scores, None, torch.tensor(0.5), passages, owned)
    assert found[0] == found[1] == found[2]
    unowned, _ = smooth_over_neighbours(scores, None, torch.tensor(0.5), passages)
    assert unowned[1] > unowned[0]
    assert unowned[3] == found[3]


@pytest.mark.parametrize("num_chunks", range(1, 12))
def test_no_neighbour_outranks_the_chunk_that_it_rises_by(num_chunks: int) -> None:
    for best in range(num_chunks):
        scores = torch.zeros(num_chunks).index_fill(0, torch.tensor(best), 1.0)
        passage = np.zeros(num_chunks, dtype=np.int64)
        found, _ = smooth_over_neighbours(scores, None, torch.tensor(5.0), torch.from_numpy(passage))
        assert int(found.argmax()) == best


def test_the_spread_starts_where_the_untrained_figures_were_measured() -> None:
    layer = CrossAttention((6,), 8, 8)
    assert float(layer.neighbour_weight(torch.zeros(1, 3, 8)).detach()) == pytest.approx(0.6, abs=1e-3)
