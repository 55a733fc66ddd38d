"""Features of the first hop, for the confidence model: does the context hold what the query asks?

Shares say how chunks compare, never whether the best of them is any good. To the shape of the shares these
numbers add how near the best chunks come to the query's tokens, measured by how near a token comes to itself,
and which of the query's words stand in them letter for letter. Nothing is read twice: logits and token ids.

Shapes: M query tokens, C chunks, H heads, K best chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from longattncomp_cli.core.checkpoint.logistic import HEAD_FEATURE, LEXICAL_FEATURES
from longattncomp_cli.core.text.words import WORD, is_name_like

if TYPE_CHECKING:
    from torch import Tensor

    from longattncomp_cli.core.attention.cross_attention import CrossAttention
    from longattncomp_cli.core.backbones.base import LayerStates
    from longattncomp_cli.core.chunking.chunks import ContextTokens, Tokens


FEWEST_CHUNKS = 25
"""Of fewer chunks no checkpoint says what is enough: it was fitted on longer contexts."""

_BEST = 3
_BLOCK = 256
_LEAST = 1e-12
_EDGE = 1e-9
_FARTHEST, _NEAREST = -1.0, 0.1
_PAIR = 1 << 32


def score_features(shares_C: Tensor, sink: Tensor) -> dict[str, float]:
    """What the shares of chunks and sink look like; see :data:`SCORE_FEATURES`."""
    shares = shares_C.double().cpu().numpy()
    drawn = max(float(shares.sum()), _LEAST)
    ranked = np.maximum(np.sort(shares)[::-1] / drawn, _LEAST)
    logs = np.log(ranked)
    found = {
        "sink": float(np.log(max(drawn, _EDGE)) - np.log(max(float(sink), _EDGE))),
        "best": float(logs[0] + np.log(len(logs))),
        "entropy": float(-(ranked * logs).sum()),
        "chunks": float(np.log(len(logs))),
    }
    return found | {f"gap_{k}": float(logs[0] - logs[min(k, len(logs)) - 1]) for k in (2, 5)}


def self_logits(attention: CrossAttention, projected_HMD: Tensor, states: LayerStates) -> Tensor:
    """(H, M) the logit of each query token with itself, a block of them at a time."""
    import torch

    parts = []
    for first in range(0, projected_HMD.shape[1], _BLOCK):
        rows = slice(first, first + _BLOCK)
        own = {layer: values[rows] for layer, values in states.items()}
        parts.append(attention.logits(projected_HMD[:, rows], own).diagonal(dim1=0, dim2=2))
    return torch.cat(parts, dim=1)


def head_features(
    chunks_CHM: Tensor, own_HM: Tensor, temperature_H: Tensor, idf_M: Tensor, shares_C: Tensor
) -> dict[str, float]:
    """How near the best chunk comes to the query's tokens; see :data:`HEAD_FEATURE`.

    Args:
        chunks_CHM: the log-sum-exp of each chunk's logits.
        own_HM: the logit of each query token with itself.
        temperature_H: what cosines were multiplied by.
        idf_M: the weight of each query token.
        shares_C: the ranking.
    """
    near_HM = (chunks_CHM[shares_C.argmax()] - own_HM) / temperature_H[:, None]
    weight_M = idf_M / idf_M.sum().clamp_min(_LEAST)
    nearest_H = (near_HM.clamp(_FARTHEST, _NEAREST) * weight_M).sum(dim=1).tolist()
    return {f"{HEAD_FEATURE}_{head}": value for head, value in enumerate(nearest_H)}


def lexical_features(
    query: str, tokens: Tokens, context: ContextTokens, shares_C: Tensor
) -> dict[str, float]:
    """Which words of the query stand in the context letter for letter; see :data:`LEXICAL_FEATURES`.

    A word of several tokens stands where each two of them that follow one another do.

    Args:
        query: the text.
        tokens: of the query.
        context: the tokens.
        shares_C: the ranking.
    """
    num_chunks = len(shares_C)
    words = _words(query, tokens)
    if not words:
        return dict.fromkeys(LEXICAL_FEATURES, 0.0)
    wanted = np.unique(np.concatenate(list(words.values())))
    holds = np.zeros((len(wanted), num_chunks), dtype=bool)
    for ids, owner in _runs(context):
        # Two ids that follow one another are one integer: (first + 1) · 2³² + second, above any single id.
        for found in (ids, ids[:-1] * _PAIR + ids[1:] + _PAIR):
            at = np.flatnonzero(np.isin(found, wanted))
            holds[np.searchsorted(wanted, found[at]), owner[at]] = True
    best = shares_C.argsort(descending=True, stable=True)[:_BEST].cpu().numpy()
    held_WC = np.array([holds[np.searchsorted(wanted, word)].all(axis=0) for word in words.values()])
    is_long = np.array([codes[0] >= _PAIR for codes in words.values()])
    is_name = np.array([is_name_like(word) for word in words])
    return {
        "words": float(np.log(len(words))),
        "matched_long_words": float(np.log1p((is_long & held_WC[:, best].any(axis=1)).sum())),
        "missing_names": float(np.log1p((is_long & is_name & ~held_WC.any(axis=1)).sum())),
    }


def _words(query: str, tokens: Tokens) -> dict[str, np.ndarray]:
    """The distinct words of the query, and of each its token, or the codes of its pairs of tokens."""
    ids = tokens.ids.astype(np.int64)
    found: dict[str, np.ndarray] = {}
    for match in WORD.finditer(query):
        first, last = np.searchsorted(tokens.starts, (match.start(), match.end()))
        own = ids[first:last]
        codes = own if len(own) == 1 else own[:-1] * _PAIR + own[1:] + _PAIR
        if len(codes):
            found.setdefault(match.group(), np.unique(codes))
    return found


def _runs(context: ContextTokens) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Token ids that follow one another, and the chunk of each."""
    for source, title in zip(context.sources, context.titles, strict=True):
        if not source.chunks:
            continue
        ids = source.tokens.ids.astype(np.int64)
        first = source.chunks[0].index
        yield ids, np.repeat(first + np.arange(len(source.chunks)), np.diff(source.bounds))
        yield np.array(title, dtype=np.int64), np.full(len(title), first)
