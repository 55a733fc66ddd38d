"""Requests in a row on the same context share what was found out about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from longattncomp_cli.core.prompts.request import Request, SourcesMemo

MOST_CHARS = 400_000
"""Of longer contexts nothing is kept between requests: about 2.5 kB would be for each token."""


@dataclass
class LatestSources:
    """The sources of the latest request, and what is known of them.

    Nothing is kept of sources that are asked once: the first request in a row is answered as it is, the
    second one reads for all that follow.
    """

    _memo: SourcesMemo | None = None

    def shared(self, request: Request) -> Request:
        """A request, on what is known where the latest one was on equal sources.

        A conversation, whose parts to read depend on the budget, comes back as it is.
        """
        num_chars = sum(len(source.text) for source in request.sources)
        if request.frame is not None or num_chars > MOST_CHARS:
            self._memo = None
            return request
        memo = self._memo
        if memo is None or memo.sources != request.sources:
            self._memo = SourcesMemo(request.sources)
            return request
        return replace(request, sources=memo.sources, memo=memo)
