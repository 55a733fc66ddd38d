"""What ``score`` and ``compress`` do alike: run a batch of records, and show a table."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from longattncomp_cli.commands.inputs import count_records, open_records
from longattncomp_cli.commands.output import StdoutLines, print_note, record_progress
from longattncomp_cli.commands.run_options import RunOptions
from longattncomp_cli.commands.scale_options import Engine
from longattncomp_cli.core.inputs.gather import InputFile
from longattncomp_cli.errors import RecordsFailedError, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from longattncomp_cli.core.batch import BatchOutputs, Results
    from longattncomp_cli.core.results.compression import Scored
    from longattncomp_cli.core.shards import Shard

_PREVIEW_CHARS = 120


def run_records(command: str, options: RunOptions, files: list[InputFile]) -> None:
    """Run a batch, or its part, here or on Ray, and report how it went.

    Raises:
        RecordsFailedError: some records failed; their errors stand in their places.
    """
    from longattncomp_cli.commands.record_jobs import record_job
    from longattncomp_cli.core.batch import BatchCounts, in_turn, run_batch
    from longattncomp_cli.core.shards import begin_shard, finish_shard

    check_record_outputs(options)
    shard = options.part()
    if shard is not None and shard.is_all:
        _join(options, shard)
        return
    counts = BatchCounts()
    with ExitStack() as stack:
        if options.engine is Engine.RAY:
            from longattncomp_cli.commands.ray_engine import RayEngine

            engine = stack.enter_context(RayEngine(command, options, files))
            results: Results = engine.results
            settings = engine.settings
        else:
            process, settings = record_job(command, options)
            results = in_turn(process)
        if shard is not None and options.output is not None:
            begin_shard(shard, options.output, settings=settings, files=files)
        advance = stack.enter_context(record_progress(count_records(options, files), quiet=options.quiet))
        run_batch(
            open_records(options, files),
            results,
            _outputs(options, settings),
            StdoutLines(),
            fail_fast=options.fail_fast,
            on_done=lambda now: advance(now.done + now.failed + now.skipped, now.failed),
            counts=counts,
        )
    if shard is not None and options.output is not None:
        finish_shard(shard, options.output, settings=settings, failed=counts.failed)
    if not options.quiet:
        skipped = f", {counts.skipped} were there already" if counts.skipped else ""
        where = f" → {options.output_file()}" if options.output else ""
        print_note(f"{counts.done} records done{skipped}, {counts.failed} failed{where}")
    if counts.warned and not options.quiet:
        listed = ", ".join(f"{code} in {count}" for code, count in sorted(counts.warned.items()))
        print_note(f"records carry warnings: {listed}")
    _report_failures(counts.failed, counts.first_failure or "in the earlier run")


def _join(options: RunOptions, shard: Shard) -> None:
    """Join finished shards, and their reports."""
    from longattncomp_cli.core.shards import join_shards

    assert options.output is not None
    counts = join_shards(shard, options.output)
    if options.report is not None:
        join_shards(shard, options.report, marked_by=options.output)
    if not options.quiet:
        print_note(f"{counts['records']} records of {shard.count} shards → {options.output}")
    _report_failures(counts["failed"], "see its line")


def _report_failures(failed: int, first: str) -> None:
    if failed:
        raise RecordsFailedError(
            f"{failed} records failed, the first: {first}",
            hint="their lines hold the error; --fail-fast stops at the first",
        )


def check_text_outputs(options: RunOptions) -> None:
    """Refuse before any work what could not be written after it.

    Raises:
        OutputError: an output exists, or cannot be made.
        UsageError: ``--resume``, ``--shard`` or another engine with text.
    """
    from longattncomp_cli.core.files.output_files import refuse_existing

    if options.resume:
        raise UsageError(
            "--resume continues a batch of records, not a text", hint="drop --resume, or add --overwrite"
        )
    if options.shard is not None or options.engine is not Engine.LOCAL:
        name = "--shard" if options.shard is not None else "--engine"
        raise UsageError(f"{name} is for a batch of records, not for a text", hint=f"drop {name}")
    for path in options.outputs().values():
        refuse_existing(path, overwrite=options.overwrite)


def check_record_outputs(options: RunOptions) -> None:
    """The same for a batch of records.

    Raises:
        OutputError: an output exists, or cannot be made.
        UsageError: a page of many texts is asked for.
    """
    if options.html is not None:
        raise UsageError(
            "--html shows one text, and the input is a batch of records",
            hint="save one record's context as a .txt file and name that",
        )
    _outputs(options, "").check()


def write_side_outputs(options: RunOptions, scored: Scored) -> None:
    """Write the report and the page, where they are asked for."""
    from longattncomp_cli.core.files.output_files import write_file
    from longattncomp_cli.core.results.report import score_report

    if options.report is not None:
        write_file(options.report, json_bytes(score_report(scored), options.report))
    if options.html is not None:
        from longattncomp_cli.core.results.page.heat_map import heat_map_page

        write_file(options.html, heat_map_page(scored))
        if not options.quiet:
            print_note(f"heat map → {options.html}")


def json_bytes(value: object, path: Path | None = None) -> bytes:
    """A report as one line for standard output and ``.jsonl``, indented for any other name."""
    indent = 0 if path is None or path.suffix == ".jsonl" else orjson.OPT_INDENT_2
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE | indent)


def _outputs(options: RunOptions, settings: str) -> BatchOutputs:
    from longattncomp_cli.core.batch import BatchOutputs

    return BatchOutputs(
        output=options.output_file(),
        report=options.report_file(),
        overwrite=options.overwrite,
        resume=options.resume,
        settings=settings,
    )


def scored_table(scored: Scored, *, top: int, width: int) -> RenderableType:
    """One scored text: a strip of its heat, and the table of its chunks."""
    from rich.console import Group

    from longattncomp_cli.commands.output import chunk_table
    from longattncomp_cli.commands.views import HeatStrip
    from longattncomp_cli.core.results.report import score_report

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
    table = chunk_table(
        score_report(scored), previews, [s.name for s in sources], top=top, width=width, summary=summary
    )
    return Group(HeatStrip(scored), table)
