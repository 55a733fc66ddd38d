"""From a request to one score a chunk: the first pass, the features of it, further hops, re-ranking.

The scorer knows nothing of budgets, and selection nothing of torch.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from longattncomp_cli.core.attention.hop_layer import HopLayer
from longattncomp_cli.core.attention.hops import hop, hop_query
from longattncomp_cli.core.attention.idf import document_frequency
from longattncomp_cli.core.attention.pooling import log_gains
from longattncomp_cli.core.backbones.base import Backbone, OnTokens
from longattncomp_cli.core.checkpoint.logistic import Features, calibrated
from longattncomp_cli.core.checkpoint.store import Checkpoint, build_layers
from longattncomp_cli.core.chunking.chunks import Chunk, ContextTokens
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.confidence import (
    FEWEST_CHUNKS,
    head_features,
    lexical_features,
    score_features,
    self_logits,
)
from longattncomp_cli.core.scoring.coverage import rerank_for_coverage
from longattncomp_cli.core.scoring.first_pass import (
    FirstPass,
    OnLogits,
    context_states,
    context_tokens,
    first_pass,
)
from longattncomp_cli.core.scoring.options import ScoringOptions
from longattncomp_cli.core.scoring.propagation import decays, normalise_by_length, propagate_scores
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.text.arrays import FloatArray
from longattncomp_cli.core.text.structure.kinds import CODE_KINDS
from longattncomp_cli.errors import CheckpointError


class Scorer:
    """A checkpoint on its backbone.

    Args:
        checkpoint: the cross-attention layer and how to use it.
        backbone: the one the checkpoint was made for.
        options: how to cut the context and how far to go; the checkpoint's own where ``None``.

    Raises:
        CheckpointError: the checkpoint is for another width.
    """

    def __init__(
        self, checkpoint: Checkpoint, backbone: Backbone, options: ScoringOptions | None = None
    ) -> None:
        """Build the layers from the checkpoint's tensors."""
        config = checkpoint.config
        if config.width != backbone.width:
            raise CheckpointError(
                f"checkpoint {config.name} is for width {config.width}, not {backbone.width}"
            )
        self.checkpoint = checkpoint
        self.backbone = backbone
        self.options = options or ScoringOptions.of(config)
        self.attention, self._trained_hop = build_layers(checkpoint)
        self._untrained_hop = HopLayer(config.width, 0)
        for layer in (self.attention, self._trained_hop, self._untrained_hop):
            layer.requires_grad_(False).to(backbone.device)

    def with_options(self, **changes: Any) -> Scorer:
        """The same layers on the same backbone, with other :class:`ScoringOptions`."""
        changed = copy(self)
        changed.options = replace(self.options, **changes)
        return changed

    def with_backbone(self, backbone: Backbone) -> Scorer:
        """The same layers on a backbone that gives the same states, such as one with a cache."""
        changed = copy(self)
        changed.backbone = backbone
        return changed

    def tokenize(self, request: Request) -> ContextTokens:
        """Tokenise and cut a request's context.

        Raises:
            InputError: there is nothing but white space.
        """
        return context_tokens(request, self.options, self.backbone)

    def chunks(self, request: Request) -> tuple[Chunk, ...]:
        """The chunks of all sources of a request, in order."""
        return self.tokenize(request).chunks

    @torch.inference_mode()
    def read(self, request: Request, on_tokens: OnTokens | None = None) -> None:
        """Read a context before anything is asked, where no query decides how: see :meth:`Request.once`."""
        context = self.tokenize(request)
        states = context_states(
            request, context, options=self.options, backbone=self.backbone, attention=self.attention
        )
        if request.is_remembered and not self.backbone.reads_whole_context and not states.is_complete:
            for _ in states.record(
                self.backbone.encode(context, "", "", self.attention.reads, on_tokens).blocks
            ):
                pass

    def first_pass(
        self, request: Request, on_tokens: OnTokens | None = None, on_logits: OnLogits | None = None
    ) -> FirstPass:
        """Read the context once; see :func:`~longattncomp_cli.core.scoring.first_pass.first_pass`."""
        return first_pass(
            request,
            config=self.checkpoint.config,
            options=self.options,
            backbone=self.backbone,
            attention=self.attention,
            on_tokens=on_tokens,
            on_logits=on_logits,
        )

    @torch.inference_mode()
    def score(self, request: Request, on_tokens: OnTokens | None = None) -> ChunkScores:
        """Score every chunk of a request.

        Args:
            request: with a query that is not empty.
            on_tokens: called with (tokens done, tokens in total).

        Raises:
            InputError: the context or the query has no token.
        """
        config = self.checkpoint.config
        done = self.first_pass(request, on_tokens)
        features = None if done.sink is None else self._features(request, done, done.sink)
        sufficiency = None
        if features is not None and config.sufficiency and len(done.chunks) >= FEWEST_CHUNKS:
            sufficiency = config.sufficiency.probability(features)
        scores_C = self._further_hops(request, done, sufficiency)
        if self.options.rerank:
            scores_C = self._reranked(request, done, scores_C)
        sink = None if done.sink is None else float(done.sink)
        return ChunkScores(
            chunks=done.chunks,
            scores=scores_C.double().cpu().numpy(),
            sink=sink,
            confidence=None if sink is None else calibrated(1.0 - sink, config.calibration, features),
            features=features,
            sufficiency=sufficiency,
            unknown_share=_unknown_share(done.context, self.backbone.unknown_id),
        )

    def _features(self, request: Request, done: FirstPass, sink: Tensor) -> Features:
        """What the confidence model reads of the first pass."""
        self_HM = self_logits(self.attention, done.projected_HMD, done.encoding.query.states)
        temperature_H = self.attention.log_temperature.exp()
        idf_M = torch.from_numpy(done.idf).float().to(self.backbone.device)
        return {
            **score_features(done.shares_C, sink),
            **head_features(done.chunk_logits_CHM, self_HM, temperature_H, idf_M, done.shares_C),
            **lexical_features(request.query, done.query, done.context, done.shares_C),
        }

    def _further_hops(self, request: Request, done: FirstPass, sufficiency: float | None) -> Tensor:
        """(C,) the scores after as many hops as the options say."""
        scores_C = done.shares_C
        num_hops = self.options.num_hops(done.context.num_tokens, sufficiency)
        for _ in range(1, num_hops):
            frequency = partial(document_frequency, context=done.context)
            query = hop_query(done.encoding.query, done.states.layer)
            scores_C = hop(scores_C, query, frequency, done.states, self.hop_layer(request))
        return scores_C

    def _reranked(self, request: Request, done: FirstPass, scores_C: Tensor) -> Tensor:
        """(C,) scores by what a chunk costs, the passage that it stands in, and what better ones cover."""
        config = self.checkpoint.config
        new_C: FloatArray = scores_C.double().cpu().numpy()
        if config.length_normalised:
            num_tokens_C = np.array([chunk.num_backbone_tokens for chunk in done.chunks])
            new_C = normalise_by_length(new_C, num_tokens_C, max(1, self.options.chunk_tokens // 4))
        if config.propagation_decay is not None:
            decay_C = decays(done.chunks, done.passage_C, request.sources, config.propagation_decay)
            new_C = propagate_scores(new_C, decay_C)
        scores_C = torch.from_numpy(new_C).to(scores_C)
        if config.coverage and config.pooling == "log":
            gains_CM = log_gains(done.mass, done.weights_HM, self.attention.floor)
            scores_C = rerank_for_coverage(scores_C, gains_CM, config.coverage)
        return scores_C

    def hop_layer(self, request: Request) -> HopLayer:
        """The trained hop, but the untrained one where most of the context is code: hops learn from prose."""
        code = sum(len(source.text) for source in request.sources if source.kind in CODE_KINDS)
        total = sum(len(source.text) for source in request.sources)
        return self._untrained_hop if 2 * code > total else self._trained_hop


def _unknown_share(context: ContextTokens, unknown_id: int | None) -> float:
    """Which share of the context's tokens the backbone's vocabulary lacks."""
    unknown = sum(int(np.count_nonzero(source.tokens.ids == unknown_id)) for source in context.sources)
    return unknown / max(1, context.num_tokens) if unknown_id is not None else 0.0
