"""Which requests the default checkpoint does not read, and what reads them instead.

The default's vocabulary is that of Latin script. Shares of scripts decide, not a guess at the language: they
are certain from a few words on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from longattncomp_cli.core.checkpoint.shipped import MULTILINGUAL_CHECKPOINT
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.text.scripts import script_shares
from longattncomp_cli.errors import CheckpointError, ResourceError

CONTEXT_SHARE = 0.2
"""Of the context's letters, from which on the multilingual checkpoint is taken."""
QUERY_SHARE = 0.3
"""The same for the query, which is short."""

_MOST_SOURCES = 64

Reader = TypeVar("Reader")


def foreign_script(request: Request) -> tuple[str, str] | None:
    """What of a request is not in Latin script (``context`` or ``query``), and in which; or ``None``.

    A context of several sources is judged by all of them together.
    """
    shares = {
        "context": (request.once("scripts", lambda: _context_shares(request)), CONTEXT_SHARE),
        "query": (script_shares(request.query), QUERY_SHARE),
    }
    for what, (found, least) in shares.items():
        foreign = {name: share for name, share in found.items() if name != "Latin"}
        if sum(foreign.values()) >= least:
            return what, next(iter(foreign))
    return None


def _context_shares(request: Request) -> dict[str, float]:
    longest = sorted(request.sources, key=lambda source: -source.context_span.num_chars)
    spans = [(source, source.context_span) for source in longest[:_MOST_SOURCES]]
    return script_shares("\n".join(source.text[span.start : span.end] for source, span in spans))


class OtherReader(Generic[Reader]):
    """What reads requests of other scripts; loaded when the first of them comes.

    Args:
        load: loads it.
        on_note: called once with a sentence when it is taken, and once where it is not there.
    """

    def __init__(self, load: Callable[[], Reader], on_note: Callable[[str], None]) -> None:
        """Load nothing yet."""
        self._load, self._on_note = load, on_note
        self._reader: Reader | None = None
        self._is_asked = False

    def for_request(self, request: Request) -> Reader | None:
        """The other reader where a request needs it and it is there."""
        found = foreign_script(request)
        if found is None:
            return None
        if not self._is_asked:
            self._is_asked = True
            self._take(*found)
        return self._reader

    def _take(self, what: str, script: str) -> None:
        where = f"the {what} is in {script} script"
        try:
            self._reader = self._load()
        except (ResourceError, CheckpointError) as error:
            way_out = f"; {error.hint}" if error.hint else ""
            self._on_note(
                f"{where}, which the default checkpoint hardly reads, and the checkpoint "
                f"{MULTILINGUAL_CHECKPOINT} cannot be used: {error.message}{way_out}"
            )
        else:
            self._on_note(
                f"{where}: read with the checkpoint {MULTILINGUAL_CHECKPOINT} "
                "(--checkpoint decides otherwise)"
            )
