"""Which requests the default checkpoint does not read, and what reads them instead.

The default's vocabulary is that of Latin script, and it learned from English. Shares of scripts decide what
it cannot read: they are certain from a few words on. Where all is in Latin script, function words
tell a question that is in another language than the text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from longattncomp_cli.core.checkpoint.shipped import MULTILINGUAL_CHECKPOINT
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.text.languages import language_of, other_language
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
    found = {
        "context": (request.once("scripts", lambda: script_shares(_context(request))), CONTEXT_SHARE),
        "query": (script_shares(request.query), QUERY_SHARE),
    }
    for what, (shares, least) in found.items():
        foreign = {name: share for name, share in shares.items() if name != "Latin"}
        if sum(foreign.values()) >= least:
            return what, next(iter(foreign))
    return None


def foreign_language(request: Request) -> tuple[str, str] | None:
    """The languages of query and context, where both are sure and not the same; both in Latin script."""
    of_context = request.once("language", lambda: language_of(_context(request)))
    of_query = other_language(request.query, of_context) if of_context else None
    return (of_query, of_context) if of_context and of_query else None


def _context(request: Request) -> str:
    longest = sorted(request.sources, key=lambda source: -source.context_span.num_chars)
    spans = [(source, source.context_span) for source in longest[:_MOST_SOURCES]]
    return "\n".join(source.text[span.start : span.end] for source, span in spans)


def _reason(request: Request) -> tuple[str, str] | None:
    """Why the default is not what reads a request best, and what it hardly does; or ``None``."""
    script = foreign_script(request)
    if script is not None:
        what, name = script
        return f"the {what} is in {'another' if name == 'other' else name} script", "reads"
    languages = foreign_language(request)
    return languages and (f"the query is in {languages[0]}, the context in {languages[1]}", "brings together")


class OtherReader(Generic[Reader]):
    """What reads requests of other scripts, and across languages; loaded when the first of them comes.

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
        reason = _reason(request)
        if reason is None:
            return None
        if not self._is_asked:
            self._is_asked = True
            self._take(*reason)
        return self._reader

    def _take(self, where: str, does: str) -> None:
        try:
            self._reader = self._load()
        except (ResourceError, CheckpointError) as error:
            way_out = f"; {error.hint}" if error.hint else ""
            self._on_note(
                f"{where}, which the default checkpoint hardly {does}, and the checkpoint "
                f"{MULTILINGUAL_CHECKPOINT} cannot be used: {error.message}{way_out}"
            )
        else:
            self._on_note(
                f"{where}: read with the checkpoint {MULTILINGUAL_CHECKPOINT} "
                "(--checkpoint decides otherwise)"
            )
