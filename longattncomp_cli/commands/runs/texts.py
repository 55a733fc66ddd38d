"""Score or compress one text: read it, run, and write what was asked for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from longattncomp_cli.commands.options.common import ShowName
from longattncomp_cli.commands.runs.explain import ChunkReference, explained_chunk
from longattncomp_cli.commands.runs.inputs import conversation_in, note_records, read_sources, text_request
from longattncomp_cli.commands.runs.run import Run
from longattncomp_cli.commands.terminal import views
from longattncomp_cli.commands.terminal.chunk_table import scored_table
from longattncomp_cli.commands.terminal.console import StdoutLines, console, print_text
from longattncomp_cli.commands.terminal.explain_table import explain_table
from longattncomp_cli.commands.terminal.progress import token_progress
from longattncomp_cli.core.files.output_files import refuse_existing, write_file
from longattncomp_cli.core.files.paths import name_when_unpacked
from longattncomp_cli.core.inputs.gather import InputFile
from longattncomp_cli.core.prompts.folding import fold_source
from longattncomp_cli.core.results.page.heat_map import heat_map_page
from longattncomp_cli.core.results.report import explain_report, score_report
from longattncomp_cli.errors import UsageError

if TYPE_CHECKING:
    from longattncomp_cli.core.compressor import Compressor
    from longattncomp_cli.core.prompts.request import Request
    from longattncomp_cli.core.results.compression import Compression, Scored

_TABLE_ROWS = 12


def score_text(
    run: Run, files: list[InputFile], *, as_json: bool, rows: int, explained: ChunkReference | None
) -> None:
    """Score the chunks of a text, and print a table or JSON.

    Args:
        run: the call.
        files: the text's sources.
        as_json: print JSON instead of a table.
        rows: of the table, at most.
        explained: the chunk whose score is explained, or ``None``.
    """
    run, compressor, request = _read_text(run, files)
    with token_progress("reading", quiet=run.quiet) as advance:
        scored = compressor.score(request, on_tokens=advance)
    _note_warnings(run, scored)
    report = score_report(scored)
    explanation = None
    if explained is not None:
        explanation = explained_chunk(compressor, scored, explained)
        report["explain"] = explain_report(explanation)
    write_side_outputs(run, scored)
    if run.output is not None:
        write_file(run.output, json_bytes(report, run.output))
    out = console(stderr=False)
    if as_json and run.output is None:
        StdoutLines().write(json_bytes(report))
    elif explanation is not None and not as_json:
        out.print(explain_table(scored, explanation, rows=rows, width=out.width))
    elif not as_json:
        out.print(scored_table(scored, top=rows, width=out.width, hint="--top"))


def compress_text(run: Run, files: list[InputFile], show: ShowName | None) -> None:
    """Compress a text, and print it or write it to the output.

    Args:
        run: the call.
        files: the text's sources.
        show: what a person is shown beside it; ``None`` is the table where stderr is a terminal.
    """
    if run.settings.budget is None and run.settings.rule.mode == "budget":
        raise UsageError(
            "no budget", hint="add --budget 4000, 16k or 12.5%, or --select top-p", code="missing-budget"
        )
    run, compressor, request = _read_text(run, files)
    with token_progress("reading", quiet=run.quiet) as advance:
        result = compressor.compress(request, on_tokens=advance)
    _note_warnings(run, result)
    if not result.selection.kept and result.request.sources:  # not of a chat that is a question alone
        why = "the budget has no room" if result.selection.stop == "budget" else "no chunk passed --select"
        run.on_note(f"nothing was kept: {why} {result.mode}")
    write_side_outputs(run, result.scored)
    is_viewed = show in ("text", "diff")
    if run.output is not None:
        write_file(run.output, result.text.encode("utf-8"))
    elif not (is_viewed and sys.stdout.isatty()):
        print_text(result.text)
    if show is None and sys.stderr.isatty() and not run.quiet:
        show = "table"
    _show(result, show, stderr=not is_viewed or (run.output is None and not sys.stdout.isatty()))


def _read_text(run: Run, files: list[InputFile]) -> tuple[Run, Compressor, Request]:
    """The text's request, and what the run and the compressor are for it.

    Raises:
        InputError: a file cannot be read.
        OutputError, UsageError: see :func:`check_text_outputs`.
    """
    check_text_outputs(run)
    sources = read_sources(run, files)
    conversation = conversation_in(run, sources)
    if conversation is None:
        note_records(run, sources)
    if conversation is None and run.input_format != "text":
        sources = tuple(fold_source(each, run.settings.keep.matches(each.text)) for each in sources)
    run = run.for_files(files, len(sources))
    compressor = run.load_compressor()
    request = text_request(sources, run, compressor, conversation)
    return run, compressor.for_request(request), request


def _show(result: Compression, show: ShowName | None, *, stderr: bool) -> None:
    out = console(stderr=stderr)
    if show == "text" or show == "diff":
        for line in views.show(result, show):
            out.print(line, soft_wrap=True)
    elif show == "table":
        out.print(scored_table(result.scored, top=_TABLE_ROWS, width=out.width))


def _note_warnings(run: Run, result: Scored | Compression) -> None:
    for warning in result.warnings:
        run.on_note(f"{warning.message} [{warning.code}]")


def check_text_outputs(run: Run) -> None:
    """Refuse before any work what could not be written after it.

    Raises:
        OutputError: an output exists, or cannot be made.
        UsageError: ``--resume``, ``--shard`` or another engine with text.
    """
    if run.resume:
        raise UsageError(
            "--resume continues a batch of records, not a text", hint="drop --resume, or add --overwrite"
        )
    if run.shard is not None or run.engine != "local":
        name = "--shard" if run.shard is not None else "--engine"
        raise UsageError(f"{name} is for a batch of records, not for a text", hint=f"drop {name}")
    for path in (run.output, run.report, run.html):
        if path is not None:
            refuse_existing(path, overwrite=run.overwrite)


def write_side_outputs(run: Run, scored: Scored) -> None:
    """Write the report and the page, where they are asked for."""
    if run.report is not None:
        write_file(run.report, json_bytes(score_report(scored), run.report))
    if run.html is not None:
        write_file(run.html, heat_map_page(scored))
        run.on_note(f"heat map → {run.html}")


def json_bytes(value: object, path: Path | None = None) -> bytes:
    """A report as one line for standard output and ``.jsonl``, indented for any other name."""
    is_line = path is None or name_when_unpacked(path.name).endswith(".jsonl")
    indent = 0 if is_line else orjson.OPT_INDENT_2
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE | indent)
