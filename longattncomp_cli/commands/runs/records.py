"""Run a batch of records, or its part, and say how it went."""

from __future__ import annotations

from contextlib import ExitStack

from longattncomp_cli.commands.runs.inputs import count_records, open_records
from longattncomp_cli.commands.runs.run import Run
from longattncomp_cli.commands.terminal.console import StdoutLines, stdin_bytes
from longattncomp_cli.commands.terminal.progress import record_progress
from longattncomp_cli.core.batch.jobs import JobKind
from longattncomp_cli.core.batch.run import BatchCounts, BatchOutputs, Results, in_turn, run_batch
from longattncomp_cli.core.batch.shards import Shard, begin_shard, finish_shard, join_shards
from longattncomp_cli.core.inputs.gather import InputFile
from longattncomp_cli.errors import RecordsFailedError, UsageError


def run_records(kind: JobKind, run: Run, files: list[InputFile]) -> None:
    """Run a batch, or its part, here or on Ray, and report how it went.

    Raises:
        RecordsFailedError: some records failed; their errors stand in their places.
    """
    check_record_outputs(run)
    if run.shard is not None and run.shard.is_all:
        _join(run, run.shard)
        return
    counts = BatchCounts()
    with ExitStack() as stack:
        results, settings = _engine(kind, run, files, stack)
        if run.shard is not None and run.output is not None:
            begin_shard(run.shard, run.output, settings=settings, files=files)
        advance = stack.enter_context(record_progress(count_records(run, files), quiet=run.quiet))
        run_batch(
            open_records(run, files),
            results,
            _outputs(run, settings),
            StdoutLines(),
            fail_fast=run.fail_fast,
            on_done=lambda now: advance(now.done + now.failed + now.skipped, now.failed),
            counts=counts,
        )
    if run.shard is not None and run.output is not None:
        finish_shard(run.shard, run.output, settings=settings, failed=counts.failed)
    _note_counts(run, counts)
    # Where every record failed there is one reason rather than many: what to type against the first helps.
    hint = "" if counts.done else counts.first_hint
    _report_failures(counts.failed, counts.first_failure or "in the earlier run", hint)


def _engine(kind: JobKind, run: Run, files: list[InputFile], stack: ExitStack) -> tuple[Results, str]:
    """What makes the lines of records, and the fingerprint of everything that decides them."""
    job = run.record_job(kind)
    if run.engine == "local":
        process, settings = job.load(run.on_note)
        return in_turn(process), settings
    from longattncomp_cli.core.batch.ray_engine import RayEngine

    engine = stack.enter_context(
        RayEngine(job, files, stdin_bytes, limit=run.limit, shard=run.shard, workers=run.workers)
    )
    return engine.results, engine.settings


def _note_counts(run: Run, counts: BatchCounts) -> None:
    skipped = f", {counts.skipped} were there already" if counts.skipped else ""
    where = f" → {run.output_file}" if run.output else ""
    run.on_note(f"{counts.done} records done{skipped}, {counts.failed} failed{where}")
    if counts.warned:
        listed = ", ".join(f"{code} in {count}" for code, count in sorted(counts.warned.items()))
        run.on_note(f"records carry warnings: {listed}")


def _join(run: Run, shard: Shard) -> None:
    """Join finished shards, and their reports."""
    assert run.output is not None
    counts = join_shards(shard, run.output)
    if run.report is not None:
        join_shards(shard, run.report, marked_by=run.output)
    run.on_note(f"{counts['records']} records of {shard.count} shards → {run.output}")
    _report_failures(counts["failed"], "see its line")


def _report_failures(failed: int, first: str, hint: str = "") -> None:
    if failed:
        raise RecordsFailedError(
            f"{failed} records failed, the first: {first}",
            hint=hint or "their lines hold the error; --fail-fast stops at the first",
        )


def check_record_outputs(run: Run) -> None:
    """Refuse before any work what could not be written after it.

    Raises:
        OutputError: an output exists, or cannot be made.
        UsageError: a page of many texts is asked for.
    """
    if run.html is not None:
        raise UsageError(
            "--html shows one text, and the input is a batch of records",
            hint="save one record's context as a .txt file and name that",
        )
    _outputs(run, "").check()


def _outputs(run: Run, settings: str) -> BatchOutputs:
    return BatchOutputs(
        output=run.output_file,
        report=run.report_file,
        overwrite=run.overwrite,
        resume=run.resume,
        settings=settings,
    )
