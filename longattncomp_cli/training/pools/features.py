"""The feature store: each distinct document is encoded once by the frozen backbone and reused over epochs.

A folder a (backbone, layers, chunking) triple; see :mod:`.feature_files`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch

from longattncomp_cli.core.backbones.base import POSITIONS, Backbone, LayerStates
from longattncomp_cli.core.backbones.runtime import resolve_dtype
from longattncomp_cli.core.chunking.chunks import ContextTokens
from longattncomp_cli.core.chunking.context import title_tokens
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.data.examples import Document, estimate_tokens
from longattncomp_cli.training.pools.feature_files import STATE_BYTES, DocumentFeatures, FeatureFiles

OnTokens = Callable[[int, int], None]
_SAMPLED_DOCUMENTS = 256
_DOCUMENTS_AT_ONCE = 256


class FeatureStore:
    """Encoded documents, on disk (memory-mapped) or in memory where ``root`` is ``None``.

    Args:
        scorer: chunks and encodes; only its backbone and chunking matter.
        layers: whose states to keep. Layer 0 is a table lookup and is never stored.
        root: where stores live; the store's own folder inside is named by what it depends on.
        instruction: what is read before the context, where the instruction is the sink.
    """

    def __init__(
        self, scorer: Scorer, layers: Sequence[int], root: Path | None, *, instruction: str = ""
    ) -> None:
        """Open the store, dropping what an interrupted run left half written."""
        self.scorer = scorer
        self.instruction = instruction
        self.backbone: Backbone = scorer.backbone
        self.layers = tuple(sorted({layer for layer in layers if layer > 0}))
        self.has_positions = POSITIONS in scorer.attention.reads
        self.compute_dtype = resolve_dtype("auto", self.backbone.device)
        self._memory: dict[str, DocumentFeatures] = {}
        self._counts: dict[str, int] = {}
        self.folder = None if root is None else root / self._identity()
        self._files: FeatureFiles | None = None
        if self.folder is not None:
            self._files = FeatureFiles(
                self.folder, self.layers, self.backbone.width, has_positions=self.has_positions
            )

    def _identity(self) -> str:
        window_tokens = self.scorer.checkpoint.config.window_tokens
        layers = "-".join(str(layer) for layer in self.layers)
        sha256 = self.backbone.spec.sha256[:12]
        options = self.scorer.options
        places = "-positions" if self.has_positions else ""
        return f"{sha256}-l{layers}-w{window_tokens}-c{options.chunk_tokens}-{options.snap}{places}-v2"

    @property
    def asked_layers(self) -> tuple[int, ...]:
        """What to ask of a query or an instruction: layer 0, the stored layers, and positions."""
        return (*((POSITIONS,) if self.has_positions else ()), 0, *self.layers)

    @property
    def bytes_per_token(self) -> int:
        """What one token costs on disk."""
        return 4 + 4 * self.has_positions + len(self.layers) * self.backbone.width * STATE_BYTES

    def missing(self, documents: Iterable[Document]) -> list[Document]:
        """The distinct documents that are not stored yet, in order."""
        wanted: dict[str, Document] = {}
        for document in documents:
            key = document_key(document)
            if key not in self._memory and (self._files is None or key not in self._files):
                wanted.setdefault(key, document)
        return list(wanted.values())

    def add(self, documents: Iterable[Document], on_tokens: OnTokens | None = None) -> int:
        """Encode and store what is missing; return how many documents that was."""
        with self._files.locked() if self._files else nullcontext():
            return self._add(self.missing(documents), on_tokens)

    def _add(self, wanted: Sequence[Document], on_tokens: OnTokens | None) -> int:
        total, done = sum(map(estimate_tokens, wanted)), 0
        for at in range(0, len(wanted), _DOCUMENTS_AT_ONCE):
            group = wanted[at : at + _DOCUMENTS_AT_ONCE]
            encoded = list(self.encode(group))
            keys = [document_key(document) for document in group]
            if self._files is None:
                self._memory.update(zip(keys, encoded, strict=True))
            else:
                self._files.append(keys, encoded)
            done += sum(map(estimate_tokens, group))
            if on_tokens:
                on_tokens(done, total)
        return len(wanted)

    def num_tokens(self, document: Document) -> int:
        """Tokens of a document and its title, as :meth:`get` returns them; nothing is encoded."""
        key = document_key(document)
        if key in self._memory:
            return sum(self._memory[key].num_tokens)
        if self._files is not None and key in self._files:
            return self._files.num_tokens(key)
        if key not in self._counts:
            (title,) = title_tokens([document.title], self.backbone.tokenize)
            (text,) = self.backbone.tokenize([document.text])
            self._counts[key] = len(title) + len(text.ids)
        return self._counts[key]

    def estimate_tokens(self, documents: Sequence[Document]) -> float:
        """The tokens of documents, from the exact number of an evenly spread part of them."""
        part = documents[:: max(1, len(documents) // _SAMPLED_DOCUMENTS)]
        if not part:
            return 0.0
        scale = sum(map(self.num_tokens, part)) / sum(map(estimate_tokens, part))
        return scale * sum(map(estimate_tokens, documents))

    def get(self, document: Document) -> DocumentFeatures:
        """Look a document up, or encode it now."""
        key = document_key(document)
        if key in self._memory:
            return self._memory[key]
        if self._files is not None and key in self._files:
            return self._files.get(key)
        return next(self.encode([document]))

    @torch.inference_mode()
    def encode(self, documents: Sequence[Document]) -> Iterator[DocumentFeatures]:
        """Encode documents as the scorer would, each a source of its own."""
        sources = tuple(Source(document.text, title=document.title) for document in documents)
        context = self.scorer.tokenize(Request(sources, query=""))
        order, states = self._encode_tokens(context)
        chunk_sizes = np.bincount(order)
        start = 0
        for source, title in zip(context.sources, context.titles, strict=True):
            ids = np.concatenate([np.array(title, dtype=np.int64), source.tokens.ids])
            end = start + len(ids)
            indices = [chunk.index for chunk in source.chunks]
            yield DocumentFeatures(
                ids_N=torch.from_numpy(ids),
                states={layer: value[start:end] for layer, value in states.items()},
                num_tokens=tuple(int(chunk_sizes[i]) if i < len(chunk_sizes) else 0 for i in indices),
                spans=tuple((chunk.start, chunk.end) for chunk in source.chunks),
                continues=tuple(bool(chunk.continues) for chunk in source.chunks),
            )
            start = end

    def _encode_tokens(self, context: ContextTokens) -> tuple[np.ndarray, LayerStates]:
        """Every token's chunk, and its states, in the order of the documents."""
        layers = self.asked_layers if self.has_positions else self.layers or (0,)
        blocks = list(self.backbone.encode(context, ".", self.instruction, layers).blocks)
        owner = torch.cat([block.chunk_index_N for block in blocks])
        order = torch.argsort(owner, stable=True)
        states = {
            layer: torch.cat([block.states[layer] for block in blocks])[order].bfloat16().cpu()
            for layer in self.layers
        }
        if self.has_positions:
            states[POSITIONS] = torch.cat([block.states[POSITIONS] for block in blocks])[order].cpu()
        return owner[order].cpu().numpy(), states


def document_key(document: Document) -> str:
    """32 hex digits of the title and the text."""
    return hashlib.sha256(f"{document.title}\0{document.text}".encode()).hexdigest()[:32]
