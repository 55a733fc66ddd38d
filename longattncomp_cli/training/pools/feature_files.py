"""Encoded documents on disk: token ids, one file of bf16 states a layer, and an index.

Data files are written before the index line that names them, so an interrupted run leaves at most bytes that
no line names; they are cut off when the files are opened again.

Shapes: N tokens of a document (its title's come first and belong to its first chunk), D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import torch
from torch import Tensor

from longattncomp_cli.core.backbones.base import POSITIONS, LayerStates
from longattncomp_cli.core.files.output_files import make_folder
from longattncomp_cli.errors import InputError

try:
    import fcntl
except ImportError:  # not POSIX
    fcntl = None  # type: ignore[assignment]

STATE_BYTES = 2
"""Of one number of a state."""


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


class FeatureFiles:
    """The files of one folder, memory-mapped. Made of one (backbone, layers, chunking) triple.

    Args:
        folder: where they lie; made where it is not there.
        layers: whose states are stored.
        width: of a state.
        has_positions: whether the tokens' positions are stored too.
    """

    def __init__(self, folder: Path, layers: Sequence[int], width: int, *, has_positions: bool) -> None:
        """Open the files, dropping what an interrupted run left half written."""
        self.folder = folder
        self.layers = tuple(layers)
        self.width = width
        self.has_positions = has_positions
        self._entries: dict[str, _Entry] = {}
        self._length = 0
        self._maps: dict[int, np.ndarray] = {}
        self._ids: np.ndarray = np.zeros(0, dtype=np.int32)
        self._positions: np.ndarray = np.zeros(0, dtype=np.int32)
        make_folder(folder)
        with self.locked():
            pass

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing, where the system has file locks; what they wrote is read.

        Raises:
            InputError: a file is shorter than the index says.
        """
        with (self.folder / "lock").open("ab") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX)
            self._recover()
            yield
            self._map()

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def num_tokens(self, key: str) -> int:
        """Tokens of a stored document."""
        return sum(self._entries[key].num_tokens)

    def get(self, key: str) -> DocumentFeatures:
        """A stored document."""
        entry = self._entries[key]
        end = entry.start + sum(entry.num_tokens)
        states = {
            layer: torch.from_numpy(self._maps[layer][entry.start : end].copy()).view(torch.bfloat16)
            for layer in self.layers
        }
        if self.has_positions:
            positions = self._positions[entry.start : end].astype(np.float32)
            states[POSITIONS] = torch.from_numpy(positions)[:, None]
        ids_N = torch.from_numpy(self._ids[entry.start : end].astype(np.int64))
        return DocumentFeatures(ids_N, states, entry.num_tokens, entry.spans, entry.continues)

    def append(self, keys: Sequence[str], encoded: Sequence[DocumentFeatures]) -> None:
        """Write documents; only within :meth:`locked`, at whose end they can be read."""
        start = self._length
        lines = []
        for key, features in zip(keys, encoded, strict=True):
            self._entries[key] = _Entry(start, features.num_tokens, features.spans, features.continues)
            lines.append(orjson.dumps([key, start, features.num_tokens, features.spans, features.continues]))
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
        return self.folder / f"layer-{layer}.bin"

    def _recover(self) -> None:
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
        row = self.width * STATE_BYTES
        expected = {self.folder / "ids.bin": 4, **{self._layer_path(layer): row for layer in self.layers}}
        if self.has_positions:
            expected[self.folder / "positions.bin"] = 4
        for path, size in expected.items():
            found = path.stat().st_size if path.exists() else 0
            if found < self._length * size:
                raise InputError(f"{path}: shorter than its index says", hint=f"delete {self.folder}")
            if found > self._length * size:
                _truncate(path, self._length * size)

    def _map(self) -> None:
        if not self._length:
            return
        self._ids = np.memmap(self.folder / "ids.bin", dtype=np.int32, mode="r")
        if self.has_positions:
            self._positions = np.memmap(self.folder / "positions.bin", dtype=np.int32, mode="r")
        shape = (self._length, self.width)
        self._maps = {
            layer: np.memmap(self._layer_path(layer), dtype=np.int16, mode="r", shape=shape)
            for layer in self.layers
        }


def _truncate(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)
