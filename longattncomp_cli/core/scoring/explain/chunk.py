"""Why a chunk has its score: which words of the query drew its mass, and from which words of the text.

The first pass once more, in which the one chunk's attention is not only summed but kept. What the words
explain is the chunk's score before its neighbours' scores are added, and before a second hop, propagation and
coverage compare it with others; what exact matches add, and what the second hop does, stand apart. Shares
add up: those of the query's words to that score above the baseline, those of the chunk's words to 1.

Shapes: N tokens of the chunk, M query tokens, C chunks, H heads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from longattncomp_cli.core.attention.hops import hop_query
from longattncomp_cli.core.attention.idf import document_frequency
from longattncomp_cli.core.attention.owner_mass import OwnerMass
from longattncomp_cli.core.attention.pooling import floored_log_mass, pool_log_mass
from longattncomp_cli.core.backbones.base import StateBlock
from longattncomp_cli.core.chunking.owners import owners_of
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.explain.hop import HopExplanation, explain_hop
from longattncomp_cli.core.scoring.first_pass import FirstPass
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.core.text.arrays import FloatArray, IntArray
from longattncomp_cli.core.text.words import by_word, word_at


@dataclass(frozen=True, slots=True)
class WordShare:
    """A word of the chunk or of a heading over it, ``source[start:end]``, and its share of the mass there."""

    text: str
    start: int
    end: int
    share: float


@dataclass(frozen=True, slots=True)
class QueryWord:
    """A word of the query, ``query[start:end]``.

    Attributes:
        weight: its share in the pooling; over the words of the query they add up to 1.
        mass: the share of its attention, over the whole context, that lies on the chunk.
        adds: what it adds to the chunk's score; may be below zero where it prefers other chunks.
        words: of the chunk and the headings over it, that the attention lies on, the heaviest first; their
            shares add up to 1.
    """

    text: str
    start: int
    end: int
    weight: float
    mass: float
    adds: float
    words: tuple[WordShare, ...]


@dataclass(frozen=True)
class Explanation:
    """The parts of one chunk's score.

    Attributes:
        chunk: its index.
        unit: ``log`` (natural logarithm of mass, pooled) or ``mass`` (the paper's mean).
        score: the chunk's before exact matches, neighbours and hops, in that unit; and before the mass under
            a null query is taken out.
        baseline: what an average chunk has; 0 of ``mass``.
        words: of the query, in order; what they add sums to ``score - baseline``.
        exact: identifiers of the query that stand in the chunk or before it in its passage, and what each
            adds.
        hop: what the second hop did; ``None`` where there was none.
    """

    chunk: int
    unit: str
    score: float
    baseline: float
    words: tuple[QueryWord, ...]
    exact: tuple[tuple[str, float], ...] = ()
    hop: HopExplanation | None = None


@dataclass(frozen=True)
class _Parts:
    """Weight (M,), mass (M,) and gain (M,) of each query token; the share of each chunk token in it (N,
    M)."""

    weight_M: FloatArray
    mass_M: FloatArray
    adds_M: FloatArray
    within_NM: FloatArray


@torch.inference_mode()
def explain(
    scorer: Scorer, request: Request, chunk_index: int, sufficiency: float | None = None
) -> Explanation:
    """Explain the score of one chunk of a request that was scored.

    Args:
        scorer: what scored it.
        request: the same.
        chunk_index: of the chunk.
        sufficiency: of its scores.
    """
    config = scorer.checkpoint.config
    context = scorer.tokenize(request)
    owned = None
    if config.pooling == "log":
        chunks = [chunk for source in context.sources for chunk in source.chunks]
        owned = OwnerMass(owners_of(chunks, request.sources), context)
    tokens = _ChunkTokens(chunk_index, owned)
    done = scorer.first_pass(request, on_logits=tokens)
    mass, weights_HM = done.mass, done.weights_HM
    if config.pooling == "mean":
        adds_HM = mass.chunks_CHM[chunk_index].exp() * weights_HM
        score, baseline = float(adds_HM.sum()), 0.0
    else:
        rows_CHM = floored_log_mass(mass.chunks_CHM, scorer.attention.floor, len(done.chunks))
        filled_C = ~torch.isneginf(mass.chunks_CHM).flatten(1).all(dim=1)
        mean_HM = rows_CHM[filled_C].mean(dim=0)
        adds_HM = weights_HM * (rows_CHM[chunk_index] - mean_HM)
        score = float(pool_log_mass(mass, weights_HM, scorer.attention.floor)[0][chunk_index])
        baseline = float((weights_HM * mean_HM).sum())
    head_share_HM = weights_HM / weights_HM.sum(dim=0).clamp_min(1e-12)
    parts = _Parts(
        _array(weights_HM.sum(dim=0) / weights_HM.sum()),
        _array((mass.chunks_CHM[chunk_index].exp() * head_share_HM).sum(dim=0)),
        _array(adds_HM.sum(dim=0)),
        _array((tokens.logits_NHM.softmax(dim=0) * head_share_HM).sum(dim=1)),
    )
    words = _WordFinder(request, done)
    text = request.sources[done.chunks[chunk_index].source].text
    starts_N = words.starts(chunk_index, tokens.token_N)
    strength = float(weights_HM.sum())
    exact = [(name, strength * float(gains_C[chunk_index])) for name, gains_C in done.exact]
    return Explanation(
        chunk=chunk_index,
        unit="mass" if config.pooling == "mean" else "log",
        score=score,
        baseline=baseline,
        words=tuple(_query_words(request.query, done.query.starts, text, starts_N, parts)),
        exact=tuple((name, gain) for name, gain in exact if gain > 0),
        hop=_explain_hop(scorer, request, done, chunk_index, sufficiency, words),
    )


def _explain_hop(
    scorer: Scorer,
    request: Request,
    done: FirstPass,
    chunk_index: int,
    sufficiency: float | None,
    words: _WordFinder,
) -> HopExplanation | None:
    """What the second hop did; ``None`` where there was none."""
    if scorer.options.num_hops(done.context.num_tokens, sufficiency) < 2:
        return None
    frequency = partial(document_frequency, context=done.context)
    query = hop_query(done.encoding.query, done.states.layer)
    layer = scorer.hop_layer(request)
    return explain_hop(layer, done.shares_C, query, frequency, done.states, chunk_index, words)


class _ChunkTokens:
    """Keeps what a pass reads of one chunk and, at their share, of the heading lines over it.

    Logits (N, H, M), and which tokens they are of (N,).
    """

    def __init__(self, chunk_index: int, owned: OwnerMass | None) -> None:
        self.chunk_index = chunk_index
        self.owned = owned
        self.logits: list[Tensor] = []
        self.tokens: list[Tensor] = []

    def __call__(self, logits_NHM: Tensor, block: StateBlock) -> None:
        own_N = block.chunk_index_N == self.chunk_index
        self.logits.append(logits_NHM[own_N])
        if block.token_N is not None:
            self.tokens.append(block.token_N[own_N])
        if self.owned is not None and block.token_N is not None:
            rows, owed_RHM = self.owned.over(self.chunk_index, logits_NHM, block)
            self.logits.append(owed_RHM)
            self.tokens.append(block.token_N[rows])

    @property
    def logits_NHM(self) -> Tensor:
        return torch.cat(self.logits)

    @property
    def token_N(self) -> IntArray:
        return np.asarray(torch.cat(self.tokens).cpu().numpy())


class _WordFinder:
    """The word that a token lies in, by its chunk and its index among the tokens of its source."""

    def __init__(self, request: Request, done: FirstPass) -> None:
        self.request, self.done = request, done

    def starts(self, chunk: int, token_N: IntArray) -> IntArray:
        """(N,) where tokens of a chunk begin, as characters of its source; -1 in a title."""
        starts = self.done.context.sources[self.done.chunks[chunk].source].tokens.starts
        if not len(starts):
            return np.full(len(token_N), -1)
        return np.where(token_N < 0, -1, starts[token_N])

    def __call__(self, chunk: int, token: int) -> tuple[int, int] | None:
        start = int(self.starts(chunk, np.array([token]))[0])
        if start < 0:
            return None
        return word_at(self.request.sources[self.done.chunks[chunk].source].text, start)


def _query_words(
    query: str, query_starts: IntArray, text: str, starts_N: IntArray, parts: _Parts
) -> Iterator[QueryWord]:
    """Gather query tokens to words."""
    for (start, end), numbers in by_word(query, query_starts.tolist()):
        weight_M = parts.weight_M[numbers]
        weight = float(weight_M.sum())
        shares = weight_M / weight if weight > 0 else np.full(len(numbers), 1 / len(numbers))
        words = _chunk_words(text, starts_N, parts.within_NM[:, numbers] @ shares)
        yield QueryWord(
            query[start:end],
            start,
            end,
            weight,
            float(parts.mass_M[numbers] @ shares),
            float(parts.adds_M[numbers].sum()),
            tuple(words),
        )


def _chunk_words(text: str, starts_N: IntArray, shares_N: FloatArray) -> list[WordShare]:
    """Gather a chunk's tokens to words, the heaviest first; a title's tokens count as one word."""
    totals: dict[tuple[int, int], float] = {}
    order = np.argsort(starts_N, kind="stable")
    for span, numbers in by_word(text, starts_N[order].tolist()):
        totals[span] = totals.get(span, 0.0) + float(shares_N[order[numbers]].sum())
    words = [
        WordShare(text[start:end] if start >= 0 else "(title)", max(0, start), max(0, end), share)
        for (start, end), share in totals.items()
    ]
    return sorted(words, key=lambda word: (-word.share, word.start))


def _array(tensor: Tensor) -> FloatArray:
    return np.asarray(tensor.double().cpu().numpy())
