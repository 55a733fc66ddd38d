"""From a request to one score a chunk: chunking, the backbone's pass, the cross-attention layer, pooling.

The scorer knows nothing of budgets, and selection nothing of torch.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from longattncomp_cli.core.backbone import (
    Backbone,
    ContextTokens,
    Encoding,
    OnTokens,
    load_backbone,
    title_tokens,
)
from longattncomp_cli.core.boundaries import SnapLevel
from longattncomp_cli.core.checkpoint import Checkpoint
from longattncomp_cli.core.chunking import Tokens, chunk_source
from longattncomp_cli.core.cross_attention import CrossAttention, LogMass, pool_log, pool_mean
from longattncomp_cli.core.runtime import keep_freed_memory, resolve_device, resolve_dtype
from longattncomp_cli.core.types import ChunkScores, Request
from longattncomp_cli.errors import CheckpointError, InputError


class Scorer:
    """A checkpoint on its backbone.

    Args:
        checkpoint: the cross-attention layer and how to use it.
        backbone: the one the checkpoint was made for.
        chunk_tokens, snap: how to cut the context; the checkpoint's own where ``None``.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        backbone: Backbone,
        *,
        chunk_tokens: int | None = None,
        snap: SnapLevel | None = None,
    ) -> None:
        """Build the layer from the checkpoint's tensors."""
        config = checkpoint.config
        if config.width != backbone.width:
            raise CheckpointError(
                f"checkpoint {config.name} is for width {config.width}, not {backbone.width}"
            )
        self.checkpoint = checkpoint
        self.backbone = backbone
        self.chunk_tokens = chunk_tokens or config.chunk_tokens
        self.snap: SnapLevel = snap or config.snap
        self.attention = CrossAttention(config.layers, config.width, config.head_width)
        parameters = {name: value for name, value in checkpoint.tensors.items() if name != "head_weights"}
        self.attention.load_state_dict(parameters)
        self.attention.requires_grad_(False).to(backbone.device)
        self.head_weights_H = checkpoint.tensors["head_weights"].to(backbone.device)

    def tokenize(self, request: Request) -> ContextTokens:
        """Tokenise and chunk a request's context.

        Raises:
            InputError: there is nothing but white space.
        """
        regions = [source.context for source in request.sources]
        texts = [source.text[r.start : r.end] for source, r in zip(request.sources, regions, strict=True)]
        chunked = []
        num_chunks = 0
        for index, tokens in enumerate(self.backbone.tokenize(texts)):
            source = request.sources[index]
            shifted = Tokens(tokens.ids, tokens.starts + regions[index].start)
            part = chunk_source(
                source,
                shifted,
                source_index=index,
                first_index=num_chunks,
                chunk_tokens=self.chunk_tokens,
                snap=self.snap,
            )
            num_chunks += len(part.chunks)
            chunked.append(part)
        if not any(len(part.tokens.ids) for part in chunked):
            raise InputError(
                "the context is empty", hint="pass a text with words in it", code="empty-context"
            )
        titles = title_tokens(self.backbone, [source.title for source in request.sources])
        return ContextTokens(tuple(chunked), titles)

    @torch.inference_mode()
    def score(self, request: Request, on_tokens: OnTokens | None = None) -> ChunkScores:
        """Score every chunk of a request.

        Args:
            request: with a query that is not empty.
            on_tokens: hears how many context tokens are finished, of how many.

        Raises:
            InputError: the context or the query has no token.
        """
        context = self.tokenize(request)
        config = self.checkpoint.config
        chunks = tuple(chunk for source in context.sources for chunk in source.chunks)
        instruction = request.instruction if config.sink == "instruction" else ""
        encoding = self.backbone.encode(
            context, request.query, instruction, sorted(set(config.layers)), on_tokens
        )
        if not len(encoding.query.ids):
            raise InputError(
                f"the query {request.query!r} is empty to the backbone",
                hint="ask in words",
                code="empty-query",
            )
        mass = self._log_mass(encoding, len(chunks))
        if config.pooling == "mean":
            scores_C, sink = pool_mean(mass)
        else:
            scores_C, sink = pool_log(mass, self._weights(encoding.query.ids, context, len(chunks)))
        return ChunkScores(
            chunks=chunks, scores=scores_C.double().cpu().numpy(), sink=None if sink is None else float(sink)
        )

    def _log_mass(self, encoding: Encoding, num_chunks: int) -> LogMass:
        queries_HMK = self.attention.queries(encoding.query.states)
        sink_logits_SHM = None
        if encoding.instruction is not None:
            folded_HMD = self.attention.folded(queries_HMK)
            sink_logits_SHM = self.attention.logits(folded_HMD, encoding.instruction.states)
        return self.attention.log_mass(queries_HMK, encoding.blocks, num_chunks, sink_logits_SHM)

    def _weights(self, query_ids_M: Tensor, context: ContextTokens, num_chunks: int) -> Tensor:
        """(H, M) the weight of each head and query token in log pooling."""
        if self.checkpoint.config.query_weights == "idf":
            rarity = inverse_document_frequency(query_ids_M.cpu().numpy(), context, num_chunks)
        else:
            rarity = np.ones(len(query_ids_M))
        shares_M = torch.from_numpy(rarity / max(rarity.sum(), 1e-9)).float().to(self.head_weights_H.device)
        return self.head_weights_H[:, None] * shares_M


def inverse_document_frequency(query_ids: np.ndarray, context: ContextTokens, num_chunks: int) -> np.ndarray:
    """(M,) how rare each query token is among the chunks: ``log((C + 1) / (df + 0.5))``, never negative."""
    wanted = np.unique(query_ids)
    seen: list[np.ndarray] = []
    for source, title in zip(context.sources, context.titles, strict=True):
        ids = source.tokens.ids
        at = np.flatnonzero(np.isin(ids, wanted))
        owner = np.searchsorted(np.asarray(source.bounds), at, side="right") - 1
        first = source.chunks[0].index
        seen.append(np.stack([np.searchsorted(wanted, ids[at]), owner + first]))
        in_title = np.intersect1d(np.array(title, dtype=np.int64), wanted)
        seen.append(np.stack([np.searchsorted(wanted, in_title), np.full(len(in_title), first)]))
    pairs = np.unique(np.concatenate(seen, axis=1), axis=1)
    frequency = np.bincount(pairs[0].astype(np.int64), minlength=len(wanted))[
        np.searchsorted(wanted, query_ids)
    ]
    return np.maximum(np.log((num_chunks + 1) / (frequency + 0.5)), 0.0)


def load_scorer(
    checkpoint: Checkpoint,
    *,
    device: str = "auto",
    dtype: str = "auto",
    chunk_tokens: int | None = None,
    snap: SnapLevel | None = None,
) -> Scorer:
    """Load the checkpoint's backbone and put the two together."""
    keep_freed_memory()
    place = resolve_device(device)
    config = checkpoint.config
    backbone = load_backbone(
        config.backbone,
        num_layers=max(config.layers) or 1,
        window_tokens=config.window_tokens,
        device=place,
        dtype=resolve_dtype(dtype, place),
    )
    return Scorer(checkpoint, backbone, chunk_tokens=chunk_tokens, snap=snap)
