"""One question of a task: a context, a query, and where the answer stands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.text.spans import SourceSpan, Span


@dataclass(frozen=True)
class Item:
    """One question of a task.

    Attributes:
        id: names the item in reports, which hold no text of the data.
        request: context and query.
        evidence: the places that are needed to answer; empty where none are known, or nothing answers.
        answers: every group must be answered, by any of its strings.
        label: what kind of item it is, in tasks that have several.
        length: the context tokens aimed at; 0 where the data decides.
        depth: where the needle lies, from 0 (front) to 1 (end).
        fields: what the task's prompt asks for besides context and query.
    """

    id: str
    request: Request
    evidence: tuple[SourceSpan, ...] = ()
    answers: tuple[tuple[str, ...], ...] = ()
    label: str = ""
    length: int = 0
    depth: float | None = None
    fields: dict[str, str] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """12 hex digits that change with anything that is asked or known."""
        digest = hashlib.sha256()
        for source in self.request.sources:
            digest.update(f"{len(source.text)}:{source.title}:".encode())
            digest.update(source.text.encode("utf-8", "surrogatepass"))
        evidence = tuple(map(tuple, self.evidence))
        known = (self.request.query, self.request.instruction, evidence, self.answers, self.fields)
        digest.update(repr(known).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:12]

    @cached_property
    def _offsets(self) -> list[int]:
        """Where each source begins if all stood in one text, none touching the next."""
        offsets = [0]
        for source in self.request.sources:
            offsets.append(offsets[-1] + len(source.text) + 1)
        return offsets

    def flat(self, places: Iterable[SourceSpan]) -> list[Span]:
        """The places as ranges of one text, for figures over all sources."""
        return [
            Span(self._offsets[source] + start, self._offsets[source] + end) for source, start, end in places
        ]


def item_of_text(
    item_id: str,
    query: str,
    text: str,
    evidence: Iterable[Span],
    *,
    answers: tuple[tuple[str, ...], ...] = (),
    label: str = "",
    length: int = 0,
    depth: float | None = None,
    fields: dict[str, str] | None = None,
) -> Item:
    """An item whose context is one text."""
    return Item(
        id=item_id,
        request=Request((Source(text),), query, id=item_id),
        evidence=tuple(SourceSpan(0, start, end) for start, end in evidence),
        answers=answers,
        label=label,
        length=length,
        depth=depth,
        fields=fields or {},
    )
