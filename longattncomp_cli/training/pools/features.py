"""The feature store: each distinct document is encoded once by the frozen backbone and reused over epochs.

A folder a (backbone, layers, chunking) triple, holding token ids, one file of bf16 states a layer and an
index. Data files are written before the index line that names them, so an interrupted run leaves at most
bytes that no line names; they are cut off when the store is opened again.

Shapes: N tokens of a document (its title's come first and belong to its first chunk), D width.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import torch
from torch import Tensor

from longattncomp_cli.core.backbones.base import POSITIONS, Backbone, LayerStates
from longattncomp_cli.core.backbones.runtime import resolve_dtype
from longattncomp_cli.core.chunking.chunks import ContextTokens
from longattncomp_cli.core.chunking.context import title_tokens
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.data.examples import Document, estimate_tokens
from longattncomp_cli.errors import InputError

try:
    import fcntl
except ImportError:  # not POSIX
    fcntl = None  # type: ignore[assignment]

OnTokens = Callable[[int, int], None]
_DOCUMENTS_AT_ONCE = 256
_STATE_BYTES = 2


@dataclass(frozen=True)
class DocumentFeatures:
    """One encoded document.

    Attributes:
        ids_N: token ids; the title's first.
        states: (N, D) bf16 for each stored layer; where heads ask for positions, those too.
        num_tokens: of each chunk, the title's tokens counted to the first.
        spans: the characters of each chunk.
        continues: for each chunk, whether it goes on in the paragraph of the one before it.
    """

    ids_N: Tensor
    states: LayerStates
    num_tokens: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    continues: tuple[bool, ...]


@dataclass(frozen=True)
class _Entry:
    start: int
    num_tokens: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    continues: tuple[bool, ...]


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
        self._entries: dict[str, _Entry] = {}
        self._memory: dict[str, DocumentFeatures] = {}
        self._counts: dict[str, int] = {}
        self._maps: dict[int, np.ndarray] = {}
        self._ids: np.ndarray = np.zeros(0, dtype=np.int32)
        self._positions: np.ndarray = np.zeros(0, dtype=np.int32)
        self.folder = None if root is None else root / self._identity()
        self._length = 0
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._locked():
                self._recover()

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
        return 4 + 4 * self.has_positions + len(self.layers) * self.backbone.width * _STATE_BYTES

    def missing(self, documents: Iterable[Document]) -> list[Document]:
        """The distinct documents that are not stored yet, in order."""
        wanted: dict[str, Document] = {}
        for document in documents:
            key = document_key(document)
            if key not in self._entries and key not in self._memory:
                wanted.setdefault(key, document)
        return list(wanted.values())

    def add(self, documents: Iterable[Document], on_tokens: OnTokens | None = None) -> int:
        """Encode and store what is missing; return how many documents that was."""
        if self.folder is None:
            return self._add(self.missing(documents), on_tokens)
        with self._locked():
            self._recover()
            added = self._add(self.missing(documents), on_tokens)
            self._map()
        return added

    def _add(self, wanted: Sequence[Document], on_tokens: OnTokens | None) -> int:
        total, done = sum(map(estimate_tokens, wanted)), 0
        for at in range(0, len(wanted), _DOCUMENTS_AT_ONCE):
            group = wanted[at : at + _DOCUMENTS_AT_ONCE]
            encoded = list(self.encode(group))
            if self.folder is None:
                self._memory.update((document_key(d), f) for d, f in zip(group, encoded, strict=True))
            else:
                self._append(group, encoded)
            done += sum(map(estimate_tokens, group))
            if on_tokens:
                on_tokens(done, total)
        return len(wanted)

    def num_tokens(self, document: Document) -> int:
        """Tokens of a document and its title, as :meth:`get` returns them; nothing is encoded."""
        key = document_key(document)
        if key in self._memory:
            return sum(self._memory[key].num_tokens)
        if key in self._entries:
            return sum(self._entries[key].num_tokens)
        if key not in self._counts:
            (title,) = title_tokens([document.title], self.backbone.tokenize)
            (text,) = self.backbone.tokenize([document.text])
            self._counts[key] = len(title) + len(text.ids)
        return self._counts[key]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from writing, where the system has file locks."""
        assert self.folder is not None
        with (self.folder / "lock").open("ab") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def get(self, document: Document) -> DocumentFeatures:
        """Look a document up, or encode it now."""
        key = document_key(document)
        if key in self._memory:
            return self._memory[key]
        entry = self._entries.get(key)
        if entry is None:
            return next(self.encode([document]))
        end = entry.start + sum(entry.num_tokens)
        states = {
            layer: torch.from_numpy(self._maps[layer][entry.start : end].copy()).view(torch.bfloat16)
            for layer in self.layers
        }
        if self.has_positions:
            states[POSITIONS] = torch.from_numpy(self._positions[entry.start : end].astype(np.float32))[
                :, None
            ]
        ids_N = torch.from_numpy(self._ids[entry.start : end].astype(np.int64))
        return DocumentFeatures(ids_N, states, entry.num_tokens, entry.spans, entry.continues)

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

    def _append(self, documents: Sequence[Document], encoded: Sequence[DocumentFeatures]) -> None:
        assert self.folder is not None
        start = self._length
        lines = []
        for document, features in zip(documents, encoded, strict=True):
            entry = _Entry(start, features.num_tokens, features.spans, features.continues)
            self._entries[document_key(document)] = entry
            lines.append(orjson.dumps([document_key(document), *_fields(entry)]))
            start += sum(features.num_tokens)
        with (self.folder / "ids.bin").open("ab") as file:
            file.write(torch.cat([f.ids_N for f in encoded]).int().numpy().tobytes())
        if self.has_positions:
            with (self.folder / "positions.bin").open("ab") as file:
                file.write(torch.cat([f.states[POSITIONS] for f in encoded]).int().numpy().tobytes())
        for layer in self.layers:
            with self._layer_path(layer).open("ab") as file:
                states = torch.cat([f.states[layer] for f in encoded])
                file.write(states.contiguous().view(torch.int16).numpy().tobytes())
        with (self.folder / "index.jsonl").open("ab") as file:
            file.write(b"\n".join(lines) + b"\n")
        self._length = start

    def _layer_path(self, layer: int) -> Path:
        assert self.folder is not None
        return self.folder / f"layer-{layer}.bin"

    def _recover(self) -> None:
        assert self.folder is not None
        index = self.folder / "index.jsonl"
        raw = index.read_bytes() if index.exists() else b""
        whole = raw[: raw.rfind(b"\n") + 1]
        if len(whole) < len(raw):
            _truncate(index, len(whole))
        self._length = 0
        for line in whole.splitlines():
            key, start, num_tokens, spans, continues = orjson.loads(line)
            pairs = tuple((a, b) for a, b in spans)
            self._entries[key] = _Entry(start, tuple(num_tokens), pairs, tuple(continues))
            self._length = start + sum(num_tokens)
        row = self.backbone.width * _STATE_BYTES
        expected = {self.folder / "ids.bin": 4, **{self._layer_path(layer): row for layer in self.layers}}
        if self.has_positions:
            expected[self.folder / "positions.bin"] = 4
        for path, size in expected.items():
            found = path.stat().st_size if path.exists() else 0
            if found < self._length * size:
                raise InputError(f"{path}: shorter than its index says", hint=f"delete {self.folder}")
            if found > self._length * size:
                _truncate(path, self._length * size)
        self._map()

    def _map(self) -> None:
        assert self.folder is not None
        if not self._length:
            return
        self._ids = np.memmap(self.folder / "ids.bin", dtype=np.int32, mode="r")
        if self.has_positions:
            self._positions = np.memmap(self.folder / "positions.bin", dtype=np.int32, mode="r")
        shape = (self._length, self.backbone.width)
        self._maps = {
            layer: np.memmap(self._layer_path(layer), dtype=np.int16, mode="r", shape=shape)
            for layer in self.layers
        }


def document_key(document: Document) -> str:
    """32 hex digits of the title and the text."""
    return hashlib.sha256(f"{document.title}\0{document.text}".encode()).hexdigest()[:32]


def _fields(entry: _Entry) -> tuple[object, ...]:
    return entry.start, entry.num_tokens, entry.spans, entry.continues


def _truncate(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)
