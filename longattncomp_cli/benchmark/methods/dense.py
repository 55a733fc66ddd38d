"""Dense retrieval: sentence-transformers as it ships, with the embedded backbone's own files."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from longattncomp_cli.benchmark.methods.base import ChunkMethod
from longattncomp_cli.benchmark.methods.requirements import quieten_transformers, require
from longattncomp_cli.benchmark.setup.workbench import ChunkedItem, Workbench
from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.core.backbones.files import locate_backbone
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.text.arrays import FloatArray


class Dense(ChunkMethod):
    """Cosine of the sentence embeddings of query and chunk (Reimers & Gurevych, arXiv:1908.10084).

    What of a chunk is beyond the model's length (256 tokens for all-MiniLM-L6-v2) is not read, as shipped.
    """

    name = "dense"
    note = "sentence-transformers as shipped, the same model"

    def __init__(self, bench: Workbench) -> None:
        """Load the model from where the backbone's files lie.

        Raises:
            ResourceError: the package or the model is not there.
        """
        require("dense", "sentence_transformers", "sentence-transformers")
        library: Any = importlib.import_module("sentence_transformers")
        quieten_transformers()
        spec = bench.checkpoints[0].config.backbone
        if spec.kind == "decoder":
            spec = load_checkpoint(DEFAULT_CHECKPOINT).config.backbone
            self.note = "sentence-transformers as shipped, the embedded encoder"
        self._model: Any = library.SentenceTransformer(
            str(locate_backbone(spec)), device=str(bench.backbone.device), local_files_only=True
        )
        self.identity = spec.sha256[:12]

    def chunk_scores(self, item: Item, chunked: ChunkedItem) -> FloatArray:
        """(C,) cosines."""
        sources = item.request.sources
        texts = [sources[chunk.source].text[chunk.start : chunk.end] for chunk in chunked.chunks]
        options = {"normalize_embeddings": True, "show_progress_bar": False, "convert_to_numpy": True}
        query = self._model.encode([item.request.query], **options)[0]
        return np.asarray(self._model.encode(texts, **options) @ query, dtype=np.float64)
