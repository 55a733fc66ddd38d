"""The second hop, a form of pseudo-relevance feedback: rare tokens of the top chunks become query tokens.

Evidence of a later hop often shares no word with the query, but shares its bridge (a name, a title) with a
chunk that does. The rarer tokens of the best chunks, the seeds, serve as further query tokens over the
states of the first pass. Their attention is a mixture (one of them may be the bridge, most are not), so its
arithmetic mean counts, each seed by its own share: a chunk of score ``p`` that draws ``q`` of it gets the
new score ``p · (1 + s·q)``, normalised. A seed is boosted with what it boosts, in proportion to its own
score, so that where one chunk answers everything it stays the first. Which tokens weigh how much is learned
(:mod:`~longattncomp_cli.core.attention.hop_layer`); the sink, and with it the confidence, is that of the
first pass.

Scoring and training run this same code.

Shapes: B block, N context tokens, M query tokens, T feedback tokens, C chunks, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import LOWEST_EXPONENT
from longattncomp_cli.core.attention.hop_layer import FeedbackTokens, HopLayer
from longattncomp_cli.core.attention.idf import idf
from longattncomp_cli.core.backbones.base import SegmentStates, StateBlock, UnitStates
from longattncomp_cli.core.backbones.runtime import has_fast_bfloat16
from longattncomp_cli.errors import UsageError

# Of each of some token ids: how many chunks hold it.
Frequency = Callable[[np.ndarray], np.ndarray]


# Chosen on held-out training questions; see the checkpoints' cards.
_NUM_SEEDS = 8
"""How many of the best chunks give feedback tokens."""
_TOKENS_A_SEED = 24
"""The rarest so many tokens of each."""
_MIN_CHUNKS = 2
"""A token that stands in fewer chunks is not used."""
_MAX_SHARE = 0.2
"""Nor is one that stands in a larger share of the chunks."""


@dataclass(frozen=True)
class HopQuery:
    """The query's token ids (M,) and their states (M, D), of length 1."""

    ids: np.ndarray
    unit_MD: Tensor


def hop_query(query: SegmentStates, layer: int) -> HopQuery:
    """What a hop needs of an encoded query."""
    return HopQuery(query.ids.cpu().numpy(), F.normalize(query.states[layer].float(), dim=-1))


class ContextStates(Protocol):
    """A context that was read."""

    @property
    def layer(self) -> int:
        """Whose states a hop reads."""

    def replay(self) -> Iterator[StateBlock]:
        """Every block, with normalised states of ``layer`` and token ids."""


@dataclass
class StoredStates:
    """Reads the context's blocks, once from the backbone and again from memory where they were not too many.

    Args:
        layer: whose states a hop reads.
        encode: runs the backbone over the context.
        max_tokens: states of longer contexts are computed again instead of being stored.
        units: where given, what it makes of each block is stored too, for another query's first pass.
    """

    layer: int
    encode: Callable[[], Iterator[StateBlock]]
    max_tokens: int
    stored: list[StateBlock] | None = field(default_factory=list)
    units: Callable[[StateBlock], tuple[UnitStates, ...]] | None = None
    is_complete: bool = False
    _num_tokens: int = 0

    def record(self, blocks: Iterator[StateBlock]) -> Iterator[StateBlock]:
        """Pass the first pass's blocks on, and store this layer's states."""
        for block in blocks:
            self._num_tokens += len(block.chunk_index_N)
            if self._num_tokens > self.max_tokens:
                self.stored = None
            known = block
            if self.stored is not None:
                known = block if self.units is None else replace(block, units=self.units(block))
                self.stored.append(self._reduced(known))
            yield known
        self.is_complete = self.stored is not None

    def replay(self) -> Iterator[StateBlock]:
        """Every block once more."""
        return iter(self.stored) if self.stored is not None else map(self._reduced, self.encode())

    def _reduced(self, block: StateBlock) -> StateBlock:
        """Normalised states of this layer alone, in two bytes a number."""
        unit_ND = F.normalize(block.states[self.layer].float(), dim=-1).bfloat16()
        return replace(block, states={self.layer: unit_ND})


def hop(
    shares_C: Tensor,
    query: HopQuery,
    frequency: Frequency,
    states: ContextStates,
    layer: HopLayer,
    *,
    dropout: float = 0.0,
) -> Tensor:
    """Take one hop.

    Args:
        shares_C: the chunks' scores so far.
        query: its own tokens are no feedback tokens.
        frequency: how many chunks hold a token.
        states: the context's.
        layer: how much each token asks, and how much a chunk rises for it.
        dropout: share of the feedback states' numbers that do not count towards how much they ask (training).

    Returns:
        (C,) new scores of the same sum; ``shares_C`` itself where no token leads on.
    """
    feedback = select_feedback_tokens(shares_C, query.ids, frequency, states)
    if feedback is None:
        return shares_C
    weight_T = layer.weights(feedback, query.unit_MD, dropout)
    mass_CT = feedback_mass(feedback, weight_T, states, len(shares_C), layer.log_temperature.exp())
    return layer.boosted(shares_C, mass_CT.sum(dim=1), feedback)


def select_feedback_tokens(
    shares_C: Tensor,
    query_ids: np.ndarray,
    frequency: Frequency,
    states: ContextStates,
) -> FeedbackTokens | None:
    """The best chunks' rarest tokens; ``None`` where there is none."""
    best = torch.argsort(shares_C, descending=True, stable=True)[:_NUM_SEEDS].tolist()
    found: dict[int, list[tuple[Tensor, Tensor, Tensor]]] = {chunk: [] for chunk in best}
    wanted = torch.tensor(best, device=shares_C.device)
    for block in states.replay():
        if block.ids_N is None:
            raise UsageError(
                "this backbone reads the whole prompt at once, which has one hop",
                hint="add --hops 1, or --encoding windowed",
                code="one-hop",
            )
        if not torch.isin(block.chunk_index_N, wanted).any():
            continue
        for chunk in best:
            own_N = block.chunk_index_N == chunk
            found[chunk].append(
                (block.ids_N[own_N], _tokens_of(block)[own_N], block.states[states.layer][own_N])
            )
    sizes, parts, idfs, tokens = [], [], [], []
    for chunk in best:
        no_ids = torch.zeros(0, dtype=torch.long)
        ids = torch.cat([no_ids, *(ids.cpu() for ids, _, _ in found[chunk])]).numpy()
        first, idf_T = _rare(ids, query_ids, frequency, len(shares_C))
        sizes.append(len(first))
        if len(first):
            at = torch.from_numpy(first)
            tokens.append(torch.cat([tokens_N.cpu() for _, tokens_N, _ in found[chunk]])[at])
            parts.append(torch.cat([states_ND for _, _, states_ND in found[chunk]])[at])
            idfs.append(torch.from_numpy(idf_T).float())
    if not parts:
        return None
    device = shares_C.device
    return FeedbackTokens(
        states_TD=torch.cat(parts).float(),
        idf_T=torch.cat(idfs).to(device),
        chunk_of_T=torch.arange(len(best), device=device).repeat_interleave(
            torch.tensor(sizes, device=device)
        ),
        chunk_K=wanted,
        share_K=shares_C[wanted] / shares_C.sum(),
        token_T=torch.cat(tokens),
    )


def _tokens_of(block: StateBlock) -> Tensor:
    """(N,) the index of each token among those of its source; -1 where it is not known."""
    return torch.full_like(block.chunk_index_N, -1) if block.token_N is None else block.token_N


def _rare(
    ids: np.ndarray, query_ids: np.ndarray, frequency: Frequency, num_chunks: int
) -> tuple[np.ndarray, np.ndarray]:
    """The first place of each usable id in a chunk, the rarest ids first, and their idf."""
    distinct, first = np.unique(ids, return_index=True)
    holding = frequency(distinct)
    most = max(_MIN_CHUNKS, _MAX_SHARE * num_chunks)
    usable = (holding >= _MIN_CHUNKS) & (holding <= most)
    usable &= ~np.isin(distinct, query_ids)
    first, holding = first[usable], holding[usable]
    order = np.lexsort((first, holding))[:_TOKENS_A_SEED]
    return first[order], idf(holding[order], num_chunks)


def feedback_mass(
    feedback: FeedbackTokens, weight_T: Tensor, states: ContextStates, num_chunks: int, temperature: Tensor
) -> Tensor:
    """(C, T) the mass that each chunk draws of each feedback token's attention, times the token's weight.

    A token's own chunk draws none of it; the sum is that of the weights, at most 1.
    """
    mass_CT = weight_T.new_zeros((num_chunks, len(weight_T)))
    # mass[c, t] = Σ over tokens n of chunk c of exp(τ · (cos(n, t) − 1)): a softmax not yet normalised.
    for block in states.replay():
        cosine_NT = _cosines(block.states[states.layer], feedback.states_TD)
        weights_NT = (cosine_NT.sub_(1) * temperature).clamp_min(LOWEST_EXPONENT).exp()
        mass_CT.index_add_(0, block.chunk_index_N, weights_NT)
    mass_CT[feedback.chunk_K[feedback.chunk_of_T], torch.arange(len(weight_T), device=weight_T.device)] = 0
    return mass_CT * (weight_T / mass_CT.sum(dim=0).clamp_min(1e-12))


def _cosines(unit_ND: Tensor, unit_TD: Tensor) -> Tensor:
    """(N, T) in fp32, rounded as a product in the dtype of ``unit_ND`` is, whatever multiplies.

    A processor without bf16 takes ten times as long for a product in bf16 as for one in fp32.
    """
    unit_TD = unit_TD.to(unit_ND.dtype)
    if unit_ND.dtype is torch.bfloat16 and unit_ND.device.type == "cpu" and not has_fast_bfloat16():
        return (unit_ND.float() @ unit_TD.float().T).bfloat16().float()
    return (unit_ND @ unit_TD.T).float()
