"""The table of ``score --explain``: where the score of one chunk comes from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from longattncomp_cli.commands.terminal.console import isolated, safe, shortened

if TYPE_CHECKING:
    from longattncomp_cli.core.results.compression import Scored
    from longattncomp_cli.core.scoring.explain.chunk import Explanation
    from longattncomp_cli.core.scoring.explain.hop import HopExplanation

_WORDS = 4
_BAR = 10


def explain_table(scored: Scored, explanation: Explanation, *, rows: int, width: int) -> RenderableType:
    """The query's words, those that add most first, and where in the chunk they look."""
    chunk = scored.scores.chunks[explanation.chunk]
    source = scored.request.sources[chunk.source]
    first, last = source.line_of(chunk.start), source.line_of(max(chunk.start, chunk.end - 1))
    rank, score = int(scored.scores.ranks[chunk.index]), float(scored.scores.scores[chunk.index])
    place = f"{isolated(safe(source.name))}:{first}-{last}"
    head = f"rank {rank} of {len(scored.scores.chunks)}, {place}, score {score:.4f}"
    table = Table(box=None, pad_edge=False, show_edge=False)
    for title, justify in (("query word", "left"), ("weight", "right"), ("mass", "right"), ("adds", "right")):
        table.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("", width=_BAR)
    table.add_column("from its words", no_wrap=True)
    ranked = sorted(explanation.words, key=lambda word: (-word.adds, word.start))
    most = max(1e-12, max(abs(word.adds) for word in ranked))
    for word in ranked[:rows]:
        parts = ", ".join(
            f"{isolated(safe(_shown(part.text)))} {part.share:.0%}"
            for part in word.words[:_WORDS]
            if part.share >= 0.01
        )
        bar = "█" * round(abs(word.adds) / most * _BAR)
        table.add_row(
            Text(isolated(shortened(safe(_shown(word.text)), 24))),
            f"{word.weight:.0%}",
            f"{word.mass:.1%}",
            f"{word.adds:+.3f}",
            Text(bar, style="cyan" if word.adds >= 0 else "dim"),
            Text(shortened(parts, max(20, width - 60))),
        )
    if len(ranked) > rows:
        rest = sum(word.adds for word in ranked[rows:])
        table.add_row(Text(f"{len(ranked) - rows} more", style="dim"), "", "", f"{rest:+.3f}", "", "")
    for name, adds in explanation.exact:
        table.add_row(
            Text(isolated(shortened(safe(name), 24))), "", "", f"{adds:+.3f}", "", Text("the whole name")
        )
    text = shortened(safe(source.text[chunk.start : chunk.end]), width)
    lines = [Text(_sum(explanation))]
    if explanation.hop is not None:
        lines.append(Text(_hop_line(scored, explanation.hop)))
    return Group(Text(head, style="bold"), Text(isolated(text), style="dim"), table, *lines)


def _hop_line(scored: Scored, hop: HopExplanation) -> str:
    """What the second hop did, and the words of other chunks that boosted this one, with where they stand."""
    found: dict[str, list[str]] = {}
    for word in hop.words[:_WORDS]:
        source = scored.request.sources[scored.scores.chunks[word.chunk].source]
        if word.share >= 0.01:
            text = isolated(shortened(safe(_shown(source.text[word.start : word.end])), 24))
            place = f"{isolated(safe(source.name))}:{source.line_of(word.start)}"
            found.setdefault(place, []).append(f"{text} {word.share:.0%}")
    by = "; ".join(f"{', '.join(words)} of {place}" for place, words in found.items())
    effect = f"second hop: {hop.boost:.2f} times from rank {hop.rank} (at most {hop.max_boost:.2f})"
    seed = ", itself a seed" if hop.is_seed else ""
    return f"{effect}{seed}" + (f", boosted by {by}" if by else "")


def _shown(word: str) -> str:
    """A word as it stands; white space, which is a token of its own in many decoders, as a sign."""
    return word if word.strip() else "".join("↵" if sign in "\r\n" else "␣" for sign in word)


def _sum(explanation: Explanation) -> str:
    total = explanation.score - explanation.baseline + sum(adds for _, adds in explanation.exact)
    if explanation.unit == "mass":
        return f"sum {total:.4f}: the chunk's share of the attention"
    factor = math.exp(min(total, 700.0))
    times = f"{factor:,.0f}" if factor >= 10 else f"{factor:.2f}"
    return f"sum {total:+.3f}: {times} times an average chunk, before neighbours and other chunks count"
