"""The cross-attention layer on a decoder: the paper's arithmetic, the choice of heads, the program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from longattncomp_cli.core.checkpoint.decoder_heads import layer_heads
from longattncomp_cli.core.checkpoint.store import load_checkpoint, save_checkpoint
from longattncomp_cli.core.checkpoint.untrained_decoder import parse_num_layers
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.loading import load_scorer
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.errors import UsageError
from tests.support.cli import invoke
from tests.support.decoders import SHAPE, TEXT, decoder_scorer, make_decoder, reference_states

DEPTH = 3
QUERY = "Where is the spare key?"
INSTRUCTION = "Read the text and answer."


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any, Scorer]]:
    found = {}
    for family in ("llama", "qwen2", "qwen3", "gemma3_text", "phi3"):
        folder = tmp_path_factory.mktemp(family)
        # As wide as narrow can be told apart: real models have norms of about 1, and so have these.
        model = make_decoder(family, folder)
        scorer = decoder_scorer(folder, DEPTH, chunk_tokens=16)
        found[family] = (folder, model, scorer)
    return found


def own_projections(model: Any, states: torch.Tensor, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(T, H, K) queries and keys of the model's own next layer, by its own modules.

    Turned by their positions where the layer knows how.
    """
    block = model.model.layers[layer]
    attention = block.self_attn
    normed = block.input_layernorm(states)
    if hasattr(attention, "qkv_proj"):
        size = attention.head_dim
        q, k, _ = attention.qkv_proj(normed).split([4 * size, 2 * size, 2 * size], dim=-1)
    else:
        q, k = attention.q_proj(normed), attention.k_proj(normed)
    q, k = (part.view(len(states), -1, attention.head_dim) for part in (q, k))
    if hasattr(attention, "q_norm"):
        q, k = attention.q_norm(q), attention.k_norm(k)
    if model.config.model_type in ("llama", "qwen2"):
        from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

        cos, sin = model.model.rotary_emb(q, torch.arange(len(states))[None])
        q, k = (part.transpose(0, 1)[None] for part in (q, k))
        q, k = (part[0].transpose(0, 1) for part in apply_rotary_pos_emb(q, k, cos, sin))
    return q, k.repeat_interleave(2, dim=1)


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "gemma3_text", "phi3"])
def test_full_is_the_papers_arithmetic_computed_naively(family: str, made) -> None:
    """METHOD §1.4: A = (1/H) Σ softmax(Q_i K_iᵀ/√d), mean over query tokens, sum over a chunk's tokens.

    In one pass of the whole model over [first token][instruction][context][query], with the softmax
    over instruction and context, by the model's own modules.
    """
    _, model, scorer = made[family]
    text = scorer.backbone.model.text
    request = Request((Source(TEXT),), QUERY, instruction=INSTRUCTION)
    found = scorer.score(request)

    tokens = [list(scorer.backbone.tokenize([part])[0].ids) for part in (INSTRUCTION, TEXT, QUERY)]
    between = list(text.between)
    frame = [list(text.opening), tokens[0], between, tokens[1], between, tokens[2]]
    edges = torch.tensor([0, *map(len, frame)]).cumsum(0).tolist()
    states = reference_states(model, torch.tensor([token for part in frame for token in part]), DEPTH)
    with torch.no_grad():
        q, k = own_projections(model, states, DEPTH)
    scored = torch.tensor([*range(edges[1], edges[2]), *range(edges[3], edges[4])])
    logits = (
        torch.einsum("mhk,nhk->hmn", q[edges[5] :], k[scored]) * model.model.layers[DEPTH].self_attn.scaling
    )
    mass_N = logits.softmax(dim=-1).mean(dim=(0, 1))  # the layer has the block's 4 heads
    wanted, at = [], len(tokens[0])
    for chunk in found.chunks:
        wanted.append(float(mass_N[at : at + chunk.num_backbone_tokens].sum()))
        at += chunk.num_backbone_tokens
    assert len(wanted) > 4
    assert found.scores.tolist() == pytest.approx(wanted, rel=2e-3)
    assert found.sink == pytest.approx(float(mass_N[: len(tokens[0])].sum()), rel=2e-3)
    assert found.scores.sum() + found.sink == pytest.approx(1, abs=1e-5)


def test_the_query_sees_the_context_in_full_and_not_in_windowed(made) -> None:
    folder, _, full = made["llama"]
    windowed = decoder_scorer(folder, DEPTH, chunk_tokens=16, encoding="windowed")
    for scorer, same in ((full, False), (windowed, True)):
        states = []
        for context in (TEXT, TEXT[::-1]):
            tokens = scorer.tokenize(Request((Source(context),), QUERY))
            states.append(scorer.backbone.encode(tokens, QUERY, "", [DEPTH]).query.states[DEPTH])
        assert torch.allclose(*states, atol=1e-5) is same


def test_grouped_keys_are_repeated_and_read_from_the_next_layer(made) -> None:
    _, model, scorer = made["llama"]
    heads = layer_heads(scorer.backbone.weights, DEPTH)
    block = model.model.layers[DEPTH]
    gain = block.input_layernorm.weight.detach()
    key = block.self_attn.k_proj.weight.detach().view(2, -1, SHAPE["hidden_size"])
    for head in range(4):
        torch.testing.assert_close(heads.w_k_HDK[head], (key[head // 2] * gain).T)


@pytest.mark.parametrize(
    ("written", "num_layers", "depth"),
    [(None, 32, 31), ("13", 32, 13), ("0.41", 32, 13), ("50%", 24, 12), ("1", 2, 1), ("0.01", 8, 1)],
)
def test_layers_are_a_number_or_a_share(written, num_layers: int, depth: int) -> None:
    assert parse_num_layers(written, num_layers) == depth


@pytest.mark.parametrize("written", ["0", "32", "1.0", "100%", "x", "-1", "1.5", "nan", "inf"])
def test_no_layer_or_all_layers_are_refused(written: str) -> None:
    with pytest.raises(UsageError):
        parse_num_layers(written, 32)


@pytest.mark.parametrize("encoding", ["full", "windowed"])
def test_a_saved_checkpoint_scores_as_the_untrained_decoder(encoding, made, tmp_path: Path) -> None:
    folder, _, _ = made["qwen3"]
    first = decoder_scorer(folder, encoding=encoding)
    save_checkpoint(first.checkpoint, tmp_path / "c", "")
    again = load_scorer(load_checkpoint(str(tmp_path / "c")), device="cpu", dtype="float32")
    assert again.checkpoint.digest == first.checkpoint.digest
    request = Request((Source(TEXT), Source(TEXT[::-1], title="Backwards")), QUERY)
    assert again.score(request).scores.tolist() == first.score(request).scores.tolist()


@pytest.mark.parametrize("encoding", ["full", "windowed"])
def test_the_program_compresses_with_a_decoder(encoding: str, made, tmp_path: Path) -> None:
    folder, _, _ = made["llama"]
    (tmp_path / "text.txt").write_text(TEXT * 4)
    command = ["compress", str(tmp_path / "text.txt"), "-q", QUERY, "-b", "40", "--backbone", str(folder)]
    command += ["--layers", "3", "--encoding", encoding, "--chunk-tokens", "16", "--quiet", "--device", "cpu"]
    done = invoke(*command)
    assert done.exit_code == 0
    assert done.stdout.strip()
    assert all(part.strip() in TEXT * 4 for part in done.stdout.split("[...]"))


def test_options_of_a_decoder_need_one(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    base = ["compress", str(tmp_path / "text.txt"), "-q", QUERY, "-b", "40"]
    for more, code in (
        (["--layers", "3"], 2),
        (["--backbone", str(tmp_path / "nowhere")], 5),
        (["--encoding", "full"], 4),
    ):
        assert invoke(*base, *more).exit_code == code, more
