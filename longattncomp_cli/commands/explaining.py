"""``score --explain``: find the chunk that is meant, and show where its score comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from longattncomp_cli.commands.output import safe, shortened
from longattncomp_cli.core.results.report import JsonObject, rounded
from longattncomp_cli.errors import UsageError

if TYPE_CHECKING:
    from longattncomp_cli.core.chunking.chunks import Chunk
    from longattncomp_cli.core.compressor import Compressor
    from longattncomp_cli.core.results.compression import Scored
    from longattncomp_cli.core.scoring.explain import Explanation
    from longattncomp_cli.core.scoring.explain_hop import HopExplanation

_WORDS = 4
_REPORTED_WORDS = 12
_BAR = 10


def explained_chunk(compressor: Compressor, scored: Scored, wanted: Wanted) -> Explanation:
    """Explain the chunk that the user means; reads the text once more."""
    index = find_chunk(scored, wanted)
    from longattncomp_cli.core.scoring.explain import explain

    return explain(compressor.scorer, scored.request, index, scored.scores.enough)


@dataclass(frozen=True)
class Wanted:
    """How the user names a chunk: ``kind`` is ``rank``, ``index`` or ``line`` (of the source ``name``)."""

    written: str
    kind: str
    number: int
    name: str = ""


def parse_wanted(written: str) -> Wanted:
    """Read ``3`` (a rank), ``@17`` (an index) or ``notes.md:120`` (a line).

    Raises:
        UsageError: it is none of these.
    """
    name, colon, number = written.rpartition(":")
    kind = "line" if colon else "index" if number.startswith("@") else "rank"
    number = number.removeprefix("@") if kind == "index" else number
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        hint = "a rank such as 1, an index such as @17, or a line such as notes.md:120"
        raise UsageError(f"--explain {written!r} names no chunk", hint=hint)
    return Wanted(written, kind, int(number), name)


def find_chunk(scored: Scored, wanted: Wanted) -> int:
    """The index of the chunk that is meant; of several on a line the best.

    Raises:
        UsageError: there is no such chunk.
    """
    chunks, ranks, sources = scored.scores.chunks, scored.scores.ranks, scored.request.sources

    def is_meant(chunk: Chunk) -> bool:
        if wanted.kind != "line":
            return wanted.number == (chunk.index if wanted.kind == "index" else int(ranks[chunk.index]))
        source = sources[chunk.source]
        last = source.line_of(max(chunk.start, chunk.end - 1))
        return source.name.endswith(wanted.name) and source.line_of(chunk.start) <= wanted.number <= last

    found = [chunk.index for chunk in chunks if is_meant(chunk)]
    if not found:
        hint = f"there are {len(chunks):,} chunks"
        raise UsageError(f"--explain {wanted.written}: there is no such chunk", hint=hint)
    return min(found, key=lambda index: int(ranks[index]))


def explain_report(explanation: Explanation) -> JsonObject:
    """The explanation as JSON, numbers rounded as in the score report."""
    return {
        "chunk": explanation.chunk,
        "unit": explanation.unit,
        "own": rounded(explanation.own),
        "baseline": rounded(explanation.baseline),
        "hop": None if explanation.hop is None else _hop_report(explanation.hop),
        "names": [{"text": name, "adds": rounded(adds)} for name, adds in explanation.names],
        "query_words": [
            {
                "text": word.text,
                "start": word.start,
                "end": word.end,
                "weight": rounded(word.weight),
                "mass": rounded(word.mass),
                "adds": rounded(word.adds),
                "words": [
                    {"text": part.text, "start": part.start, "end": part.end, "share": rounded(part.share)}
                    for part in word.words[:_REPORTED_WORDS]
                ],
            }
            for word in explanation.words
        ],
    }


def _hop_report(hop: HopExplanation) -> JsonObject:
    return {
        "raised": rounded(hop.raised),
        "most": rounded(hop.most),
        "rank": hop.rank,
        "asks": hop.asks,
        "words": [
            {"chunk": word.chunk, "start": word.start, "end": word.end, "share": rounded(word.share)}
            for word in hop.words[:_REPORTED_WORDS]
        ],
    }


def explain_table(scored: Scored, explanation: Explanation, *, rows: int, width: int) -> RenderableType:
    """The query's words, those that add most first, and where in the chunk they look."""
    chunk = scored.scores.chunks[explanation.chunk]
    source = scored.request.sources[chunk.source]
    first, last = source.line_of(chunk.start), source.line_of(max(chunk.start, chunk.end - 1))
    rank, score = int(scored.scores.ranks[chunk.index]), float(scored.scores.scores[chunk.index])
    head = (
        f"rank {rank} of {len(scored.scores.chunks)}, {safe(source.name)}:{first}-{last}, score {score:.4f}"
    )
    table = Table(box=None, pad_edge=False, show_edge=False)
    for title, justify in (("query word", "left"), ("weight", "right"), ("mass", "right"), ("adds", "right")):
        table.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("", width=_BAR)
    table.add_column("from its words", no_wrap=True)
    ranked = sorted(explanation.words, key=lambda word: (-word.adds, word.start))
    most = max(1e-12, max(abs(word.adds) for word in ranked))
    for word in ranked[:rows]:
        parts = ", ".join(
            f"{part.text} {part.share:.0%}" for part in word.words[:_WORDS] if part.share >= 0.01
        )
        bar = "█" * round(abs(word.adds) / most * _BAR)
        table.add_row(
            Text(shortened(safe(word.text), 24)),
            f"{word.weight:.0%}",
            f"{word.mass:.1%}",
            f"{word.adds:+.3f}",
            Text(bar, style="cyan" if word.adds >= 0 else "dim"),
            Text(shortened(safe(parts), max(20, width - 60))),
        )
    if len(ranked) > rows:
        rest = sum(word.adds for word in ranked[rows:])
        table.add_row(Text(f"{len(ranked) - rows} more", style="dim"), "", "", f"{rest:+.3f}", "", "")
    for name, adds in explanation.names:
        table.add_row(Text(shortened(safe(name), 24)), "", "", f"{adds:+.3f}", "", Text("the whole name"))
    text = shortened(safe(source.text[chunk.start : chunk.end]), width)
    lines = [Text(_sum(explanation))]
    if explanation.hop is not None:
        lines.append(Text(_hop_line(scored, explanation.hop)))
    return Group(Text(head, style="bold"), Text(text, style="dim"), table, *lines)


def _hop_line(scored: Scored, hop: HopExplanation) -> str:
    """What the second hop did, and the words that asked for this chunk with where they stand."""
    asked: dict[str, list[str]] = {}
    for word in hop.words[:_WORDS]:
        source = scored.request.sources[scored.scores.chunks[word.chunk].source]
        if word.share >= 0.01:
            text = shortened(safe(source.text[word.start : word.end]), 24)
            place = f"{safe(source.name)}:{source.line_of(word.start)}"
            asked.setdefault(place, []).append(f"{text} {word.share:.0%}")
    by = "; ".join(f"{', '.join(words)} of {place}" for place, words in asked.items())
    effect = f"second hop: {hop.raised:.2f} times from rank {hop.rank} (at most {hop.most:.2f})"
    own = ", one of the chunks that asked" if hop.asks else ""
    return f"{effect}{own}" + (f", asked for by {by}" if by else "")


def _sum(explanation: Explanation) -> str:
    total = explanation.own - explanation.baseline + sum(adds for _, adds in explanation.names)
    if explanation.unit == "mass":
        return f"sum {total:.4f}: the chunk's share of the attention"
    factor = math.exp(min(total, 700.0))
    times = f"{factor:,.0f}" if factor >= 10 else f"{factor:.2f}"
    return f"sum {total:+.3f}: {times} times an average chunk, before neighbours and other chunks count"
