"""From a request to one score a chunk: chunking, the backbone's pass, the cross-attention layer, pooling.

The scorer knows nothing of budgets, and selection nothing of torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from longattncomp_cli.core.attention.exact_matches import exact_match_gains
from longattncomp_cli.core.attention.hop_layer import HopLayer
from longattncomp_cli.core.attention.hops import MAX_HOPS, MAX_STORED_TOKENS, StoredStates, hop, hop_query
from longattncomp_cli.core.attention.idf import document_frequency, query_idf
from longattncomp_cli.core.attention.pooling import (
    LogMass,
    log_gains,
    normalise,
    pool_log_mass,
    pool_mean,
    smooth_over_neighbours,
    softmax_with_sink,
)
from longattncomp_cli.core.backbones.base import Backbone, Encoding, OnTokens
from longattncomp_cli.core.checkpoint.store import Checkpoint, build_layers
from longattncomp_cli.core.chunking.chunks import Chunk, ContextTokens, SnapLevel, Tokens
from longattncomp_cli.core.chunking.context import tokenize_context
from longattncomp_cli.core.chunking.passages import passage_numbers
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.confidence import (
    FEWEST_CHUNKS,
    head_features,
    lexical_features,
    score_features,
    self_logits,
)
from longattncomp_cli.core.scoring.coverage import rerank_for_coverage
from longattncomp_cli.core.scoring.propagation import decays, normalise_by_length, propagate_scores
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.text.arrays import FloatArray, IntArray
from longattncomp_cli.core.text.structure.kinds import CODE_KINDS
from longattncomp_cli.errors import CheckpointError, InputError, UsageError


class Scorer:
    """A checkpoint on its backbone.

    Args:
        checkpoint: the cross-attention layer and how to use it.
        backbone: the one the checkpoint was made for.
        chunk_tokens, snap: how to cut the context; the checkpoint's own where ``None``.
        hops: 1 scores by the query alone, more also by what the best chunks speak of
            (:mod:`longattncomp_cli.core.attention.hops`);
            the checkpoint's own where ``None``, but one where the context is too long to hold its states.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        backbone: Backbone,
        *,
        chunk_tokens: int | None = None,
        snap: SnapLevel | None = None,
        hops: int | None = None,
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
        self.hops = config.hops if hops is None else hops
        self._hops_are_asked_for = hops is not None
        self.reranks = True
        """Whether chunks count beside others: off where pieces of one chunk are told apart."""
        self.one_hop_from = math.inf
        """The probability that few chunks hold all that is needed from which on one hop is taken."""
        if not 1 <= self.hops <= MAX_HOPS:
            raise UsageError(f"--hops {self.hops} is not in 1…{MAX_HOPS}")
        self.attention, self._trained_hop = build_layers(checkpoint)
        self._plain_hop = HopLayer(config.width, 0)
        for layer in (self.attention, self._trained_hop, self._plain_hop):
            layer.requires_grad_(False).to(backbone.device)

    def tokenize(self, request: Request) -> ContextTokens:
        """Tokenise and chunk a request's context.

        Raises:
            InputError: there is nothing but white space.
        """
        return tokenize_context(
            request.sources, self.backbone.tokenize, chunk_tokens=self.chunk_tokens, snap=self.snap
        )

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
        query_tokens = self.backbone.tokenize([request.query])[0]
        if not len(query_tokens.ids):
            raise InputError(
                f"the query {request.query!r} is empty to the backbone",
                hint="ask in words",
                code="empty-query",
            )
        encoding = self.backbone.encode(
            context, request.query, instruction, sorted(set(config.layers)), on_tokens
        )
        num_chunks = len(chunks)
        passage_C = passage_numbers(chunks)
        query_ids = encoding.query.ids.cpu().numpy()
        query_HMD = torch.stack(self.attention.normal(encoding.query.states))
        folded_HMD = self.attention.folded(query_HMD)
        held = self.held_states(context, request.query, instruction)
        blocks = held.first(encoding.blocks) if self.num_hops(context) > 1 else encoding.blocks
        chunks_CHM = self.attention.chunk_logits(folded_HMD, blocks, num_chunks)
        mass = normalise(chunks_CHM, self.sink_logits(folded_HMD, encoding))
        rarity = query_idf(query_ids, context, num_chunks)
        rarity_M = torch.from_numpy(rarity).float().to(self.backbone.device)
        if config.pooling == "mean":
            scores_C, sink = pool_mean(mass)
            gains_CM = None
        else:
            weights_HM = self.attention.weights(query_HMD, rarity_M)
            named_C = np.zeros(num_chunks)
            for _, gains_C in self.exact_match_gains(request, chunks, query_tokens, rarity, passage_C):
                named_C += gains_C
            scores_C, sink = self.log_pooled(mass, weights_HM, query_HMD, named_C, passage_C)
            covers = config.coverage and self.reranks
            gains_CM = log_gains(mass, weights_HM, self.attention.floor) if covers else None
        signs = None
        if sink is not None:
            own_HM = self_logits(self.attention, folded_HMD, encoding.query.states)
            temperature_H = self.attention.log_temperature.exp()
            signs = score_features(scores_C, sink)
            signs |= head_features(chunks_CHM, own_HM, temperature_H, rarity_M, scores_C)
            signs |= lexical_features(request.query, query_tokens, context, scores_C)
        enough = None
        if signs is not None and config.enough is not None and num_chunks >= FEWEST_CHUNKS:
            enough = config.enough.probability(signs)
        num_hops = self.num_hops(context, enough)
        for _ in range(1, num_hops):
            frequency = partial(document_frequency, context=context)
            query = hop_query(encoding.query, held.layer)
            scores_C = hop(scores_C, query, frequency, held, self.hop_layer(request))
        if self.reranks:
            scores_C = torch.from_numpy(self._by_size(scores_C, request, chunks, passage_C)).to(scores_C)
        if gains_CM is not None:
            scores_C = rerank_for_coverage(scores_C, gains_CM, config.coverage)
        return ChunkScores(
            chunks=chunks,
            scores=scores_C.double().cpu().numpy(),
            sink=None if sink is None else float(sink),
            calibration=config.calibration,
            signs=signs,
            enough=enough,
        )

    def log_pooled(
        self, mass: LogMass, weights_HM: Tensor, query_HMD: Tensor, named_C: FloatArray, passage_C: IntArray
    ) -> tuple[Tensor, Tensor | None]:
        """Shares (C,) of the chunks and of the sink, by the query's tokens, its names and the neighbours."""
        scores_C, sink = pool_log_mass(mass, weights_HM, self.attention.floor)
        scores_C = scores_C + weights_HM.sum() * torch.from_numpy(named_C).to(scores_C)
        source_C = torch.from_numpy(passage_C).to(scores_C.device)
        return softmax_with_sink(
            *smooth_over_neighbours(scores_C, sink, self.attention.spread_of(query_HMD), source_C)
        )

    def _by_size(
        self, scores_C: Tensor, request: Request, chunks: Sequence[Chunk], passage_C: IntArray
    ) -> FloatArray:
        """Scores (C,) for what a chunk costs, and for the passage that it stands in."""
        config = self.checkpoint.config
        new_C: FloatArray = scores_C.double().cpu().numpy()
        if config.per_token:
            num_tokens_C = np.array([chunk.num_backbone_tokens for chunk in chunks])
            new_C = normalise_by_length(new_C, num_tokens_C, max(1, self.chunk_tokens // 4))
        if config.reach is None:
            return new_C
        return propagate_scores(new_C, decays(chunks, passage_C, request.sources, config.reach))

    def exact_match_gains(
        self,
        request: Request,
        chunks: Sequence[Chunk],
        query: Tokens,
        rarity_M: FloatArray,
        passage_C: IntArray,
    ) -> Iterator[tuple[str, FloatArray]]:
        """What each name of the query adds to each chunk (C,), beside token weights that sum to 1."""
        names = self.checkpoint.config.names
        if names:
            for name, gains_C in exact_match_gains(request, chunks, query, rarity_M, passage_C):
                yield name, names * gains_C

    def hop_layer(self, request: Request) -> HopLayer:
        """The trained hop, but the untrained one where most of the context is code: hops learn from prose."""
        code = sum(len(source.text) for source in request.sources if source.kind in CODE_KINDS)
        total = sum(len(source.text) for source in request.sources)
        return self._plain_hop if 2 * code > total else self._trained_hop

    def held_states(self, context: ContextTokens, query: str, instruction: str) -> StoredStates:
        """Holds what a hop reads: the states of the deepest layer that a head reads."""
        layer = max(self.checkpoint.config.layers)
        return StoredStates(layer, lambda: self.backbone.encode(context, query, instruction, [layer]).blocks)

    def num_hops(self, context: ContextTokens, enough: float | None = None) -> int:
        """As many as asked for; by default one where more would read the context again, or are not needed.

        Args:
            context: whose states a further hop reads.
            enough: the probability that few chunks hold all that is needed; ``None`` before it is known.
        """
        if self._hops_are_asked_for:
            return self.hops
        num_tokens = sum(len(source.tokens.ids) for source in context.sources)
        is_enough = enough is not None and enough >= self.one_hop_from
        return 1 if num_tokens > MAX_STORED_TOKENS or is_enough else self.hops

    def sink_logits(self, folded_HMD: Tensor, encoding: Encoding) -> Tensor | None:
        """(H, M) the log-sum-exp of what absorbs the mass: the trained key, or the instruction's tokens."""
        if self.attention.learned_sink:
            return self.attention.sink_logits(folded_HMD)
        if encoding.instruction is None:
            return None
        return self.attention.logits(folded_HMD, encoding.instruction.states).logsumexp(dim=0)
