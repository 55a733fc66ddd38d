"""The scorers that are compared, over the same chunks and the same states, and the one rule that selects.

Shapes: N context tokens, M query tokens, C chunks, D backbone width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import bm25s
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from longattncomp_cli.core.backbones.base import Backbone, Encoding, OnTokens, StateBlock
from longattncomp_cli.core.chunking.chunks import Chunk, ContextTokens, Tokens
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.core.text.arrays import FloatArray
from longattncomp_cli.core.text.spans import SpanPair

Scored = tuple[FloatArray, float | None]
"""(C,) scores, and the confidence where the method has one."""


class CachedBackbone:
    """A backbone that encodes a context once, for every scorer and query that comes after.

    Args:
        inner: the real one; what is not said here is answered by it.
        layers: all layers that any of the scorers reads.
    """

    def __init__(self, inner: Backbone, layers: Sequence[int]) -> None:
        self._inner = inner
        self._layers = sorted(set(layers))
        self._texts: tuple[str, ...] = ()
        self._tokens: list[Tokens] = []
        self._key: object = None
        self._blocks: list[StateBlock] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenise; the last long context is remembered."""
        if tuple(texts) == self._texts:
            return self._tokens
        tokens = self._inner.tokenize(texts)
        if sum(map(len, texts)) > 10_000:
            self._texts, self._tokens = tuple(texts), tokens
        return tokens

    def encode(
        self,
        context: ContextTokens,
        query: str,
        instruction: str,
        layers: Sequence[int],
        on_tokens: OnTokens | None = None,
    ) -> Encoding:
        """Encode the query anew and the context only where it is not the last one."""
        key = [(source.tokens.ids.tobytes(), source.bounds) for source in context.sources]
        encoding = self._inner.encode(context, query, instruction, self._layers, on_tokens)
        if key != self._key:
            self._blocks = []  # frees the last context first
            self._key, self._blocks = key, list(encoding.blocks)
        return replace(encoding, blocks=iter(self._blocks))


def score_checkpoint(scorer: Scorer, request: Request) -> Scored:
    """The scorer's own verdict."""
    verdict = scorer.score(request)
    return verdict.scores, verdict.confidence


def score_bm25(text: str, query: str, chunks: Sequence[Chunk]) -> Scored:
    """BM25 over the chunks' words (bm25s' defaults: lower case, English stop words left out)."""
    library: Any = bm25s  # its annotations leave out what it exports
    corpus = library.tokenize([text[c.start : c.end] for c in chunks], stopwords="en", show_progress=False)
    words = library.tokenize([query], stopwords="en", return_ids=False, show_progress=False)[0]
    if not words or not corpus.vocab:
        return np.zeros(len(chunks)), None
    index = library.BM25()
    index.index(corpus, show_progress=False)
    return np.asarray(index.get_scores(words), dtype=np.float64), None


@torch.inference_mode()
def score_states(backbone: Backbone, context: ContextTokens, query: str, layer: int) -> dict[str, Scored]:
    """Cosine of mean-pooled states, and MaxSim over token states, of one layer."""
    encoding = backbone.encode(context, query, "", [layer])
    blocks = list(encoding.blocks)
    num_chunks = sum(len(source.chunks) for source in context.sources)
    states_ND = torch.cat([block.states[layer].float() for block in blocks])
    owner_N = torch.cat([block.chunk_index_N for block in blocks])
    query_MD = encoding.query.states[layer].float()
    width = states_ND.shape[1]
    pooled_CD = states_ND.new_zeros((num_chunks, width)).index_add_(0, owner_N, states_ND)
    cosine_C = F.normalize(pooled_CD, dim=-1) @ F.normalize(query_MD.mean(dim=0), dim=-1)
    similarity_NM = F.normalize(states_ND, dim=-1) @ F.normalize(query_MD, dim=-1).T
    best_CM = similarity_NM.new_full((num_chunks, len(query_MD)), -1.0)
    best_CM.scatter_reduce_(0, owner_N[:, None].expand_as(similarity_NM), similarity_NM, "amax")
    return {"cosine": (_array(cosine_C), None), "maxsim": (_array(best_CM.mean(dim=1)), None)}


def fill_budget(scores: FloatArray, chunks: Sequence[Chunk], budget: int) -> list[SpanPair]:
    """Take chunks by rank until the budget is full; of the one that does not fit, a prefix in proportion.

    Args:
        scores: (C,) higher is better; of equal scores the earlier chunk goes first.
        chunks: in source order.
        budget: backbone tokens.
    """
    kept: list[SpanPair] = []
    for index in np.argsort(-scores, kind="stable"):
        chunk = chunks[index]
        size = chunk.num_backbone_tokens
        if size > budget:
            kept.append((chunk.start, chunk.start + (chunk.end - chunk.start) * budget // size))
            break
        kept.append((chunk.start, chunk.end))
        budget -= size
    return kept


def _array(scores_C: Tensor) -> FloatArray:
    return scores_C.double().cpu().numpy()
