"""A decoder's heads over haystacks that were read before: all questions of one scored at once, and the loss.

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
    """What does not change with the weights, on the layer's device.

    Attributes:
        asked: for each segment the states of the queries that are used.
        keys: for each segment (H, N, K); empty where they are trained.
        contexts: for each segment the states of its tokens, where keys are trained.
        chunks_NC: 1 where a token is in a chunk.
        means_QM: 1 / tokens where a token is in a query: the null query first, then the questions.
        relevant_QC: of the questions.
    """

    asked: tuple[LayerStates, ...]
    keys: tuple[Tensor, ...]
    contexts: tuple[LayerStates, ...]
    chunks_NC: Tensor
    means_QM: Tensor
    relevant_QC: Tensor


class Layer:
    """The heads, with what was made once of each haystack.

    Args:
        attention: a decoder's heads, with rotary positions.
        has_fixed_keys: whether the keys' projections stay what they are.
        remembers: whether haystacks come again.
    """

    def __init__(
        self, attention: CrossAttention, *, has_fixed_keys: bool = True, remembers: bool = False
    ) -> None:
        assert isinstance(attention, RotaryAttention)
        self.attention = attention
        self.has_fixed_keys = has_fixed_keys
        self.remembers = remembers
        self._prepared: dict[tuple[int, bool], _Prepared] = {}

    def masses(self, one: Read, dropout: float = 0.0, is_decomposed: bool = False) -> Tensor:
        """(H, 1 + Q, C) of the null query and each question: the mean over its tokens."""
        return self._masses(self._known(one, is_decomposed), dropout)

    def _masses(self, known: _Prepared, dropout: float) -> Tensor:
        queries = self._queries(known.asked, dropout)
        keys = known.keys or tuple(map(self._keys, known.contexts))
        logits_HMN = torch.cat(
            [part @ key.float().transpose(1, 2) for part, key in zip(queries, keys, strict=True)], dim=2
        )
        return (known.means_QM @ logits_HMN.softmax(dim=-1)) @ known.chunks_NC

    def scores(
        self, one: Read, dropout: float = 0.0, *, is_decomposed: bool = False, with_null: bool = True
    ) -> Tensor:
        """(Q, C) the null query's mass taken out, as :func:`pooling.without_null` does."""
        mass_QC = self.masses(one, dropout, is_decomposed).mean(dim=0)
        return _without_null(mass_QC) if with_null else mass_QC[1:]

    def loss(self, one: Read, dropout: float, *, is_decomposed: bool = False) -> Tensor:
        """Each relevant chunk against all that are not: the mean over a question's, then over questions."""
        known = self._known(one, is_decomposed)
        log_QC = (_without_null(self._masses(known, dropout).mean(dim=0)) + _LEAST).log()
        relevant_QC = known.relevant_QC
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
        known = self._prepared.get(place) or self._prepare(one, is_decomposed)
        if self.remembers:
            self._prepared[place] = known
        return known

    @torch.no_grad()
    def _prepare(self, one: Read, is_decomposed: bool) -> _Prepared:
        device = self.attention.w_q.device
        wanted = {*self.attention.layers, POSITIONS}
        lengths = one.lengths if is_decomposed else one.lengths[: 1 + len(one.relevant)]
        query_M = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
        means_QM = F.one_hot(query_M).T / torch.tensor(lengths)[:, None]
        if is_decomposed:
            rows = [place or number for number, place in enumerate(one.decomposed, 1)]
            means_QM = means_QM[[0, *rows]]
        contexts = tuple(_moved(segment.context, wanted, device) for segment in one.segments)
        keys: tuple[Tensor, ...] = ()
        if self.has_fixed_keys:
            keys = tuple(map(self._keys, contexts))
            keys = tuple(key.half() for key in keys) if device.type == "cuda" else keys
        owner_N = torch.cat([segment.owner_N for segment in one.segments]).to(device)
        return _Prepared(
            tuple(_moved(segment.asked, wanted, device, sum(lengths)) for segment in one.segments),
            keys,
            () if keys else contexts,
            F.one_hot(owner_N, len(one.sizes_C)).float(),
            means_QM.float().to(device),
            torch.stack(one.relevant).to(device),
        )


def _without_null(mass_QC: Tensor) -> Tensor:
    """(Q, C) of the questions, the null query's mass of the first row taken out."""
    excess_QC = torch.maximum(mass_QC[1:] - mass_QC[:1], mass_QC[1:] * _LEAST_EXCESS)
    return excess_QC / excess_QC.sum(dim=1, keepdim=True)


def _moved(
    states: LayerStates, wanted: set[int], device: torch.device, num_tokens: int | None = None
) -> LayerStates:
    return {name: value[:num_tokens].to(device) for name, value in states.items() if name in wanted}


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
