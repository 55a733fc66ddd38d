"""Why a chunk has its score: which words of the query drew its mass, and from which of its own words.

A second reading of the context, in which the one chunk's attention is not summed but kept. What the words
explain is the chunk's score before its neighbours' scores are added, and before a second hop, reach and
coverage compare it with others; what the query's names add, and what the second hop does, stand apart. Shares
add up: those of the query's words to that score above the baseline, those of the chunk's words to 1.

Shapes: N tokens of the chunk, M query tokens, C chunks, H heads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, pairwise

import numpy as np
import torch
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import accumulate_block
from longattncomp_cli.core.attention.hops import ContextStates, hop_query
from longattncomp_cli.core.attention.idf import document_frequency, query_idf
from longattncomp_cli.core.attention.pooling import floored_log_mass, normalise, pool_log_mass, pool_mean
from longattncomp_cli.core.backbones.base import StateBlock
from longattncomp_cli.core.chunking.chunks import ContextTokens
from longattncomp_cli.core.chunking.passages import passage_numbers
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.explain_hop import HopExplanation, explain_hop
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.core.text.arrays import FloatArray, IntArray

_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class WordShare:
    """A word of the chunk, ``source[start:end]``, and its share of the mass that a query word drew."""

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
        words: of the chunk, that the attention lies on, the heaviest first; their shares add up to 1.
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
        own: the chunk's score before names, neighbours and hops, in that unit.
        baseline: what an average chunk has; 0 of ``mass``.
        words: of the query, in order; what they add sums to ``own - baseline``.
        names: of the query, that stand in the chunk as spelt or before it in its passage, and what each adds.
        hop: what the second hop did; ``None`` where there was none.
    """

    chunk: int
    unit: str
    own: float
    baseline: float
    words: tuple[QueryWord, ...]
    names: tuple[tuple[str, float], ...] = ()
    hop: HopExplanation | None = None


@dataclass(frozen=True)
class _Parts:
    """Of each query token: weight (M,), mass (M,), what it adds (M,); and of each chunk token (N, M)."""

    weight_M: FloatArray
    mass_M: FloatArray
    adds_M: FloatArray
    within_NM: FloatArray
    own: float
    baseline: float


@torch.inference_mode()
def explain(scorer: Scorer, request: Request, chunk_index: int, enough: float | None = None) -> Explanation:
    """Explain the score of one chunk of a request that ``scorer`` has scored; ``enough`` is of its scores."""
    context = scorer.tokenize(request)
    chunks = [chunk for source in context.sources for chunk in source.chunks]
    chunk = chunks[chunk_index]
    config = scorer.checkpoint.config
    instruction = request.instruction if config.sink == "instruction" else ""
    encoding = scorer.backbone.encode(context, request.query, instruction, sorted(set(config.layers)))
    query_HMD = torch.stack(scorer.attention.normal(encoding.query.states))
    folded_HMD = scorer.attention.folded(query_HMD)
    chunks_CHM = folded_HMD.new_full((len(chunks), *folded_HMD.shape[:2]), float("-inf"))
    held = scorer.held_states(context, request.query, instruction)
    hops_on = scorer.num_hops(context, enough) > 1
    blocks = held.first(encoding.blocks) if hops_on else encoding.blocks
    logits_NHM, ids_N = _read(scorer, blocks, folded_HMD, chunks_CHM, chunk_index)
    passage_C = passage_numbers(chunks)
    query_tokens = scorer.backbone.tokenize([request.query])[0]
    hop = None
    names: list[tuple[str, float]] = []
    mass = normalise(chunks_CHM, scorer.sink_logits(folded_HMD, encoding))
    if config.pooling == "mean":
        weights_HM = torch.full_like(chunks_CHM[0], 1 / chunks_CHM[0].numel())
        adds_HM = mass.chunks_CHM[chunk_index].exp() * weights_HM
        shares_C = pool_mean(mass)[0]
        own, baseline = float(shares_C[chunk_index]), 0.0
    else:
        rarity = query_idf(encoding.query.ids.cpu().numpy(), context, len(chunks))
        weights_HM = scorer.attention.weights(
            query_HMD, torch.from_numpy(rarity).float().to(chunks_CHM.device)
        )
        rows_CHM = floored_log_mass(mass.chunks_CHM, scorer.attention.floor, len(chunks))
        filled_C = ~torch.isneginf(mass.chunks_CHM).flatten(1).all(dim=1)
        mean_HM = rows_CHM[filled_C].mean(dim=0)
        adds_HM = weights_HM * (rows_CHM[chunk_index] - mean_HM)
        own = float(pool_log_mass(mass, weights_HM, scorer.attention.floor)[0][chunk_index])
        baseline = float((weights_HM * mean_HM).sum())
        strength = float(weights_HM.sum())
        named_C = np.zeros(len(chunks))
        for name, gains_C in scorer.exact_match_gains(request, chunks, query_tokens, rarity, passage_C):
            named_C += gains_C
            if gains_C[chunk_index] > 0:
                names.append((name, strength * float(gains_C[chunk_index])))
        shares_C = scorer.log_pooled(mass, weights_HM, query_HMD, named_C, passage_C)[0]
    if hops_on:
        frequency = partial(document_frequency, context=context)
        find_word = _WordFinder(request, context, held)
        query = hop_query(encoding.query, held.layer)
        layer = scorer.hop_layer(request)
        hop = explain_hop(layer, shares_C, query, frequency, held, chunk_index, find_word)
    head_share_HM = weights_HM / weights_HM.sum(dim=0).clamp_min(1e-12)
    parts = _Parts(
        _array(weights_HM.sum(dim=0) / weights_HM.sum()),
        _array((mass.chunks_CHM[chunk_index].exp() * head_share_HM).sum(dim=0)),
        _array(adds_HM.sum(dim=0)),
        _array((logits_NHM.softmax(dim=0) * head_share_HM).sum(dim=1)),
        own,
        baseline,
    )
    places = _chunk_starts(context, chunk_index, ids_N)
    text = request.sources[chunk.source].text
    unit = "mass" if config.pooling == "mean" else "log"
    words = _query_words(request.query, query_tokens.starts, text, places, parts)
    return Explanation(chunk_index, unit, parts.own, parts.baseline, tuple(words), tuple(names), hop)


class _WordFinder:
    """The word that a token of a chunk lies in, by the token's number as the backbone gave it."""

    def __init__(self, request: Request, context: ContextTokens, states: ContextStates) -> None:
        self.request, self.context, self.states = request, context, states
        self.owners = [chunk.source for source in context.sources for chunk in source.chunks]
        self.starts: dict[int, IntArray | None] = {}

    def __call__(self, chunk: int, number: int) -> tuple[int, int] | None:
        if chunk not in self.starts:
            ids = [b.ids_N[b.chunk_index_N == chunk] for b in self.states.again() if b.ids_N is not None]
            self.starts[chunk] = _chunk_starts(self.context, chunk, torch.cat(ids).cpu().numpy())
        starts = self.starts[chunk]
        if starts is None or starts[number] < 0:
            return None
        return _word_at(self.request.sources[self.owners[chunk]].text, int(starts[number]))


def _read(
    scorer: Scorer, blocks: Iterator[StateBlock], folded_HMD: Tensor, chunks_CHM: Tensor, chunk_index: int
) -> tuple[Tensor, IntArray]:
    """Sum up every chunk in place; return the logits (N, H, M) and ids (N,) of the one chunk's tokens."""
    logits, ids = [], []
    for block in blocks:
        logits_NHM = scorer.attention.logits(folded_HMD, block.states)
        accumulate_block(chunks_CHM, logits_NHM, block.chunk_index_N)
        own_N = block.chunk_index_N == chunk_index
        logits.append(logits_NHM[own_N])
        if block.ids_N is not None:
            ids.append(block.ids_N[own_N])
    found = torch.cat(ids).cpu().numpy() if ids else np.zeros(0, dtype=np.int64)
    return torch.cat(logits), found


def _chunk_starts(context: ContextTokens, chunk_index: int, ids_N: IntArray) -> IntArray | None:
    """Where each token of the chunk begins, in the order in which the backbone gave them; -1 in a title.

    A chunk that is longer than a window is read in parts of about equal length, shorter parts first.

    Returns:
        ``None`` where the order is not one of these: then the chunk's words are not told.
    """
    for source, title in zip(context.sources, context.titles, strict=True):
        first = source.chunks[0].index
        if not first <= chunk_index < first + len(source.chunks):
            continue
        start, end = source.bounds[chunk_index - first : chunk_index - first + 2]
        ids, starts = source.tokens.ids[start:end], source.tokens.starts[start:end]
        if chunk_index == first and title:
            ids, starts = np.concatenate([title, ids]), np.concatenate([np.full(len(title), -1), starts])
        for num_parts in range(1, max(2, len(ids) // 32)):
            edges = np.linspace(0, len(ids), num_parts + 1).astype(int)
            runs = sorted(pairwise(edges), key=lambda run: run[1] - run[0])
            order = np.concatenate([np.arange(*run) for run in runs])
            if np.array_equal(ids[order], ids_N):
                return np.asarray(starts[order])
    return None


def _query_words(
    query: str, query_starts: IntArray, text: str, places: IntArray | None, parts: _Parts
) -> Iterator[QueryWord]:
    """Gather query tokens to words."""
    for (start, end), numbers in _by_word(query, query_starts.tolist()):
        weight_M = parts.weight_M[numbers]
        weight = float(weight_M.sum())
        shares = weight_M / weight if weight > 0 else np.full(len(numbers), 1 / len(numbers))
        words: list[WordShare] = []
        if places is not None:
            words = _chunk_words(text, places, parts.within_NM[:, numbers] @ shares)
        yield QueryWord(
            query[start:end],
            start,
            end,
            weight,
            float(parts.mass_M[numbers] @ shares),
            float(parts.adds_M[numbers].sum()),
            tuple(words),
        )


def _chunk_words(text: str, places: IntArray, shares_N: FloatArray) -> list[WordShare]:
    """Gather a chunk's tokens to words, the heaviest first; a title's tokens count as one word."""
    totals: dict[tuple[int, int], float] = {}
    order = np.argsort(places, kind="stable")
    for span, numbers in _by_word(text, places[order].tolist()):
        totals[span] = totals.get(span, 0.0) + float(shares_N[order[numbers]].sum())
    words = [
        WordShare(text[start:end] if start >= 0 else "(title)", max(0, start), max(0, end), share)
        for (start, end), share in totals.items()
    ]
    return sorted(words, key=lambda word: (-word.share, word.start))


def _by_word(text: str, starts: Sequence[int]) -> Iterator[tuple[tuple[int, int], list[int]]]:
    """Runs of tokens that lie in one word: its characters, and the tokens' numbers."""

    for span, run in groupby(range(len(starts)), key=lambda number: _word_at(text, starts[number])):
        yield span, list(run)


def _word_at(text: str, start: int) -> tuple[int, int]:
    """The characters of the word that holds ``text[start]``; -1 twice for a token of the title."""
    if start < 0:
        return -1, -1
    begin = start
    while begin > 0 and text[begin - 1].isalnum() and text[begin].isalnum() and start - begin < 100:
        begin -= 1
    match = _WORD.match(text, begin)
    return match.span() if match else (start, start + 1)


def _array(tensor: Tensor) -> FloatArray:
    return np.asarray(tensor.double().cpu().numpy())
