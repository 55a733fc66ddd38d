"""What training on a decoder needs besides the loop: its start, pools encoded in one pass, and memory.

In ``windowed`` encoding documents are encoded once and stored, as for any backbone. In ``full`` encoding
states depend on what stands before them, so each pool is read on the fly, in one causal pass with its
queries behind it; the backbone is frozen, and only its states are kept while the pool is scored.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.backbones.base import Backbone, LayerStates
from longattncomp_cli.core.backbones.cache.memory import ByteLRU
from longattncomp_cli.core.backbones.decoder.backbone import DecoderBackbone
from longattncomp_cli.core.backbones.decoder.full_pass import PassMemory
from longattncomp_cli.core.checkpoint.config import Pooling
from longattncomp_cli.core.checkpoint.store import Checkpoint, build_attention
from longattncomp_cli.core.chunking.chunks import ContextTokens
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.training.features import DocumentFeatures, FeatureStore
from longattncomp_cli.training.judging import PoolScorer
from longattncomp_cli.training.pools import Pool

# Weights, gradients, two moments of Adam, and the weights that training started from.
_COPIES_OF_THE_LAYER = 5


def decoder_attention(init: Checkpoint) -> CrossAttention:
    """The layer of an untrained decoder's checkpoint with a sink that can be trained.

    The sink begins with the mass of one chunk of tokens that no head tells apart: a decoder's logits are
    small, and the start of the embedded layer's sink would drown them and their gradient.
    """
    attention = build_attention(replace(init.config, sink="learned"))
    attention.load_state_dict(init.tensors, strict=False)
    with torch.no_grad():
        attention.sink_bias.fill_(math.log(init.config.chunk_tokens))
    return attention


def reads_whole_pools(store: FeatureStore) -> bool:
    """Whether the backbone must encode a pool in one pass."""
    return store.backbone.reads_whole_context


def remembering_pools(backbone: Backbone) -> Backbone:
    """The same backbone; one that reads whole contexts remembers the pool that was encoded last."""
    if isinstance(backbone, DecoderBackbone) and backbone.reads_whole_context:
        return backbone.with_memory(PassMemory(ByteLRU(2**62)))
    return backbone


@dataclass(frozen=True)
class WholePoolScorer(PoolScorer):
    """Encodes each pool in one causal pass, and its queries behind it."""

    _latest: list[ContextTokens] = field(default_factory=list)

    def features(self, pool: Pool) -> list[DocumentFeatures]:
        """Run the backbone over the pool; its keys and values stay until the next pool."""
        backbone = self.store.backbone
        assert isinstance(backbone, DecoderBackbone)
        backbone.full_pass.memory.passes.clear()
        sources = tuple(Source(document.text, title=document.title) for document in pool.documents)
        self._latest[:] = [self.store.scorer.tokenize(Request(sources, query=""))]
        return list(self.store.encode(pool.documents))

    def query(self, text: str) -> tuple[Tensor, LayerStates]:
        """Encode a query behind the pool that was encoded last."""
        query = self.store.backbone.encode(self._latest[0], text, "", self.store.layers).query
        return query.ids, {layer: value.clone() for layer, value in query.states.items()}


def pool_scorer(
    attention: CrossAttention, store: FeatureStore, *, pooling: Pooling = "log", whole_documents: bool = True
) -> PoolScorer:
    """The scorer that fits the way in which the store's backbone encodes; see :class:`PoolScorer`."""
    kind = WholePoolScorer if reads_whole_pools(store) else PoolScorer
    return kind(attention, store, pooling, whole_documents)


def memory_estimate(
    attention: CrossAttention, store: FeatureStore, *, max_tokens: int, text_tokens: float
) -> dict[str, int]:
    """Bytes that training will take, by what for.

    Args:
        attention: the layer to train.
        store: holds the documents' states, or encodes pools on the fly.
        max_tokens: of a pool: none is longer, and none holds more than all documents.
        text_tokens: of all documents and titles, about.
    """
    backbone = store.backbone
    pool_tokens = min(max_tokens, math.ceil(text_tokens))
    widths = len(store.layers) * backbone.width
    parameters = sum(p.numel() * p.element_size() for p in attention.parameters())
    estimate = {"layer": parameters * _COPIES_OF_THE_LAYER}
    if isinstance(backbone, DecoderBackbone):
        weights = list(backbone.model.module.parameters())
        estimate["backbone"] = sum(p.numel() * p.element_size() for p in weights)
    if reads_whole_pools(store):
        assert isinstance(backbone, DecoderBackbone)
        settings: Any = backbone.model.module.config
        groups = int(getattr(settings, "num_key_value_heads", 0) or settings.num_attention_heads)
        head = int(getattr(settings, "head_dim", 0) or backbone.width // settings.num_attention_heads)
        cached = backbone.num_layers * 2 * groups * head
        item = backbone.model.embedding.weight.element_size()
        estimate["pass"] = pool_tokens * (cached + widths) * item
    else:
        where = "features on disk" if store.folder is not None else "features"
        estimate[where] = int(text_tokens * store.bytes_per_token)
    distinct = len(attention.layers) if hasattr(attention, "key_norm") else len(set(attention.layers))
    item = torch.empty(0, dtype=store.compute_dtype).element_size()
    estimate["pool"] = pool_tokens * distinct * backbone.width * (item + 4)
    return estimate


def tell_memory(estimate: dict[str, int], note: Callable[[str], None]) -> None:
    """Say how much memory the run will take, before it takes it."""
    parts = ", ".join(f"{name} {size / 2**20:,.0f} MiB" for name, size in estimate.items())
    total = sum(size for name, size in estimate.items() if "disk" not in name)
    note(f"memory: about {total / 2**20:,.0f} MiB ({parts})")
