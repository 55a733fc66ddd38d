"""Data that is written as letters (images in base64, long numbers) is folded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.inputs.views import blobs
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.text.spans import SourceSpan, Span

FindKept = Callable[[str], Sequence[Span]]
"""What the user's patterns match in a text."""


def fold_source(source: Source, must_stay: Sequence[Span] = ()) -> Source:
    """The source with marks in the places of its data; the same one where it holds none.

    Args:
        source: what is a view already, or the context of a prompt, is left as it is.
        must_stay: no data that touches one of these is folded.
    """
    if source.view is not None or source.context_region is not None:
        return source
    view = blobs.read(source.text, must_stay)
    return source if view is None else replace(source, text=view.text, view=view)


def fold_request(request: Request, find_kept: FindKept) -> Request:
    """A request with its sources folded; what it keeps stays whole, and is found where it is then.

    Args:
        request: its ``keep`` counts characters of the sources as they came.
        find_kept: what else must stay of a text.
    """
    sources = []
    for number, source in enumerate(request.sources):
        given = [Span(start, end) for of, start, end in request.keep if of == number]
        is_wrong = any(span.end > len(source.text) for span in given)  # said where it is looked for
        sources.append(source if is_wrong else fold_source(source, [*given, *find_kept(source.text)]))
    if all(new is old for new, old in zip(sources, request.sources, strict=True)):
        return request
    keep = tuple(
        span if (view := sources[span.source].view) is None
        # The end by its last character: what is folded may begin right behind it.
        else SourceSpan(span.source, view.from_file(span.start), view.from_file(span.end - 1) + 1)
        for span in request.keep
        if span.end > span.start
    )  # fmt: skip
    return replace(request, sources=tuple(sources), keep=keep)
