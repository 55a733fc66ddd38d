"""``score --explain``: which chunk is meant, and where its score comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from longattncomp_cli.errors import UsageError

if TYPE_CHECKING:
    from longattncomp_cli.core.chunking.chunks import Chunk
    from longattncomp_cli.core.compressor import Compressor
    from longattncomp_cli.core.results.compression import Scored
    from longattncomp_cli.core.scoring.explain.chunk import Explanation


def explained_chunk(compressor: Compressor, scored: Scored, reference: ChunkReference) -> Explanation:
    """Explain the chunk that the user means; reads the text once more."""
    index = find_chunk(scored, reference)
    from longattncomp_cli.core.scoring.explain.chunk import explain

    return explain(compressor.scorer, scored.request, index, scored.scores.sufficiency)


@dataclass(frozen=True)
class ChunkReference:
    """How the user names a chunk."""

    written: str
    """As typed."""
    kind: Literal["rank", "index", "line"]
    """What the number is."""
    number: int
    name: str = ""
    """The source of the line, or how its name ends."""


def parse_chunk_reference(written: str) -> ChunkReference:
    """Read ``3`` (a rank), ``@17`` (an index) or ``notes.md:120`` (a line).

    Raises:
        UsageError: it is none of these.
    """
    name, colon, number = written.rpartition(":")
    kind: Literal["rank", "index", "line"] = (
        "line" if colon else "index" if number.startswith("@") else "rank"
    )
    number = number.removeprefix("@") if kind == "index" else number
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        hint = "a rank such as 1, an index such as @17, or a line such as notes.md:120"
        raise UsageError(f"--explain {written!r} names no chunk", hint=hint)
    return ChunkReference(written, kind, int(number), name)


def find_chunk(scored: Scored, reference: ChunkReference) -> int:
    """The index of the chunk that is meant; of several on a line the best.

    Raises:
        UsageError: there is no such chunk.
    """
    chunks, ranks, sources = scored.scores.chunks, scored.scores.ranks, scored.request.sources

    def is_meant(chunk: Chunk) -> bool:
        if reference.kind != "line":
            return reference.number == (chunk.index if reference.kind == "index" else int(ranks[chunk.index]))
        source = sources[chunk.source]
        last = source.line_of(max(chunk.start, chunk.end - 1))
        return (
            source.name.endswith(reference.name) and source.line_of(chunk.start) <= reference.number <= last
        )

    found = [chunk.index for chunk in chunks if is_meant(chunk)]
    if not found:
        hint = f"there are {len(chunks):,} chunks"
        raise UsageError(f"--explain {reference.written}: there is no such chunk", hint=hint)
    return min(found, key=lambda index: int(ranks[index]))
