"""A context that was read once, to be asked many times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.results.compression import Compression, Scored

Budget = str | int | None


@dataclass(frozen=True)
class ReadContext:
    """What :meth:`Compressor.read` gives: its results are those of the compressor itself, to the byte.

    Attributes:
        request_of: makes the request of a query and a budget, on the context.
        score_request, compress_request: the compressor's.
    """

    request_of: Callable[[str, Budget], Request]
    score_request: Callable[[Request], Scored]
    compress_request: Callable[[Request], Compression]

    def score(self, query: str, budget: Budget = None) -> Scored:
        """See :meth:`~longattncomp_cli.core.compressor.Compressor.score`."""
        return self.score_request(self.request_of(query, budget))

    def compress(self, query: str, budget: Budget = None) -> Compression:
        """See :meth:`~longattncomp_cli.core.compressor.Compressor.compress`."""
        return self.compress_request(self.request_of(query, budget))
