"""Everything a person sees: tables, bars, notes and progress. The only room that knows Rich.

Text of documents reaches a terminal here, so it is stripped of control characters and never parsed as markup.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from longattncomp_cli.core.files.output_files import explain_os_error
from longattncomp_cli.errors import LongAttnCompError, OutputError, UsageError

# C0 and C1 controls, and the characters that reorder or hide text.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+")
_PIPED_WIDTH = 110
_BAR_WIDTH = 40
_SCORE_BAR_WIDTH = 10
_PLACE_WIDTH = 34


def safe(text: str) -> str:
    """The text on one line, without anything that could style or move a terminal."""
    return re.sub(r"\s+", " ", _UNSAFE.sub(" ", text)).strip()


def console(*, stderr: bool) -> Console:
    """A console on the stream as it is now; plain and of fixed width where it is not a terminal."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PIPED_WIDTH
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=width)


def print_error(error: LongAttnCompError) -> None:
    """One sentence of what is wrong, and what to type next."""
    out = console(stderr=True)
    out.print(Text.assemble(("error: ", "bold red"), safe(error.message)), soft_wrap=True)
    if error.hint:
        out.print(Text.assemble(("  try: ", "bold"), safe(error.hint)), soft_wrap=True)


def print_note(text: str) -> None:
    """A remark on stderr."""
    console(stderr=True).print(Text(f"note: {safe(text)}", style="dim"), soft_wrap=True)


def noter(*, quiet: bool) -> Callable[[str], None]:
    """A function that prints notes, or none."""
    return (lambda text: None) if quiet else print_note


def stdin_bytes() -> BinaryIO:
    """Standard input as bytes.

    Raises:
        UsageError: it is closed.
    """
    if sys.stdin is None:
        raise UsageError("standard input is closed", hint="name a file")
    return sys.stdin.buffer


class StdoutLines:
    """Writes lines to standard output, each at once."""

    def write(self, line: bytes) -> None:
        """Write one line, with its end."""
        _write_stdout(line)


def print_text(text: str) -> None:
    """Write a document's text to standard output, exactly: line ends as they are, nothing added."""
    _write_stdout(text.encode("utf-8"))


def _write_stdout(content: bytes) -> None:
    """Write and flush.

    Raises:
        BrokenPipeError: the reader has left.
        ResourceError: the device is full.
        OutputError: it is closed, or fails otherwise.
    """
    if sys.stdout is None:
        raise OutputError("standard output is closed", hint="use --output FILE")
    try:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        abandon_stdout()
        raise explain_os_error("standard output", error) from error


def abandon_stdout() -> None:
    """Send what is left in Python's buffer nowhere, or it would complain once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def chunk_table(
    report: dict[str, Any],
    previews: list[str],
    names: list[str],
    *,
    top: int,
    width: int,
    summary: dict[str, Any],
) -> Group:
    """The best chunks of one report, and the budget bar.

    Args:
        report: from :func:`longattncomp_cli.core.results.report.score_report`.
        previews: the beginning of each chunk's text.
        names: of the sources.
        top: rows at most.
        width: of the terminal, in columns.
        summary: ``budget``, ``num_tokens``, ``original_tokens``, ``kept``, ``stop``, ``tokenizer``.
    """
    ranked = sorted(report["chunks"], key=lambda chunk: chunk["rank"])
    selected = "kept" in report["chunks"][0]
    table = Table(box=None, pad_edge=False, expand=False, show_edge=False)
    if selected:
        table.add_column("")
    table.add_column("rank", justify="right")
    table.add_column("source:lines", no_wrap=True)
    table.add_column("tokens", justify="right")
    table.add_column("score", justify="right")
    table.add_column("", width=_SCORE_BAR_WIDTH)
    table.add_column("begins with", no_wrap=True)
    preview_width = max(16, width - _PLACE_WIDTH - _SCORE_BAR_WIDTH - 30)
    best = max(ranked[0]["score"], 1e-12)
    for chunk in ranked[:top]:
        kept = chunk.get("kept", True)
        name = safe(names[chunk["source"]])
        place = (
            f"{name}:{chunk['line_start']}-{chunk['line_end']}"
            if name
            else f"{chunk['line_start']}-{chunk['line_end']}"
        )
        cells: list[RenderableType] = (
            [Text("●" if kept else "·", style="green" if kept else "dim")] if selected else []
        )
        cells += [
            str(chunk["rank"]),
            Text(place if len(place) <= _PLACE_WIDTH else "…" + place[1 - _PLACE_WIDTH :]),
            str(chunk["num_tokens"]),
            f"{chunk['score']:.4f}",
            Text(_bar(chunk["score"] / best, _SCORE_BAR_WIDTH), style="cyan"),
            Text(shortened(safe(previews[chunk["index"]]), preview_width)),
        ]
        table.add_row(*cells, style="" if kept else "dim")
    parts: list[RenderableType] = [table]
    if len(ranked) > top:
        parts.append(Text(f"… {len(ranked) - top} more chunks (--top {len(ranked)} shows all)", style="dim"))
    return Group(*parts, *budget_lines(report, summary))


def budget_lines(report: dict[str, Any], summary: dict[str, Any]) -> Iterator[Text]:
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


def shortened(text: str, width: int = 72) -> str:
    """The text, cut to ``width`` terminal columns."""
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"


def _bar(share: float, width: int) -> str:
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")).ljust(width, "░" if width == _BAR_WIDTH else " ")


@contextmanager
def token_progress(label: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar over tokens, on stderr where that is a terminal."""
    with _progress(quiet=quiet) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def record_progress(total: int | None, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar over records; hears (records finished, records that failed)."""
    with _progress(quiet=quiet) as progress:
        task = progress.add_task("records", total=total)

        def update(finished: int, failed: int) -> None:
            label = f"records ({failed} failed)" if failed else "records"
            progress.update(task, completed=finished, description=label)

        yield update


def _progress(*, quiet: bool) -> Progress:
    out = console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        TextColumn("{task.completed:,.0f}"),
        TimeRemainingColumn(),
        console=out,
        transient=True,
        disable=quiet or not out.is_terminal,
    )


@contextmanager
def step_progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar that hears (what is worked on, steps finished, steps in all)."""
    with _progress(quiet=quiet) as progress:
        task = progress.add_task("starting", total=None)

        def advance(label: str, done: int, total: int) -> None:
            progress.update(task, description=safe(label), completed=done, total=total or None)

        yield advance
