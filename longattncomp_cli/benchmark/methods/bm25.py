"""BM25 over the chunks' words (bm25s: Lù, arXiv:2407.03618; its defaults)."""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np

from longattncomp_cli.benchmark.methods.base import ChunkMethod
from longattncomp_cli.benchmark.methods.requirements import require
from longattncomp_cli.benchmark.setup.workbench import ChunkedItem
from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.core.text.arrays import FloatArray
from longattncomp_cli.core.text.scripts import pairs_apart


class BM25(ChunkMethod):
    """Lower case, English stop words left out, k1 = 1.5, b = 0.75."""

    name = "bm25"
    note = "bm25s with its defaults, over words; over pairs of characters in scripts without spaces"

    def __init__(self) -> None:
        """Find the package.

        Raises:
            ResourceError: it is not installed.
        """
        require("bm25", "bm25s")
        # Where jax is installed bm25s tries it out, and jax takes three quarters of a GPU's memory at once.
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        self._library: Any = importlib.import_module("bm25s")

    def chunk_scores(self, item: Item, chunked: ChunkedItem) -> FloatArray:
        """(C,) all 0 where no word of the query is a term."""
        sources, library = item.request.sources, self._library
        texts = [pairs_apart(sources[chunk.source].text[chunk.start : chunk.end]) for chunk in chunked.chunks]
        corpus = library.tokenize(texts, stopwords="en", show_progress=False)
        words = library.tokenize(
            [pairs_apart(item.request.query)], stopwords="en", return_ids=False, show_progress=False
        )
        if not words[0] or not corpus.vocab:
            return np.zeros(len(chunked.chunks))
        index = library.BM25()
        index.index(corpus, show_progress=False)
        return np.asarray(index.get_scores(words[0]), dtype=np.float64)
