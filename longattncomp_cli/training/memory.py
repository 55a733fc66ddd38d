"""How much memory a run will take, computed before it takes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.backbones.decoder.backbone import DecoderBackbone
from longattncomp_cli.training.pools.features import FeatureStore
from longattncomp_cli.training.pools.whole_pools import reads_whole_pools

# Weights, gradients, two moments of Adam, and the weights that training started from.
_COPIES_OF_THE_LAYER = 5


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
