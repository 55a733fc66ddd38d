"""The second hop: what the best chunks speak of is looked for in the rest of the context.

Evidence of a later hop often shares no word with the query, but shares its bridge (a name, a title) with a
chunk that does. The rarer tokens of the best chunks serve as further query tokens over the states of the
first pass. Their attention is a mixture (one of them may be the bridge, most are not), so its arithmetic
mean counts, each asking chunk by its own share: a chunk of score ``p`` that draws ``q`` of it gets the
new score ``p · (1 + s·q)``, normalised. A chunk that asks rises with what it raises, in proportion to its own
score, so that where one chunk answers everything it stays the first. Nothing is trained here; the sink, and
with it the confidence, is that of the first hop.

Shapes: B block, N context tokens, T added query tokens, C chunks, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from longattncomp_cli.core.backbone import ContextTokens, StateBlock
from longattncomp_cli.core.cross_attention import LOWEST_EXPONENT
from longattncomp_cli.core.rarity import document_frequency, rarity
from longattncomp_cli.errors import UsageError

MAX_HOPS = 3
# States of longer contexts are computed again for each further reading instead of being held.
MAX_HELD_TOKENS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class HopSettings:
    """Chosen on held-out training questions; see the checkpoints' cards."""

    chunks: int = 8
    """How many of the best chunks ask on."""
    tokens: int = 24
    """The rarest so many tokens of each do."""
    strength: float = 160.0
    """How much a chunk would rise that drew the attention of all chunks, ``s``."""
    temperature: float = 20.0
    """Of the cosine between two tokens."""
    least_chunks: int = 2
    """A token that stands in fewer chunks leads nowhere."""
    largest_share: float = 0.2
    """A token that stands in a larger share of the chunks says nothing."""


@dataclass
class HeldStates:
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
            if self._num_tokens > MAX_HELD_TOKENS:
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


@dataclass(frozen=True)
class _Asking:
    """The added query tokens: unit states (T, D), weights (T,) whose sum is at most 1, the chunk of each."""

    states_TD: Tensor
    weight_T: Tensor
    chunk_T: Tensor


def hop(
    shares_C: Tensor, query_ids: np.ndarray, context: ContextTokens, states: HeldStates, settings: HopSettings
) -> Tensor:
    """Take one hop.

    Args:
        shares_C: the chunks' scores so far.
        query_ids: token ids of the query; a hop asks for what is not in it.
        context: the tokens.
        states: the context's states.
        settings: how.

    Returns:
        (C,) new scores of the same sum; ``shares_C`` itself where no token leads on.
    """
    asking = _asking(shares_C, query_ids, context, states, settings)
    if asking is None:
        return shares_C
    drawn_C = _drawn(asking, states, len(shares_C), settings.temperature)
    rise_C = settings.strength * drawn_C
    best = torch.argsort(shares_C, descending=True, stable=True)[: settings.chunks]
    rise_C[best] = torch.maximum(rise_C[best], rise_C.max() * shares_C[best] / shares_C[best[0]])
    raised_C = shares_C * (1 + rise_C)
    return raised_C * (shares_C.sum() / raised_C.sum())


def _asking(
    shares_C: Tensor, query_ids: np.ndarray, context: ContextTokens, states: HeldStates, settings: HopSettings
) -> _Asking | None:
    """Each of the best chunks' rarest tokens, weighted by rarity; a chunk's weights sum to its own share."""
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
    parts = []
    for chunk in best:
        if not found[chunk]:
            continue
        ids = torch.cat([ids for ids, _ in found[chunk]]).cpu().numpy()
        at, weight = _rare(ids, query_ids, context, len(shares_C), settings)
        weight_T = torch.from_numpy(weight).float().to(shares_C.device)
        if len(at) and weight_T.sum() > 0:
            weight_T = weight_T / weight_T.sum() * shares_C[chunk] / shares_C.sum()
            states_TD = torch.cat([states_ND for _, states_ND in found[chunk]])[torch.from_numpy(at)]
            parts.append((states_TD, weight_T, torch.full((len(at),), chunk, device=shares_C.device)))
    if not parts:
        return None
    states_TD, weight_T, chunk_T = (torch.cat(column) for column in zip(*parts, strict=True))
    return _Asking(states_TD, weight_T, chunk_T)


def _rare(
    ids: np.ndarray, query_ids: np.ndarray, context: ContextTokens, num_chunks: int, settings: HopSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Where the tokens to ask with stand in a chunk (each id's first place), and how rare they are."""
    distinct, first = np.unique(ids, return_index=True)
    frequency = document_frequency(distinct, context)
    most = max(settings.least_chunks, settings.largest_share * num_chunks)
    usable = (frequency >= settings.least_chunks) & (frequency <= most)
    usable &= ~np.isin(distinct, query_ids)
    first, frequency = first[usable], frequency[usable]
    order = np.lexsort((first, frequency))[: settings.tokens]
    return first[order], rarity(frequency[order], num_chunks)


def _drawn(asking: _Asking, states: HeldStates, num_chunks: int, temperature: float) -> Tensor:
    """(C,) the share of the added tokens' attention that each chunk draws; a token's own draws none of it."""
    mass_CT = asking.weight_T.new_zeros((num_chunks, len(asking.weight_T)))
    for block in states.again():
        unit_ND = block.states[states.layer]
        cosine_NT = (unit_ND @ asking.states_TD.T).float()
        weights_NT = ((cosine_NT - 1) * temperature).clamp_min_(LOWEST_EXPONENT).exp_()
        mass_CT.index_add_(0, block.chunk_index_N, weights_NT)
    mass_CT[asking.chunk_T, torch.arange(len(asking.chunk_T), device=mass_CT.device)] = 0
    return (mass_CT / mass_CT.sum(dim=0).clamp_min(1e-12)) @ asking.weight_T
