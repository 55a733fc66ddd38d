"""The table of a scored text: its best chunks, and the bar of the budget."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from longattncomp_cli.commands.terminal.console import isolated, safe, shortened
from longattncomp_cli.commands.terminal.views import HeatStrip
from longattncomp_cli.core.results.report import score_report
from longattncomp_cli.core.text.graphemes import cluster_ends

if TYPE_CHECKING:
    from longattncomp_cli.core.results.compression import Scored

_BAR_WIDTH = 40
_SCORE_BAR_WIDTH = 10
_PLACE_WIDTH, _LEAST_PLACE_WIDTH = 34, 16
_LEAST_PREVIEW_WIDTH = 16
_NUMBERS_WIDTH = 40
"""What the other columns and the gaps take."""
_PREVIEW_CHARS = 120


def scored_table(scored: Scored, *, top: int, width: int, hint: str = "") -> RenderableType:
    """One scored text: a strip of its heat, and the table of its chunks.

    Args:
        scored: the text and its scores.
        top: rows at most.
        width: of the terminal, in columns.
        hint: an option that takes a number of rows, named where some are left out.
    """
    selection, renderer, sources = scored.selection, scored.renderer, scored.request.sources
    previews = [
        sources[chunk.source].text[chunk.start : min(chunk.end, chunk.start + _PREVIEW_CHARS)]
        for chunk in scored.scores.chunks
    ]
    summary = {
        "budget": scored.budget,
        "num_tokens": None if selection is None else renderer.count(selection.kept),
        "original_tokens": renderer.original_tokens,
        "kept": 0 if selection is None else len({span.chunk.index for span in selection.kept}),
        "stop": "" if selection is None else selection.stop,
        "tokenizer": renderer.tokenizer.name,
    }
    table = _chunk_table(
        score_report(scored),
        previews,
        [source.name for source in sources],
        top=top,
        width=width,
        hint=hint,
        summary=summary,
    )
    return Group(HeatStrip(scored), table)


def _chunk_table(
    report: dict[str, Any],
    previews: list[str],
    names: list[str],
    *,
    top: int,
    width: int,
    hint: str,
    summary: dict[str, Any],
) -> Group:
    """The best chunks of one report, and the budget bar.

    Args:
        report: from :func:`longattncomp_cli.core.results.report.score_report`.
        previews: the beginning of each chunk's text.
        names: of the sources.
        top: rows at most.
        width: of the terminal, in columns.
        hint: see :func:`scored_table`.
        summary: ``budget``, ``num_tokens``, ``original_tokens``, ``kept``, ``stop``, ``tokenizer``.
    """
    ranked = sorted(report["chunks"], key=lambda chunk: chunk["rank"])
    selected = "kept" in report["chunks"][0]
    table = Table(box=None, pad_edge=False, expand=False, show_edge=False)
    if selected:
        table.add_column("")
    table.add_column("rank", justify="right", no_wrap=True)
    table.add_column("source:lines", no_wrap=True)
    table.add_column("tokens", justify="right", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("", width=_SCORE_BAR_WIDTH)
    place_width, preview_width = _text_widths(width)
    if preview_width:
        table.add_column("begins with", no_wrap=True)
    best = max(ranked[0]["score"], 1e-12)
    for chunk in ranked[:top]:
        kept = chunk.get("kept", True)
        lines = f"{chunk['line_start']}-{chunk['line_end']}"
        name = _end_of(safe(names[chunk["source"]]), place_width - len(lines) - 1)
        cells: list[RenderableType] = (
            [Text("●" if kept else "·", style="green" if kept else "dim")] if selected else []
        )
        cells += [
            str(chunk["rank"]),
            Text(f"{isolated(name)}:{lines}" if name else lines),
            str(chunk["num_tokens"]),
            f"{chunk['score']:.4f}",
            Text(_bar(chunk["score"] / best, _SCORE_BAR_WIDTH), style="cyan"),
        ]
        if preview_width:
            cells.append(Text(isolated(shortened(safe(previews[chunk["index"]]), preview_width))))
        table.add_row(*cells, style="" if kept else "dim")
    parts: list[RenderableType] = [table]
    if len(ranked) > top:
        rest = f"… {len(ranked) - top} more chunks"
        parts.append(Text(f"{rest} ({hint} {len(ranked)} shows all)" if hint else rest, style="dim"))
    return Group(*parts, *_budget_lines(report, summary))


def _text_widths(width: int) -> tuple[int, int]:
    """Columns for a chunk's place and its beginning; none for the latter where both do not fit."""
    room = width - _NUMBERS_WIDTH
    place = min(_PLACE_WIDTH, max(_LEAST_PLACE_WIDTH, room - _LEAST_PREVIEW_WIDTH))
    if room - place >= _LEAST_PREVIEW_WIDTH:
        return place, room - place
    return min(_PLACE_WIDTH, max(_LEAST_PLACE_WIDTH, room)), 0


def _end_of(name: str, width: int) -> str:
    """The end of a name, of so many columns at most."""
    ends = [0, *cluster_ends(name).tolist()]
    start = next((at for at in ends if cell_len(name[at:]) <= width - (at > 0)), len(name))
    return "…" + name[start:] if start else name


def _budget_lines(report: dict[str, Any], summary: dict[str, Any]) -> Iterator[Text]:
    """What was kept of what, as a bar."""
    if "confidence" in report:
        yield Text(f"confidence {report['confidence']:.2f}")
    if summary["num_tokens"] is None:
        yield Text(
            f"{summary['original_tokens']:,} tokens ({summary['tokenizer']}), {len(report['chunks'])} chunks"
        )
        return
    used, whole = summary["num_tokens"], max(1, summary["original_tokens"])
    limit = summary["budget"] or used
    yield Text.assemble(
        "budget ",
        (_bar(used / max(1, limit), _BAR_WIDTH), "green"),
        f" {used:,} of {limit:,} tokens",
    )
    yield Text(
        f"kept {summary['kept']} of {len(report['chunks'])} chunks, {used / whole:.1%} of {whole:,} tokens "
        f"({summary['tokenizer']}); stopped by {summary['stop']}"
    )


def _bar(share: float, width: int) -> str:
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")).ljust(width, "░" if width == _BAR_WIDTH else " ")
