"""What a full pass remembers of contexts: states and cache, in memory and on disk.

Shapes: T all tokens before the query, D width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from longattncomp_cli.core.backbones.base import LayerStates
from longattncomp_cli.core.backbones.cache.disk import NotKeptError, StateFiles
from longattncomp_cli.core.backbones.cache.memory import ByteLRU
from longattncomp_cli.core.backbones.decoder.prefill import KVCache


@dataclass(frozen=True)
class ContextPass:
    """The part of a full pass that does not depend on the query: states (T, D) and the cache."""

    states: LayerStates
    cache: KVCache
    num_tokens: int

    @property
    def num_bytes(self) -> int:
        """In memory."""
        states = sum(part.numel() * part.element_size() for part in self.states.values())
        return states + self.cache.num_bytes


@dataclass(frozen=True)
class PassMemory:
    """Where contexts that were read are kept.

    Attributes:
        passes: in memory; room for none unless its ``max_bytes`` is more than 0.
        files: on disk, or ``None``.
        on_note: called with what the user should know.
    """

    passes: ByteLRU[ContextPass] = field(default_factory=lambda: ByteLRU(0))
    files: StateFiles | None = None
    on_note: Callable[[str], None] = lambda text: None

    def recall(self, key: str, room: int, device: torch.device) -> ContextPass | None:
        """A context that was kept, its cache with room for as many tokens; ``None`` where there is none."""
        known = self.passes.get(key)
        if known is not None:
            return known
        stored = None if self.files is None else self.files.read(key)
        if stored is None:
            return None
        known = _restored(stored, room, device)
        self.passes.put(key, known, known.num_bytes)
        return known

    def keep(self, key: str, known: ContextPass) -> None:
        """Keep a context that was read, as far as there is room for it."""
        if self.files is not None:
            self._write(self.files, key, known)
        self.passes.put(key, known, known.num_bytes)

    def _write(self, files: StateFiles, key: str, known: ContextPass) -> None:
        """Write a context to disk, unless it is too large for it."""
        parts = {f"state/{layer}": value for layer, value in known.states.items()}
        for layer, pair in known.cache.buffers.items():
            for name, buffer in zip(("key", "value"), pair, strict=True):
                parts[f"{name}/{layer}"] = buffer[:, :, : known.num_tokens]
        try:
            with files.write(key) as writer:
                if not all(writer.add(name, value) for name, value in parts.items()):
                    raise NotKeptError
        except OSError as error:
            self.on_note(f"the context could not be kept in --cache ({error.strerror or error})")


def _restored(stored: dict[str, Tensor], room: int, device: torch.device) -> ContextPass:
    """A context as it was written, its cache with room for a query."""
    states = {
        int(name.removeprefix("state/")): value.to(device)
        for name, value in stored.items()
        if name.startswith("state/")
    }
    cache = KVCache(room)
    for name, key in stored.items():
        if name.startswith("key/"):
            layer = int(name.removeprefix("key/"))
            cache.update(key.to(device), stored[f"value/{layer}"].to(device), layer)
    num_tokens = len(next(iter(states.values())))
    cache.advance(num_tokens)
    return ContextPass(states, cache, num_tokens)
