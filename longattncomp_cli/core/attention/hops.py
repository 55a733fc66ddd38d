"""The second hop: what the best chunks speak of is looked for in the rest of the context.

Evidence of a later hop often shares no word with the query, but shares its bridge (a name, a title) with a
chunk that does. The rarer tokens of the best chunks serve as further query tokens over the states of the
first pass. Their attention is a mixture (one of them may be the bridge, most are not), so its arithmetic
mean counts, each asking chunk by its own share: a chunk of score ``p`` that draws ``q`` of it gets the
new score ``p · (1 + s·q)``, normalised. A chunk that asks rises with what it raises, in proportion to its own
score, so that where one chunk answers everything it stays the first. Which tokens ask how much is
learned (``core/attention/hop_layer.py``); the sink, and with it the confidence, is that of the first hop.

Scoring and training run this same code.

Shapes: B block, N context tokens, M query tokens, T added query tokens, C chunks, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import LOWEST_EXPONENT
from longattncomp_cli.core.attention.hop_layer import FeedbackTokens, HopLayer
from longattncomp_cli.core.attention.idf import idf
from longattncomp_cli.core.backbones.base import SegmentStates, StateBlock
from longattncomp_cli.errors import UsageError

MAX_HOPS = 3
# States of longer contexts are computed again for each further reading instead of being held.
MAX_STORED_TOKENS = 1_000_000

# Of each of some token ids: how many chunks hold it.
Frequency = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class HopSettings:
    """Chosen on held-out training questions; see the checkpoints' cards."""

    chunks: int = 8
    """How many of the best chunks ask on."""
    tokens: int = 24
    """The rarest so many tokens of each do."""
    least_chunks: int = 2
    """A token that stands in fewer chunks leads nowhere."""
    largest_share: float = 0.2
    """A token that stands in a larger share of the chunks says nothing."""


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

    def again(self) -> Iterator[StateBlock]:
        """Every block, with normalised states of ``layer`` and token ids."""


@dataclass
class StoredStates:
    """Reads the context's blocks, once from the backbone and again from memory where they were not too many.

    Args:
        layer: whose states a hop reads.
        encode: runs the backbone over the context.
    """

    layer: int
    encode: Callable[[], Iterator[StateBlock]]
    held: list[StateBlock] | None = field(default_factory=list)
    _num_tokens: int = 0

    def first(self, blocks: Iterator[StateBlock]) -> Iterator[StateBlock]:
        """Pass the first pass's blocks on, and hold this layer's states."""
        for block in blocks:
            self._num_tokens += len(block.chunk_index_N)
            if self._num_tokens > MAX_STORED_TOKENS:
                self.held = None
            if self.held is not None:
                self.held.append(self._reduced(block))
            yield block

    def again(self) -> Iterator[StateBlock]:
        """Every block once more."""
        return iter(self.held) if self.held is not None else map(self._reduced, self.encode())

    def _reduced(self, block: StateBlock) -> StateBlock:
        """Normalised states of this layer alone, in two bytes a number."""
        unit_ND = F.normalize(block.states[self.layer].float(), dim=-1).bfloat16()
        return StateBlock(block.chunk_index_N, {self.layer: unit_ND}, block.ids_N)


def hop(
    shares_C: Tensor,
    query: HopQuery,
    frequency: Frequency,
    states: ContextStates,
    layer: HopLayer,
    *,
    settings: HopSettings = HopSettings(),
    dropout: float = 0.0,
) -> Tensor:
    """Take one hop.

    Args:
        shares_C: the chunks' scores so far.
        query: a hop asks for what is not in it.
        frequency: how many chunks hold a token.
        states: the context's.
        layer: how much each token asks, and how much a chunk rises for it.
        settings: which tokens may ask.
        dropout: share of the asking states' numbers that do not count towards how much they ask (training).

    Returns:
        (C,) new scores of the same sum; ``shares_C`` itself where no token leads on.
    """
    asking = select_feedback_tokens(shares_C, query.ids, frequency, states, settings)
    if asking is None:
        return shares_C
    weight_T = layer.weights(asking, query.unit_MD, dropout)
    drawn_CT = feedback_mass(asking, weight_T, states, len(shares_C), layer.log_temperature.exp())
    return layer.raised(shares_C, drawn_CT.sum(dim=1), asking)


def select_feedback_tokens(
    shares_C: Tensor,
    query_ids: np.ndarray,
    frequency: Frequency,
    states: ContextStates,
    settings: HopSettings = HopSettings(),
) -> FeedbackTokens | None:
    """The best chunks' rarest tokens; ``None`` where there is none."""
    best = torch.argsort(shares_C, descending=True, stable=True)[: settings.chunks].tolist()
    found: dict[int, list[tuple[Tensor, Tensor]]] = {chunk: [] for chunk in best}
    wanted = torch.tensor(best, device=shares_C.device)
    for block in states.again():
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
            found[chunk].append((block.ids_N[own_N], block.states[states.layer][own_N]))
    parts, rarities, places = [], [], []
    for chunk in best:
        ids = torch.cat([torch.zeros(0, dtype=torch.long), *(ids.cpu() for ids, _ in found[chunk])]).numpy()
        at, rarity_T = _rare(ids, query_ids, frequency, len(shares_C), settings)
        places.append(torch.from_numpy(at))
        if len(at):
            parts.append(torch.cat([states_ND for _, states_ND in found[chunk]])[places[-1]])
            rarities.append(torch.from_numpy(rarity_T).float())
    if not parts:
        return None
    device = shares_C.device
    sizes = torch.tensor([len(part) for part in places], device=device)
    return FeedbackTokens(
        states_TD=torch.cat(parts).float(),
        rarity_T=torch.cat(rarities).to(device),
        asker_T=torch.arange(len(best), device=device).repeat_interleave(sizes),
        chunk_K=wanted,
        share_K=shares_C[wanted] / shares_C.sum(),
        place_T=torch.cat(places),
    )


def _rare(
    ids: np.ndarray, query_ids: np.ndarray, frequency: Frequency, num_chunks: int, settings: HopSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Where the tokens to ask with stand in a chunk (each id's first place), and how rare they are."""
    distinct, first = np.unique(ids, return_index=True)
    holding = frequency(distinct)
    most = max(settings.least_chunks, settings.largest_share * num_chunks)
    usable = (holding >= settings.least_chunks) & (holding <= most)
    usable &= ~np.isin(distinct, query_ids)
    first, holding = first[usable], holding[usable]
    order = np.lexsort((first, holding))[: settings.tokens]
    return first[order], idf(holding[order], num_chunks)


def feedback_mass(
    asking: FeedbackTokens, weight_T: Tensor, states: ContextStates, num_chunks: int, temperature: Tensor
) -> Tensor:
    """(C, T) what each chunk draws of each token's attention, times the token's weight.

    A token's own chunk draws none of it; the sum is that of the weights, at most 1.
    """
    mass_CT = weight_T.new_zeros((num_chunks, len(weight_T)))
    for block in states.again():
        unit_ND = block.states[states.layer]
        cosine_NT = (unit_ND @ asking.states_TD.to(unit_ND.dtype).T).float()
        weights_NT = ((cosine_NT - 1) * temperature).clamp_min(LOWEST_EXPONENT).exp()
        mass_CT.index_add_(0, block.chunk_index_N, weights_NT)
    mass_CT[asking.chunk_K[asking.asker_T], torch.arange(len(weight_T), device=weight_T.device)] = 0
    return mass_CT * (weight_T / mass_CT.sum(dim=0).clamp_min(1e-12))
