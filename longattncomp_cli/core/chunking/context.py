"""Tokenise the sources of a request and cut them into chunks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from longattncomp_cli.core.chunking.chunks import ChunkedSource, ContextTokens, SnapLevel, Tokens
from longattncomp_cli.core.chunking.cutter import chunk_source
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.errors import InputError

Tokenize = Callable[[Sequence[str]], list[Tokens]]
"""Tokenises texts without special tokens; a backbone's."""

_TITLE_TOKENS = 48


def tokenize_context(
    sources: Sequence[Source], tokenize: Tokenize, *, chunk_tokens: int, snap: SnapLevel
) -> ContextTokens:
    """Tokenise and chunk the contexts of sources.

    Args:
        sources: at least one.
        tokenize: of the backbone that will read them.
        chunk_tokens, snap: see :func:`~longattncomp_cli.core.chunking.cutter.chunk_source`.

    Raises:
        InputError: there is nothing but white space.
    """
    regions = [source.context_span for source in sources]
    texts = [source.text[r.start : r.end] for source, r in zip(sources, regions, strict=True)]
    chunked: list[ChunkedSource] = []
    num_chunks = 0
    for index, (tokens, region) in enumerate(zip(tokenize(texts), regions, strict=True)):
        part = chunk_source(
            sources[index],
            Tokens(tokens.ids, tokens.starts + region.start) if region.start else tokens,
            source_index=index,
            first_index=num_chunks,
            chunk_tokens=chunk_tokens,
            snap=snap,
        )
        num_chunks += len(part.chunks)
        chunked.append(part)
    if not any(len(part.tokens.ids) for part in chunked):
        raise InputError("the context is empty", hint="pass a text with words in it", code="empty-context")
    return ContextTokens(tuple(chunked), title_tokens([source.title for source in sources], tokenize))


def title_tokens(titles: Sequence[str], tokenize: Tokenize) -> tuple[list[int], ...]:
    """The first tokens of each title, as read before a source's first chunk."""
    return tuple(tokens.ids[:_TITLE_TOKENS].tolist() for tokens in tokenize(titles))
