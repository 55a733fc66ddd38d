"""A decoder's heads over haystacks that were read before: scores of all questions of one at once, and the loss.

The same figures as scoring's, for training: keys that do not change are made once, and all questions of a
haystack are one product.

Shapes: N context tokens, M query tokens, Q questions, C chunks, S segments, H heads, D width, K head width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from decoder_states import BLOCKS, Read
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.attention.rotary import RotaryAttention
from longattncomp_cli.core.backbones.base import POSITIONS, LayerStates
from longattncomp_cli.core.backbones.decoder.weights import DecoderWeights
from longattncomp_cli.core.checkpoint.decoder_heads import Head, decoder_attention
from longattncomp_cli.core.checkpoint.retrieval_heads import HeadMeasure

_LEAST = 1e-6
_LEAST_EXCESS = 1e-3


@dataclass(frozen=True)
class _Prepared:
    """What does not change with the weights.

    Attributes:
        keys: for each segment (H, N, K), or ``None`` where they are trained.
        chunks_NC: 1 where a token is in a chunk.
        means_QM: 1 / tokens where a token is in a query: the null query first, then the questions.
        relevant_QC: of the questions.
    """

    keys: tuple[Tensor, ...] | None
    chunks_NC: Tensor
    means_QM: Tensor
    relevant_QC: Tensor


class Layer:
    """The heads, with what was made once of each haystack.

    Args:
        attention: a decoder's heads, with rotary positions.
        has_fixed_keys: whether the keys' projections stay what they are.
    """

    def __init__(self, attention: CrossAttention, *, has_fixed_keys: bool = True) -> None:
        assert isinstance(attention, RotaryAttention)
        self.attention = attention
        self.has_fixed_keys = has_fixed_keys
        self._prepared: dict[tuple[int, bool], _Prepared] = {}

    def masses(self, one: Read, dropout: float = 0.0, is_decomposed: bool = False) -> Tensor:
        """(H, 1 + Q, C) of the null query and each question: the mean over its tokens."""
        known = self._known(one, is_decomposed)
        used = sum(one.lengths) if is_decomposed else sum(one.lengths[: 1 + len(one.relevant)])
        asked = [{n: value[:used] for n, value in segment.asked.items()} for segment in one.segments]
        queries = self._queries(asked, dropout)
        keys = known.keys or tuple(self._keys(segment.context) for segment in one.segments)
        logits_HMN = torch.cat(
            [part @ key.float().transpose(1, 2) for part, key in zip(queries, keys, strict=True)], dim=2
        )
        return (known.means_QM @ logits_HMN.softmax(dim=-1)) @ known.chunks_NC

    def scores(
        self, one: Read, dropout: float = 0.0, *, is_decomposed: bool = False, with_null: bool = True
    ) -> Tensor:
        """(Q, C) the null query's mass taken out, as :func:`pooling.without_null` does."""
        mass_QC = self.masses(one, dropout, is_decomposed).mean(dim=0)
        if not with_null:
            return mass_QC[1:]
        excess_QC = torch.maximum(mass_QC[1:] - mass_QC[:1], mass_QC[1:] * _LEAST_EXCESS)
        return excess_QC / excess_QC.sum(dim=1, keepdim=True)

    def loss(self, one: Read, dropout: float, *, is_decomposed: bool = False) -> Tensor:
        """Each relevant chunk against all that are not: the mean over a question's, then over questions."""
        log_QC = (self.scores(one, dropout, is_decomposed=is_decomposed) + _LEAST).log()
        relevant_QC = self._known(one, is_decomposed).relevant_QC
        others_Q1 = log_QC.masked_fill(relevant_QC, float("-inf")).logsumexp(dim=1, keepdim=True)
        each_QC = F.softplus(others_Q1 - log_QC) * relevant_QC
        return (each_QC.sum(dim=1) / relevant_QC.sum(dim=1)).mean()

    def _queries(self, asked: Sequence[LayerStates], dropout: float) -> tuple[Tensor, ...]:
        """For each segment (H, M, K): projected, scaled and turned."""
        attention = self.attention
        joined = {name: torch.cat([states[name] for states in asked]) for name in asked[0]}
        units_HMD = F.dropout(_units(attention, joined), dropout)
        queries_HMK = torch.baddbmm(attention.b_q[:, None], units_HMD, attention.w_q)
        queries_HMK = queries_HMK * attention.log_temperature.exp()[:, None, None]
        return _turned(attention, queries_HMK, joined[POSITIONS]).chunk(len(asked), dim=1)

    def _keys(self, context: LayerStates) -> Tensor:
        """(H, N, K) projected and turned."""
        attention = self.attention
        keys_HNK = torch.baddbmm(attention.b_k[:, None], _units(attention, context), attention.w_k)
        return _turned(attention, keys_HNK, context[POSITIONS])

    def _known(self, one: Read, is_decomposed: bool) -> _Prepared:
        place = id(one), is_decomposed
        if place not in self._prepared:
            self._prepared[place] = self._prepare(one, is_decomposed)
        return self._prepared[place]

    @torch.no_grad()
    def _prepare(self, one: Read, is_decomposed: bool) -> _Prepared:
        owner_N = torch.cat([segment.owner_N for segment in one.segments])
        device = owner_N.device
        lengths = one.lengths if is_decomposed else one.lengths[: 1 + len(one.relevant)]
        query_M = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
        means_QM = F.one_hot(query_M).T / torch.tensor(lengths)[:, None]
        if is_decomposed:
            rows = [place or number for number, place in enumerate(one.decomposed, 1)]
            means_QM = means_QM[[0, *rows]]
        keys = None
        if self.has_fixed_keys:
            keys = tuple(self._keys(segment.context) for segment in one.segments)
            keys = tuple(key.half() for key in keys) if device.type == "cuda" else keys
        return _Prepared(
            keys,
            F.one_hot(owner_N, len(one.sizes_C)).float(),
            means_QM.float().to(device),
            torch.stack(one.relevant),
        )


def _units(attention: CrossAttention, states: LayerStates) -> Tensor:
    """(H, M, D) the states that each head reads, of length 1."""
    own = {layer: F.normalize(states[layer].float(), dim=-1) for layer in set(attention.layers)}
    return torch.stack([own[layer] for layer in attention.layers])


def _turned(attention: RotaryAttention, part_HMK: Tensor, positions_M1: Tensor) -> Tensor:
    """By their positions: the angles of all heads are alike."""
    angles_MF = positions_M1.float() * attention.frequencies[0]
    cos, sin = angles_MF.cos(), angles_MF.sin()
    first, second = part_HMK.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


@torch.no_grad()
def found_heads(weights: DecoderWeights, examples: Sequence[Read], device: torch.device) -> HeadMeasure:
    """Every head of ``BLOCKS`` as ``train-stage1 --part heads`` measures it, but on chunks."""
    num_heads = int(weights.config.num_attention_heads)
    all_heads = [Head(block, head) for block in BLOCKS for head in range(num_heads)]
    layer = Layer(decoder_attention(weights, all_heads).to(device), has_fixed_keys=False)
    shares: list[Tensor] = []
    relevant: list[tuple[int, ...]] = []
    for one in examples:
        mass_HQC = layer.masses(one).cpu()
        nets_BHQC = (mass_HQC[:, 1:] - mass_HQC[:, :1]).unflatten(0, (len(BLOCKS), num_heads))
        nets_QLHC = torch.zeros(len(one.relevant), max(BLOCKS) + 1, num_heads, len(one.sizes_C))
        nets_QLHC[:, list(BLOCKS)] = nets_BHQC.permute(2, 0, 1, 3)
        shares += list(nets_QLHC)
        relevant += [tuple(wanted.nonzero().flatten().tolist()) for wanted in one.relevant]
    return HeadMeasure(tuple(shares), tuple(relevant))
