"""The first pass over a context, which scoring and explaining share: one reading, pooled by the query alone.

Tokenise and cut → encode → log-sum-exp of each chunk's logits → mass → pooling (see :mod:`.shares`).

Shapes: C chunks, N context tokens of a block, M query tokens, H heads, D backbone width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.attention.exact_matches import ExactMatch
from longattncomp_cli.core.attention.hops import StoredStates
from longattncomp_cli.core.attention.idf import query_idf
from longattncomp_cli.core.attention.owner_mass import OwnerMass
from longattncomp_cli.core.attention.pooling import LogMass, normalise
from longattncomp_cli.core.backbones.base import Backbone, Encoding, OnTokens, StateBlock
from longattncomp_cli.core.checkpoint.config import CheckpointConfig
from longattncomp_cli.core.chunking.chunks import Chunk, ContextTokens, Tokens
from longattncomp_cli.core.chunking.context import tokenize_context
from longattncomp_cli.core.chunking.owners import owners_of
from longattncomp_cli.core.chunking.passages import passage_numbers
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.options import MAX_STORED_TOKENS, ScoringOptions
from longattncomp_cli.core.scoring.shares import Compared, log_shares, mean_shares, weighted_matches
from longattncomp_cli.core.text.arrays import FloatArray, IntArray
from longattncomp_cli.errors import InputError

OnLogits = Callable[[Tensor, StateBlock], None]
"""Called with the logits (N, H, M) of every block that is read, and the block."""


@dataclass(frozen=True, eq=False)
class FirstPass:
    """What one reading of a context gives.

    Attributes:
        context: tokens and chunks.
        chunks: of all sources, in order.
        passage_C: the passage that each chunk lies in.
        query: the query's tokens.
        encoding: of the backbone; its blocks are read.
        unit_HMD, projected_HMD: the query's states as each head reads them, and projected.
        chunk_logits_CHM: the log-sum-exp of the logits of each chunk's tokens, with log pooling those of the
            heading lines over it included.
        mass: the same over all chunks and the sink, in log space.
        weights_HM: the share of each head and query token in the pooling; they sum to the pooling's strength.
        idf: (M,) of the query's tokens among the chunks.
        exact: each identifier of the query that stands somewhere, and what it adds to the chunks (C,).
        shares_C, sink: chunk shares and the sink's, which sum to 1; no sink where ``None``.
        states: the context's, to be read again by a hop.
    """

    context: ContextTokens
    chunks: tuple[Chunk, ...]
    passage_C: IntArray
    query: Tokens
    encoding: Encoding
    unit_HMD: Tensor
    projected_HMD: Tensor
    chunk_logits_CHM: Tensor
    mass: LogMass
    weights_HM: Tensor
    idf: FloatArray
    exact: tuple[tuple[str, FloatArray], ...]
    shares_C: Tensor
    sink: Tensor | None
    states: StoredStates


def first_pass(
    request: Request,
    *,
    config: CheckpointConfig,
    options: ScoringOptions,
    backbone: Backbone,
    attention: CrossAttention,
    on_tokens: OnTokens | None = None,
    on_logits: OnLogits | None = None,
) -> FirstPass:
    """Read a request's context once.

    Args:
        request: with a query that is not empty.
        config: of the checkpoint.
        options: how the context is cut.
        backbone, attention: the checkpoint's backbone and its trained layer.
        on_tokens: called with (tokens done, tokens in total).
        on_logits: called with every block and its logits.

    Raises:
        InputError: the context or the query has no token.
    """
    context = context_tokens(request, options, backbone)
    chunks = context.chunks
    query = backbone.tokenize([request.query])[0]
    if not len(query.ids):
        raise InputError(
            f"the query {request.query!r} is empty to the backbone", hint="ask in words", code="empty-query"
        )
    instruction = ""
    if config.sink == "instruction":
        instruction = request.instruction if request.instruction.strip() else config.instruction
    states = context_states(request, context, options=options, backbone=backbone, attention=attention)
    read = ContextTokens((), ()) if states.is_complete else context
    encoding = backbone.encode(
        read, request.query, instruction, attention.reads, on_tokens, null_query=config.null_query
    )
    blocks = states.replay() if states.is_complete else states.record(encoding.blocks)

    owners = request.once("owners", lambda: owners_of(chunks, request.sources), of=chunks)
    owned = OwnerMass(owners, context) if config.pooling == "log" else None
    compared = _compare(attention, encoding, blocks, len(chunks), owned=owned, on_logits=on_logits)
    passage_C = passage_numbers(chunks)
    idf = query_idf(encoding.query.ids.cpu().numpy(), context, len(chunks))
    exact: tuple[ExactMatch, ...] = ()
    if config.pooling == "mean":
        weights_HM, shares_C, sink = mean_shares(compared)
    else:
        unread = float(np.mean(query.ids == backbone.unknown_id)) if backbone.unknown_id is not None else 0.0
        weight = config.exact_match_weight
        exact = weighted_matches(weight, unread, request, chunks, query, idf, passage_C, owners)
        weights_HM, shares_C, sink = log_shares(compared, attention, idf, exact, passage_C)
    return FirstPass(
        context, chunks, passage_C, query, encoding, compared.unit_HMD, compared.projected_HMD,
        compared.logits_CHM, compared.mass, weights_HM, idf,
        tuple((match.name, match.gains_C) for match in exact), shares_C, sink, states,
    )  # fmt: skip


def _compare(
    attention: CrossAttention,
    encoding: Encoding,
    blocks: Iterable[StateBlock],
    num_chunks: int,
    *,
    owned: OwnerMass | None,
    on_logits: OnLogits | None,
) -> Compared:
    """Compare the query's tokens, and those of the null query after them, with the context's."""
    num_query = len(encoding.query.ids)
    unit_HMD = torch.stack(attention.unit_states(encoding.asked))
    projected_HMD = attention.project_queries(unit_HMD, encoding.asked)
    on_own_logits = partial(_own_logits, on_logits, num_query) if on_logits else None
    own_CHM = attention.chunk_logsumexp(projected_HMD, blocks, num_chunks, _each(on_own_logits, owned))
    logits_CHM = own_CHM if owned is None else owned.added_to(own_CHM)
    whole_mass = normalise(logits_CHM, _sink_logits(attention, projected_HMD, encoding))
    mass, null_mass = whole_mass.split(num_query)
    return Compared(
        unit_HMD[:, :num_query],
        projected_HMD[:, :num_query],
        logits_CHM[..., :num_query],
        own_CHM[..., :num_query],
        mass,
        None if encoding.null is None else null_mass,
    )


def context_tokens(request: Request, options: ScoringOptions, backbone: Backbone) -> ContextTokens:
    """A request's context, tokenised and cut."""

    def make() -> ContextTokens:
        return tokenize_context(
            request.sources, backbone.tokenize, chunk_tokens=options.chunk_tokens, snap=options.snap
        )

    return request.once(("tokens", backbone.identity, options.chunk_tokens, options.snap), make)


def context_states(
    request: Request,
    context: ContextTokens,
    *,
    options: ScoringOptions,
    backbone: Backbone,
    attention: CrossAttention,
) -> StoredStates:
    """The states of a context, complete where a request on the same sources has read them before.

    A hop reads them again; so do other requests, where they depend on no query and there is room.
    """

    def encode() -> Iterator[StateBlock]:
        return backbone.encode(context, request.query, "", [hop_layer]).blocks

    hop_layer = max(attention.layers)
    shares = request.is_remembered and not backbone.reads_whole_context
    stores = shares or options.num_hops(context.num_tokens) > 1
    max_tokens = MAX_STORED_TOKENS if stores else 0
    if not shares:
        return StoredStates(hop_layer, encode, max_tokens)
    key = ("states", backbone.identity, options.chunk_tokens, options.snap, id(attention))
    known: list[StoredStates] = request.once(key, list)
    if not (known and known[0].is_complete):  # what was given up half-way is begun anew
        known[:] = [StoredStates(hop_layer, encode, max_tokens, units=attention.units)]
    return known[0]


def _each(*listeners: OnLogits | None) -> OnLogits:
    """Tells all of them."""

    def tell(logits_NHM: Tensor, block: StateBlock) -> None:
        for listener in listeners:
            if listener is not None:
                listener(logits_NHM, block)

    return tell


def _own_logits(on_logits: OnLogits, num_query: int, logits_NHM: Tensor, block: StateBlock) -> None:
    """Hand on those of the query's tokens."""
    on_logits(logits_NHM[..., :num_query], block)


def _sink_logits(attention: CrossAttention, projected_HMD: Tensor, encoding: Encoding) -> Tensor | None:
    """(H, M) the log-sum-exp of what absorbs the mass: the trained key, or the instruction's tokens."""
    if attention.learned_sink:
        return attention.sink_logits(projected_HMD)
    if encoding.instruction is None:
        return None
    return attention.logits(projected_HMD, encoding.instruction.states).logsumexp(dim=0)
