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
from longattncomp_cli.core.checkpoint import Checkpoint, build_attention
from longattncomp_cli.core.chunking import Tokens, chunk_source
from longattncomp_cli.core.cross_attention import (
    distribution,
    log_scores,
    normalise,
    pool_mean,
    spread_scores,
)
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
        self.attention = build_attention(config)
        self.attention.load_state_dict(checkpoint.tensors)
        self.attention.requires_grad_(False).to(backbone.device)

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
        if not len(self.backbone.tokenize([request.query])[0].ids):
            raise InputError(
                f"the query {request.query!r} is empty to the backbone",
                hint="ask in words",
                code="empty-query",
            )
        encoding = self.backbone.encode(
            context, request.query, instruction, sorted(set(config.layers)), on_tokens
        )
        num_chunks = len(chunks)
        query_HMD = torch.stack(self.attention.normal(encoding.query.states))
        folded_HMD = self.attention.folded(query_HMD)
        chunks_CHM = self.attention.chunk_logits(folded_HMD, encoding.blocks, num_chunks)
        mass = normalise(chunks_CHM, self._sink_logits(folded_HMD, encoding))
        if config.pooling == "mean":
            scores_C, sink = pool_mean(mass)
        else:
            rarity = query_rarity(encoding.query.ids.cpu().numpy(), context, num_chunks)
            rarity_M = torch.from_numpy(rarity).float().to(self.backbone.device)
            weights_HM = self.attention.weights(query_HMD, rarity_M)
            scored = log_scores(mass, weights_HM, self.attention.floor)
            begins = torch.tensor([not chunk.continues for chunk in chunks], device=self.backbone.device)
            passage_C = begins.cumsum(dim=0)
            scores_C, sink = distribution(
                *spread_scores(*scored, self.attention.spread_of(query_HMD), passage_C)
            )
        return ChunkScores(
            chunks=chunks, scores=scores_C.double().cpu().numpy(), sink=None if sink is None else float(sink)
        )

    def _sink_logits(self, folded_HMD: Tensor, encoding: Encoding) -> Tensor | None:
        """(H, M) the log-sum-exp of what absorbs the mass: the trained key, or the instruction's tokens."""
        if self.attention.learned_sink:
            return self.attention.sink_logits(folded_HMD)
        if encoding.instruction is None:
            return None
        return self.attention.logits(folded_HMD, encoding.instruction.states).logsumexp(dim=0)


def query_rarity(query_ids: np.ndarray, context: ContextTokens, num_chunks: int) -> np.ndarray:
    """(M,) how rare each query token is among the chunks, as :func:`rarity` has it."""
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
    return rarity(frequency, num_chunks)


def rarity(frequency: np.ndarray, num_chunks: int) -> np.ndarray:
    """Inverse document frequency as a share of the highest: 1 for what stands in no chunk, 0 in all of them.

    ``log((C + 1) / (df + 0.5)) / log((C + 1) / 0.5)``, never negative.
    """
    highest = np.log((num_chunks + 1) / 0.5)
    return np.asarray(np.maximum(np.log((num_chunks + 1) / (frequency + 0.5)), 0.0) / highest)


def load_scorer(
    checkpoint: Checkpoint,
    *,
    device: str = "auto",
    dtype: str = "auto",
    chunk_tokens: int | None = None,
    snap: SnapLevel | None = None,
    trust_remote_code: bool = False,
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
        encoding=config.encoding,
        chat_template=config.chat_template,
        trust_remote_code=trust_remote_code,
    )
    return Scorer(checkpoint, backbone, chunk_tokens=chunk_tokens, snap=snap)
