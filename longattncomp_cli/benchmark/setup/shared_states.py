"""A backbone that reads a context once for every method and query that comes after, and knows the cost.

The seconds of a method include the whole pass that it needs, whoever made it first.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from longattncomp_cli.core.backbones.base import Backbone, Encoding, OnTokens, StateBlock
from longattncomp_cli.core.chunking.chunks import ContextTokens, Tokens

# Shorter contexts (a chunk that is looked at more closely) are encoded anew and not remembered.
_LEAST_CHARS = 10_000
_LEAST_TOKENS = 2_000


class SharedBackbone:
    """Answers as the real backbone does, from memory where it can.

    Args:
        inner: the real one; what is not said here is answered by it.
        layers: all layers that any of the methods reads.
        is_sharing: whether anything is remembered; without, times and memory are those of a lone method.

    Attributes:
        shared_seconds: what the remembered passes cost when they were made; grows with every use.
    """

    def __init__(self, inner: Backbone, layers: Sequence[int], *, is_sharing: bool) -> None:
        """Remember nothing yet."""
        self.inner = inner
        self.layers = sorted(set(layers))
        self.is_sharing = is_sharing
        self.shared_seconds = 0.0
        # Query states that depend on the context cannot be shared between queries.
        self._is_windowed = not inner.reads_whole_context
        self._texts: tuple[str, ...] = ()
        self._tokens: list[Tokens] = []
        self._tokens_seconds = 0.0
        self._key: object = None
        self._blocks: list[StateBlock] = []
        self._blocks_seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenise; the last long context is remembered."""
        if tuple(texts) == self._texts:
            self.shared_seconds += self._tokens_seconds
            return self._tokens
        start = time.perf_counter()
        tokens = self.inner.tokenize(texts)
        if self.is_sharing and sum(map(len, texts)) > _LEAST_CHARS:
            self._texts, self._tokens = tuple(texts), tokens
            self._tokens_seconds = time.perf_counter() - start
        return tokens

    def encode(
        self,
        context: ContextTokens,
        query: str,
        instruction: str,
        layers: Sequence[int],
        on_tokens: OnTokens | None = None,
    ) -> Encoding:
        """Encode the query anew, and the context only where it is not the last one."""
        num_tokens = sum(len(source.tokens.ids) for source in context.sources)
        if not self.is_sharing or num_tokens < _LEAST_TOKENS or not self._is_windowed:
            return self.inner.encode(context, query, instruction, layers, on_tokens)
        key = [(source.tokens.ids.tobytes(), source.bounds) for source in context.sources]
        start = time.perf_counter()
        encoding = self.inner.encode(context, query, instruction, self.layers, on_tokens)
        if key == self._key:
            self.shared_seconds += self._blocks_seconds
        else:
            self._key, self._blocks = None, []  # frees the last context first
            self._blocks = list(encoding.blocks)
            self._blocks_seconds = time.perf_counter() - start
            self._key = key
        return replace(encoding, blocks=self._remembered())

    def _remembered(self) -> Iterator[StateBlock]:
        yield from self._blocks
