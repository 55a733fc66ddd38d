"""``as_published``: the arithmetic of LongAttnComp (arXiv:2606.01336), computed once more naively."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scorer import Scorer
from tests.support.decoders import TEXT, decoder_scorer, make_decoder

CHUNK_TOKENS = 16
INSTRUCTION = "Read the text and answer in one word."
QUERY = "Where is the spare key?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llama")
    make_decoder("llama", folder, max_position_embeddings=4096)
    return folder


@pytest.fixture(scope="module", params=["embedded", "decoder-full", "decoder-windowed"])
def published(request: pytest.FixtureRequest, scorer: Scorer, folder: Path) -> Scorer:
    kind, _, encoding = request.param.partition("-")
    ours = scorer if kind == "embedded" else decoder_scorer(folder, encoding=encoding)
    return Scorer(ours.checkpoint.as_published(), ours.backbone).with_options(chunk_tokens=CHUNK_TOKENS)


def naive_masses(published: Scorer, request: Request) -> np.ndarray:
    """The mass of the instruction, and of each run of ``CHUNK_TOKENS`` tokens of the one source."""
    context = published.tokenize(request)
    layers = published.checkpoint.config.layers
    encoding = published.backbone.encode(context, request.query, request.instruction, sorted(set(layers)))
    blocks = list(encoding.blocks)
    num_tokens = len(context.sources[0].tokens.ids)
    token_N = torch.cat([block.token_N for block in blocks])
    assert sorted(token_N.tolist()) == list(range(num_tokens))
    attention = published.attention
    masses = torch.zeros(1 + -(-num_tokens // CHUNK_TOKENS), dtype=torch.float64)
    for head, layer in enumerate(layers):

        def unit(states: torch.Tensor, center: torch.Tensor = attention.center[head]) -> torch.Tensor:
            return F.normalize(states.float() - center, dim=-1).double()

        instruction, query = encoding.instruction.states[layer], encoding.query.states[layer]
        keys = unit(torch.cat([instruction, *(block.states[layer] for block in blocks)]))
        k = keys @ attention.w_k[head].double()
        q = unit(query) @ attention.w_q[head].double() + attention.b_q[head].double()
        share = (q @ k.T * attention.log_temperature[head].double().exp()).softmax(dim=1).mean(dim=0)
        masses[0] += share[: len(instruction)].sum() / len(layers)
        masses[1:].index_add_(0, token_N // CHUNK_TOKENS, share[len(instruction) :] / len(layers))
    return masses.numpy()


@pytest.mark.parametrize("heading", ["", "# Where the keys are\n\n"])
@torch.inference_mode()
def test_scores_are_the_papers_arithmetic(published: Scorer, heading: str) -> None:
    """A softmax over instruction and context, the mean over heads and query tokens, summed per chunk."""
    assert not published.checkpoint.config.qk_norm
    request = Request((Source(heading + TEXT * 4, name="a.md"),), QUERY, instruction=INSTRUCTION)
    found = published.score(request)
    wanted = naive_masses(published, request)
    assert len(found.chunks) > 8
    np.testing.assert_allclose(found.scores, wanted[1:], rtol=1e-3, atol=1e-6)
    assert found.sink == pytest.approx(wanted[0], rel=1e-3)
    assert found.scores.sum() + found.sink == pytest.approx(1, abs=1e-5)
    assert found.confidence == pytest.approx(1 - found.sink)


def test_chunks_are_of_a_fixed_number_of_tokens(published: Scorer) -> None:
    sources = (Source("def f(x):\n    return x\n\n\n" * 12, name="a.py"), Source(TEXT))
    chunks = published.score(Request(sources, QUERY)).chunks
    for number in range(len(sources)):
        sizes = [chunk.num_backbone_tokens for chunk in chunks if chunk.source == number]
        assert set(sizes[:-1]) == {CHUNK_TOKENS}
        assert 0 < sizes[-1] <= CHUNK_TOKENS


def test_the_instruction_absorbs_mass_and_another_one_gives_other_scores(published: Scorer) -> None:
    found = [
        published.score(Request((Source(TEXT),), QUERY, instruction=instruction))
        for instruction in (INSTRUCTION, "Where is the spare key kept, and by whom?", "")
    ]
    assert found[2].sink is None
    assert found[2].scores.sum() == pytest.approx(1, abs=1e-5)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(found[one].scores - found[other].scores).max() > 1e-4
    assert found[0].sink != found[1].sink


def test_no_step_of_ours_is_left(published: Scorer) -> None:
    """Neither a hop nor re-ranking changes what the first pass gives."""
    request = Request((Source(TEXT * 2),), QUERY, instruction=INSTRUCTION)
    first = published.first_pass(request)
    assert published.options.hops == 1
    assert first.exact == ()
    np.testing.assert_array_equal(published.score(request).scores, first.shares_C.double().numpy())
