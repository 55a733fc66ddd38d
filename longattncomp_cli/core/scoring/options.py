"""How a request is scored, besides the checkpoint: one frozen value."""

from __future__ import annotations

import math
from dataclasses import dataclass

from longattncomp_cli.core.checkpoint.config import MAX_HOPS, CheckpointConfig
from longattncomp_cli.core.chunking.chunks import SnapLevel
from longattncomp_cli.errors import UsageError

MAX_STORED_TOKENS = 1_000_000
"""States of longer contexts are computed again for each further reading instead of being stored."""


@dataclass(frozen=True, kw_only=True)
class ScoringOptions:
    """How the context is cut, and how far scoring goes."""

    chunk_tokens: int
    """Backbone tokens of a chunk, at most."""
    snap: SnapLevel
    """Where a chunk may end."""
    hops: int
    """1 scores by the query alone; more also by what the best chunks speak of."""
    hops_are_required: bool = False
    """Given by the user: neither a long context nor a sufficient peak lowers it."""
    rerank: bool = True
    """Length normalisation, propagation and coverage; off where pieces of one chunk are compared."""
    one_hop_above: float = math.inf
    """The sufficiency from which on no second hop is taken."""

    def __post_init__(self) -> None:
        """Refuse hops that no scorer takes."""
        if not 1 <= self.hops <= MAX_HOPS:
            raise UsageError(f"--hops {self.hops} is not in 1…{MAX_HOPS}")

    @classmethod
    def of(
        cls,
        config: CheckpointConfig,
        *,
        chunk_tokens: int | None = None,
        snap: SnapLevel | None = None,
        hops: int | None = None,
    ) -> ScoringOptions:
        """What was asked for, and the checkpoint's defaults for the rest."""
        return cls(
            chunk_tokens=chunk_tokens or config.chunk_tokens,
            snap=snap or config.snap,
            hops=config.hops if hops is None else hops,
            hops_are_required=hops is not None,
        )

    def num_hops(self, num_tokens: int, sufficiency: float | None = None) -> int:
        """How many hops to take; by default one where more would read the context again, or are not needed.

        Args:
            num_tokens: of the context whose states a further hop reads.
            sufficiency: the probability that few chunks hold all that is needed; ``None`` before it is known.
        """
        if self.hops_are_required:
            return self.hops
        is_sufficient = sufficiency is not None and sufficiency >= self.one_hop_above
        return 1 if num_tokens > MAX_STORED_TOKENS or is_sufficient else self.hops
