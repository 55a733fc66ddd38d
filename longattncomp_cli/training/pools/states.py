"""What the heads read of a pool: the stored states of its documents, joined, and those of a query.

Shapes: N context tokens, U distinct ones, C chunks, D backbone width, K head width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import CrossAttention, distinct_tokens
from longattncomp_cli.core.backbones.base import LayerStates, SegmentStates
from longattncomp_cli.core.chunking.chunks import ContextTokens
from longattncomp_cli.training.pools.feature_files import DocumentFeatures
from longattncomp_cli.training.pools.features import FeatureStore


@dataclass(frozen=True)
class PoolStates:
    """A pool's tokens as the heads read them.

    Attributes:
        ids_N: token ids.
        unit_states: the distinct states (N, D) of length 1, or keys (N, K), in the dtype that is multiplied
            in; of those in ``row_N`` one for each distinct token (U, D).
        head_inputs: for each head its index in ``unit_states``.
        sizes_C: tokens of each chunk, in order.
        document_C: the document each chunk belongs to.
        passage_C: the running text each chunk belongs to, ascending: neighbours share their scores.
        instruction: states of the instruction's tokens, where they are the sink.
        row_N: of some ``unit_states``, by index, where each token stands in them.
    """

    ids_N: Tensor
    unit_states: tuple[Tensor, ...]
    head_inputs: tuple[int, ...]
    sizes_C: Tensor
    document_C: Tensor
    passage_C: Tensor
    instruction: LayerStates | None = None
    row_N: Mapping[int, Tensor] = field(default_factory=dict)

    def of_each_token(self, head: int) -> Tensor:
        """(N, D) what a head reads."""
        index = self.head_inputs[head]
        states = self.unit_states[index]
        return states[self.row_N[index]] if index in self.row_N else states


def pool_states(
    attention: CrossAttention,
    store: FeatureStore,
    features: Sequence[DocumentFeatures],
    *,
    in_order: bool = False,
    instruction: LayerStates | None = None,
) -> PoolStates:
    """Join documents to a pool, each distinct input of the heads normalised once.

    Args:
        attention: says what its heads read.
        store: looks up layer 0.
        features: of the documents.
        in_order: the documents are one running text.
        instruction: the states of the instruction, where it is the sink.
    """
    device = attention.w_q.device
    ids_N = torch.cat([f.ids_N for f in features])
    stored = [layer for layer in store.asked_layers if layer]
    states: LayerStates = {layer: torch.cat([f.states[layer] for f in features]) for layer in stored}
    if 0 in attention.layers:
        states[0] = store.backbone.embed(ids_N)
    states = {layer: value.to(device) for layer, value in states.items()}
    # Heads on one layer with one centre share a tensor: it is kept once.
    # Layer 0 depends on the token alone, unless positions turn it: one row for each id is enough.
    per_head = attention.key_states(states)
    place_U, index_N = distinct_tokens(ids_N.to(device))
    distinct: list[Tensor] = []
    row_N: dict[int, Tensor] = {}
    head_inputs = []
    seen: dict[int, int] = {}
    for layer, value in zip(attention.layers, per_head, strict=True):
        if id(value) not in seen:
            number = seen[id(value)] = len(distinct)
            if layer == 0 and not store.has_positions:
                row_N[number] = index_N
            own = value[place_U] if number in row_N else value
            distinct.append(own.to(store.compute_dtype))
        head_inputs.append(seen[id(value)])
    sizes = [n for f in features for n in f.num_tokens]
    document = [i for i, f in enumerate(features) for _ in f.num_tokens]
    begins = [not (goes_on or in_order) for f in features for goes_on in f.continues]
    return PoolStates(
        ids_N,
        tuple(distinct),
        tuple(head_inputs),
        torch.tensor(sizes, device=device),
        torch.tensor(document, device=device),
        torch.tensor(begins, device=device).cumsum(dim=0),
        instruction,
        row_N,
    )


def encode_query(store: FeatureStore, query: str) -> SegmentStates:
    """A query's tokens with the states of the stored layers and layer 0."""
    encoded = store.backbone.encode(ContextTokens((), ()), query, "", store.asked_layers).query
    return cloned(encoded)


def cloned(segment: SegmentStates) -> SegmentStates:
    """Ordinary tensors, which training may use, of those that inference made."""
    return replace(segment, states={layer: value.clone() for layer, value in segment.states.items()})
