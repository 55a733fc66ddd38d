"""The embedded encoder in the place of a draft model, which generates nothing.

Its own self-attention projections, from each query token to all context tokens, which its windows never
compare.

Shapes: N context tokens, M query tokens, C chunks, D width.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from longattncomp_cli.benchmark.methods.base import MethodBase, MethodScores
from longattncomp_cli.benchmark.methods.spec_prefill.attention import CHUNK_TOKENS, chunk_means, pooled
from longattncomp_cli.benchmark.setup.workbench import ChunkedItem, Workbench
from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.core.backbones.base import SegmentStates, StateBlock
from longattncomp_cli.core.backbones.encoder.backbone import EncoderBackbone
from longattncomp_cli.core.backbones.encoder.bert import BertEncoder
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.text.arrays import FloatArray
from longattncomp_cli.errors import ResourceError


class EncoderAttention(MethodBase):
    """The embedded encoder's attention over the query tokens, in its blocks from the second on."""

    name = "spec-prefill"
    refines_cut = False
    times_chunking = True

    def __init__(self, bench: Workbench) -> None:
        """Take the encoder's query and key projections.

        Raises:
            ResourceError: the backbone is not the embedded kind.
        """
        inner = bench.backbone.backbone
        encoder = inner.encoder if isinstance(inner, EncoderBackbone) else None
        if not isinstance(encoder, BertEncoder):
            raise ResourceError(
                "spec-prefill without a draft model needs the embedded encoder",
                hint="name a decoder with --spec-model",
                code="no-draft-model",
            )
        self._bench = bench
        self._encoder = encoder
        self._depths = [layer for layer in bench.backbone.layers if 0 < layer < len(self._encoder.layers)]
        self.identity = f"{inner.spec.sha256[:12]}:{self._depths}:{CHUNK_TOKENS}"
        self.note = f"the embedded encoder's own attention, chunks of {CHUNK_TOKENS} tokens"
        self.caveat = (
            "no draft model was named: it is the embedded encoder's attention over the query's tokens, "
            "without look-ahead"
        )

    def score(self, item: Item, chunked: ChunkedItem) -> MethodScores:
        """Score chunks of its own size."""
        own = self._bench.chunk(item.request, chunk_tokens=CHUNK_TOKENS, snap="none")
        return MethodScores(ChunkScores(own.chunks, self._chunk_scores(item, own), None))

    @torch.inference_mode()
    def _chunk_scores(self, item: Item, chunked: ChunkedItem) -> FloatArray:
        """(C,) one layer and head at a time; memory is query tokens × context tokens."""
        encoding = self._bench.backbone.encode(chunked.context, item.request.query, "", self._depths)
        blocks = list(encoding.blocks)
        owner_N = torch.cat([block.chunk_index_N for block in blocks])
        order_N = owner_N.argsort(stable=True)
        best_MN: Tensor | None = None
        for layer in self._depths:
            for attention_MN in self._heads(layer, encoding.query, blocks, order_N):
                smooth_MN = pooled(attention_MN)
                best_MN = smooth_MN if best_MN is None else torch.maximum(best_MN, smooth_MN)
        assert best_MN is not None
        return chunk_means(best_MN.mean(dim=0).cpu(), owner_N[order_N].cpu(), len(chunked.chunks))

    def _heads(self, layer: int, query: SegmentStates, blocks: list[StateBlock], order_N: Tensor) -> Any:
        """Yield (M, N) of each head of the block that reads this layer's states."""
        weights = self._encoder.layers[layer]
        width, heads = self._encoder.width, self._encoder.num_attention_heads
        states_ND = torch.cat([block.states[layer] for block in blocks])[order_N]
        keys_ND = F.linear(
            states_ND, weights.qkv_weight[width : 2 * width], weights.qkv_bias[width : 2 * width]
        )
        query_MD = F.linear(
            query.states[layer].to(keys_ND), weights.qkv_weight[:width], weights.qkv_bias[:width]
        )
        head_width = width // heads
        for head in range(heads):
            part = slice(head * head_width, (head + 1) * head_width)
            logits_MN = (query_MD[:, part] @ keys_ND[:, part].T).float() / head_width**0.5
            yield (logits_MN - logits_MN.amax(dim=1, keepdim=True)).clamp_min_(-80).softmax(dim=1)
