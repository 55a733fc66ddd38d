"""Run the benchmark: options in, a report in files and as tables on standard output."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from longattncomp_cli.benchmark.measuring.journal import JOURNAL_SUFFIX
from longattncomp_cli.benchmark.plan import make_plan
from longattncomp_cli.benchmark.request import BenchRequest
from longattncomp_cli.benchmark.targets.config import TargetConfig, default_cache
from longattncomp_cli.commands.options.bench import BenchOptions
from longattncomp_cli.commands.terminal.bench_tables import report_tables
from longattncomp_cli.commands.terminal.console import console, on_note
from longattncomp_cli.commands.terminal.progress import step_progress
from longattncomp_cli.core.files.output_files import refuse_existing
from longattncomp_cli.errors import OutputError, RecordsFailedError, UsageError


def run_bench(options: BenchOptions) -> None:
    """Check the options, measure, write the report and print its tables.

    Raises:
        UsageError: a name is unknown, a value is out of range, or a task lacks its file.
        RecordsFailedError: some items failed; the report counts them.
    """
    plan = make_plan(request_of(options))
    target = _target(options)
    _check_outputs(options)
    from longattncomp_cli.benchmark.session import Hooks, SessionFiles, run_session

    files = SessionFiles(output=options.output, html=options.html, resume=options.resume)
    with step_progress(quiet=options.quiet) as advance:
        hooks = Hooks(on_note(quiet=options.quiet), advance)
        session = run_session(plan, files, target, hooks, command=_command())
    console(stderr=False).print(report_tables(session.report))
    if session.counts.failed:
        raise RecordsFailedError(
            f"{session.counts.failed} failed, the first: {session.counts.first_failure}",
            hint="the report counts them; --resume tries them again",
        )


def request_of(options: BenchOptions) -> BenchRequest:
    """The benchmark's request: each of its fields is the option of the same name."""
    given: dict[str, Any] = {each.name: getattr(options, each.name) for each in fields(BenchRequest)}
    return BenchRequest(**given)


def _target(options: BenchOptions) -> TargetConfig | None:
    """The target model, if one is named.

    Raises:
        UsageError: only half of it is named.
    """
    if options.target_url is None and options.target_model is None:
        return None
    if options.target_url is None or options.target_model is None:
        missing = "--target-model" if options.target_url else "--target-url"
        raise UsageError(f"a target needs {missing} too", hint=f"add {missing}")
    return TargetConfig(
        url=options.target_url,
        model=options.target_model,
        concurrency=options.concurrency,
        temperature=options.temperature,
        seed=options.seed,
        max_tokens=options.max_answer_tokens,
        timeout_seconds=options.timeout,
        retries=options.retries,
        cache=options.cache or default_cache(),
    )


def _check_outputs(options: BenchOptions) -> None:
    """Refuse before any work what could not be written after it."""
    if options.resume and options.output is None:
        raise UsageError("--resume continues a report", hint="name it with --output")
    if options.output is not None and options.output == options.html:
        raise UsageError(f"--output and --html are both {options.output}", hint="name two files")
    for path in (options.output, options.html):
        if path is not None:
            refuse_existing(path, overwrite=options.overwrite or options.resume)
    if options.output is not None and not (options.overwrite or options.resume):
        journal = options.output.with_name(options.output.name + JOURNAL_SUFFIX)
        if journal.exists():
            raise OutputError(
                f"{journal}: an interrupted run left it",
                hint="add --resume to continue it, or --overwrite to start again",
                code="exists",
            )


def _command() -> str:
    """As it was typed; files by their names, not where they lay."""
    words = [Path(word).name if "/" in word and "://" not in word else word for word in sys.argv[1:]]
    return " ".join(["longattncomp", *words])
