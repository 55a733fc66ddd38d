"""The second hop: a bridge is crossed, one hop changes nothing, and shares stay shares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from longattncomp_cli.core.attention import hops
from longattncomp_cli.core.attention.hop_layer import FeedbackTokens, HopLayer
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.checkpoint.store import Checkpoint, load_checkpoint
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring import first_pass, options
from longattncomp_cli.core.scoring.options import ScoringOptions
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.errors import UsageError

QUERY = "In which town was the director of the film Salt Harvest born?"
BRIDGE = "Salt Harvest is a 1961 film directed by Marek Ozolin."
ANSWER = "Marek Ozolin grew up as the son of a cooper. He came from Valmiera."
FILLER = [
    "Copper prices rose again in the spring of that year, and mines reopened.",
    "The river freezes in December; ferries then stop for three months.",
    "A second bridge was planned, though the council never voted on it.",
    "Wool was the chief export, followed by flax and timber.",
    "The museum shows looms, spindles and a steam engine from Leeds.",
    "Its library holds nine thousand maps and a globe.",
]


def request(texts: list[str]) -> Request:
    return Request(tuple(Source(text) for text in texts), QUERY)


def scored(scorer: Scorer, num_hops: int, texts: list[str]) -> ChunkScores:
    return scorer.with_options(hops=num_hops, hops_are_required=True).score(request(texts))


def replace_hops(checkpoint: Checkpoint, num_hops: int) -> Checkpoint:
    return replace(checkpoint, config=replace(checkpoint.config, hops=num_hops))


TEXTS = [*FILLER[:3], ANSWER, *FILLER[3:], BRIDGE]


def test_a_second_hop_raises_what_the_best_chunk_names(scorer: Scorer) -> None:
    one, two = scored(scorer, 1, TEXTS), scored(scorer, 2, TEXTS)
    answer, bridge = TEXTS.index(ANSWER), TEXTS.index(BRIDGE)
    assert one.ranks[bridge] == two.ranks[bridge] == 1
    others = [i for i in range(len(TEXTS)) if i not in (answer, bridge)]
    assert two.scores[answer] / two.scores[others].max() > one.scores[answer] / one.scores[others].max()
    assert two.ranks[answer] == 2


def test_code_is_hopped_over_untrained(scorer: Scorer) -> None:
    """A trained hop learned which words ask from prose."""
    trained = load_checkpoint(DEFAULT_CHECKPOINT)
    own = {name: value for name, value in trained.tensors.items() if not name.startswith("hop.")}
    untrained = Checkpoint(replace(trained.config, hop_rank=0), own)
    code = "".join(
        f"def {w}_{i}(salt):\n    return salt + harvest({i})\n\n\n" for i, w in enumerate("abcdef" * 4)
    )
    prose = " ".join([*TEXTS, *TEXTS])
    for text, is_same in ((code, True), (prose, False)):
        asked = Request((Source(text),), QUERY)
        one, other = (
            Scorer(c, scorer.backbone).with_options(hops=2, chunk_tokens=24).score(asked).scores
            for c in (trained, untrained)
        )
        assert np.array_equal(one, other) == is_same


def test_hops_leave_the_sum_and_the_sink_alone(scorer: Scorer) -> None:
    for name in (DEFAULT_CHECKPOINT, "stage1"):
        own = Scorer(load_checkpoint(name), scorer.backbone)
        one, two = scored(own, 1, TEXTS), scored(own, 2, TEXTS)
        assert two.sink == one.sink
        assert two.scores.sum() == pytest.approx(one.scores.sum(), abs=1e-6)
        assert not np.allclose(two.scores, one.scores)


def test_where_no_token_leads_on_nothing_changes(scorer: Scorer) -> None:
    texts = ["Tin was sold.", "Rain fell softly, everywhere!"]  # no token stands in two chunks
    assert np.array_equal(scored(scorer, 1, texts).scores, scored(scorer, 2, texts).scores)


def test_states_that_are_computed_again_give_the_scores_of_stored_ones(scorer: Scorer, monkeypatch) -> None:
    stored = scored(scorer, 3, TEXTS)
    monkeypatch.setattr(first_pass, "MAX_STORED_TOKENS", 20)
    np.testing.assert_allclose(scored(scorer, 3, TEXTS).scores, stored.scores, rtol=1e-6)


def test_a_context_too_long_to_store_takes_one_hop_unless_more_are_asked_for(
    scorer: Scorer, monkeypatch
) -> None:
    monkeypatch.setattr(options, "MAX_STORED_TOKENS", 20)
    by_default = Scorer(replace_hops(scorer.checkpoint, 2), scorer.backbone).score(request(TEXTS))
    assert np.array_equal(by_default.scores, scored(scorer, 1, TEXTS).scores)
    assert not np.array_equal(by_default.scores, scored(scorer, 2, TEXTS).scores)


def feedback_of(states_TD: torch.Tensor, seed: list[int], share: list[float]) -> FeedbackTokens:
    """Tokens equally rare; the seeds are the first chunks."""
    chunk_K = torch.arange(len(share))
    token_T = torch.arange(len(seed))
    idf_T = torch.full((len(seed),), 0.5)
    return FeedbackTokens(states_TD, idf_T, torch.tensor(seed), chunk_K, torch.tensor(share), token_T)


def test_untrained_tokens_of_a_chunk_share_its_weight_by_rarity() -> None:
    feedback = replace(
        feedback_of(torch.eye(3), [0, 0, 1], [0.6, 0.2]),
        idf_T=torch.tensor([0.9, 0.3, 0.1]),
    )
    weight_T = HopLayer(3, 2).weights(feedback, torch.eye(3))
    np.testing.assert_allclose(weight_T.detach().numpy(), [0.45, 0.15, 0.2], rtol=1e-5)


def test_the_gate_and_what_the_query_is_after_weigh_the_tokens() -> None:
    """Whatever a layer learned, a seed's tokens together weigh as much as the seed's share says."""
    feedback = feedback_of(torch.eye(4)[[0, 1, 2]], [0, 0, 1], [0.6, 0.2])
    layer = HopLayer(4, 1)
    with torch.no_grad():
        layer.gate[1] = 2.0
    gated_T = layer.weights(feedback, torch.eye(4)[[3]])
    assert gated_T[1] > gated_T[0]
    with torch.no_grad():
        layer.relation_in[:, 0], layer.relation_out[0] = torch.eye(4)[0], 5 * torch.eye(4)[3]
    related_T = layer.weights(feedback, torch.eye(4)[[3]])
    other_T = layer.weights(feedback, torch.eye(4)[[2]])
    assert related_T[0] > related_T[1]
    assert other_T[0] < other_T[1]
    for weight_T in (gated_T, related_T, other_T):
        sums = [weight_T[:2].sum().item(), weight_T[2].item()]
        np.testing.assert_allclose(sums, [0.6, 0.2], rtol=1e-5)


def test_a_chunk_draws_nothing_of_its_own_tokens_and_is_boosted_by_the_formula() -> None:
    # Chunks 0 and 1 are seeds with one feedback token each; unit states are the axes, so a cosine is 1 or 0.
    axes = torch.eye(4, dtype=torch.bfloat16)
    block = hops.StateBlock(torch.tensor([0, 1, 2, 2]), {6: axes[[0, 1, 0, 2]]}, torch.arange(4))
    states = hops.StoredStates(6, lambda: iter([block]), 100, [block])
    feedback = feedback_of(axes[[0, 1]].float(), [0, 1], [0.75, 0.25])
    layer = HopLayer(4, 0)
    weight_T = layer.weights(feedback, torch.zeros(1, 4))
    mass_C = hops.feedback_mass(feedback, weight_T, states, 3, layer.log_temperature.exp()).sum(dim=1)
    near, far = 1.0, float(np.exp(-20.0))
    # Of chunk 0's token: chunk 1 draws e⁻²⁰, chunk 2 1 + e⁻²⁰.
    # Of chunk 1's: chunk 0 draws e⁻²⁰, chunk 2 2e⁻²⁰.
    wanted = 0.75 * np.array([0, far, near + far]) / (near + 2 * far) + 0.25 * np.array([1 / 3, 0, 2 / 3])
    np.testing.assert_allclose(mass_C.detach().numpy(), wanted, rtol=1e-5)


@pytest.mark.parametrize("number", [0, 4])
def test_a_number_of_hops_that_makes_no_sense_is_refused(scorer: Scorer, number: int) -> None:
    with pytest.raises(UsageError, match=f"--hops {number}"):
        scored(scorer, number, TEXTS)


def test_the_checkpoint_says_how_many_hops_unless_the_user_does(scorer: Scorer) -> None:
    checkpoint = replace(scorer.checkpoint, config=replace(scorer.checkpoint.config, hops=2))
    assert Scorer(checkpoint, scorer.backbone).options.hops == 2
    assert ScoringOptions.of(checkpoint.config, hops=1).hops == 1
