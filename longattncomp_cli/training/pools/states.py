"""What the heads read of a pool: the stored states of its documents, joined, and those of a query.

Shapes: N context tokens, C chunks, D width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import CrossAttention, distinct_tokens
from longattncomp_cli.core.backbones.base import LayerStates
from longattncomp_cli.core.chunking.chunks import ContextTokens
from longattncomp_cli.training.pools.feature_files import DocumentFeatures
from longattncomp_cli.training.pools.features import FeatureStore
from longattncomp_cli.training.pools.scores import PoolStates


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


def encode_query(store: FeatureStore, query: str) -> tuple[Tensor, LayerStates]:
    """Token ids and the states of the stored layers and layer 0."""
    encoded = store.backbone.encode(ContextTokens((), ()), query, "", store.asked_layers).query
    return encoded.ids, {layer: value.clone() for layer, value in encoded.states.items()}
