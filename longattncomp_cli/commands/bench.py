"""``longattncomp bench``: every method and task side by side."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from longattncomp_cli.commands.bench_options import BenchOptions
from longattncomp_cli.commands.failures import report_errors
from longattncomp_cli.commands.option_sets import takes
from longattncomp_cli.errors import RecordsFailedError, UsageError

if TYPE_CHECKING:
    from longattncomp_cli.benchmark.plan import BenchRequest
    from longattncomp_cli.benchmark.targets.config import TargetConfig

EPILOG = """Examples:

  longattncomp bench

  longattncomp bench squad hotpotqa --squad dev-v1.1.json --hotpotqa dev.json --budget 12.5% -o report.json

  longattncomp bench --data my-records.jsonl --budget 4k --html report.html

  longattncomp bench --preset paper-code-debug --code-debug code_debug.jsonl -o report.json
  --target-url http://localhost:8000/v1 --target-model my-model
"""


@report_errors
@takes(BenchOptions)
def bench(options: BenchOptions) -> None:
    """Compare ways to compress: how much evidence is kept, at what cost, and what a model makes of it.

    No target model is needed: evidence recall, answers kept, seconds and memory are measured without one.
    """
    from longattncomp_cli.benchmark.plan import make_plan

    plan = make_plan(_request(options))
    target = _target(options)
    _check_outputs(options)
    from longattncomp_cli.benchmark.session import Hooks, SessionFiles, run_session
    from longattncomp_cli.commands.bench_tables import report_tables
    from longattncomp_cli.commands.output import console, noter, step_progress

    files = SessionFiles(output=options.output, html=options.html, resume=options.resume)
    with step_progress(quiet=options.quiet) as advance:
        hooks = Hooks(noter(quiet=options.quiet), advance)
        session = run_session(plan, files, target, hooks, command=_command())
    console(stderr=False).print(report_tables(session.report))
    if session.counts.failed:
        raise RecordsFailedError(
            f"{session.counts.failed} failed, the first: {session.counts.first_failure}",
            hint="the report counts them; --resume tries them again",
        )


def _request(options: BenchOptions) -> BenchRequest:
    from longattncomp_cli.benchmark.plan import BenchRequest

    enums = {
        name: None if getattr(options, name) is None else getattr(options, name).value
        for name in ("preset", "snap", "select", "device", "dtype")
    }
    names = {field.name for field in fields(BenchRequest)} & {field.name for field in fields(options)}
    return BenchRequest(**{**{name: getattr(options, name) for name in names}, **enums})


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
    from longattncomp_cli.benchmark.targets.config import TargetConfig, default_cache

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
    from longattncomp_cli.benchmark.measuring.journal import JOURNAL_SUFFIX
    from longattncomp_cli.core.output_files import refuse_existing
    from longattncomp_cli.errors import OutputError

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
