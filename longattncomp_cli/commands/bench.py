"""``longattncomp bench``: every method and task side by side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from longattncomp_cli.commands.bench_options import BenchOptions
from longattncomp_cli.commands.failures import report_errors
from longattncomp_cli.commands.option_sets import takes
from longattncomp_cli.errors import RecordsFailedError, UsageError

if TYPE_CHECKING:
    from longattncomp_cli.benchmark.plan import Choices
    from longattncomp_cli.benchmark.targets.choice import TargetChoice

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

    plan = make_plan(_choices(options))
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


def _choices(options: BenchOptions) -> Choices:
    from longattncomp_cli.benchmark.plan import Choices

    return Choices(
        preset=None if options.preset is None else options.preset.value,
        tasks=options.tasks or (),
        methods=options.method,
        budgets=options.budget,
        checkpoints=options.checkpoint,
        baseline=options.baseline,
        limit=options.limit,
        lengths=options.context_tokens,
        depths=options.depths,
        held_out=options.held_out,
        files={
            "squad": options.squad,
            "hotpotqa": options.hotpotqa,
            "musique": options.musique,
            "2wiki": options.two_wiki,
            "qmsum": options.qmsum,
            "data": options.data,
            "code-debug": options.code_debug,
            "longbench-v2": options.longbench_v2,
            "python": options.python,
            "haystack": options.haystack,
            "paragraphs": options.paragraphs,
        },
        chunk_tokens=options.chunk_tokens,
        snap=None if options.snap is None else options.snap.value,
        select=None if options.select is None else options.select.value,
        top_p=options.top_p,
        separator=options.separator,
        tokenizer=options.tokenizer,
        spec_model=options.spec_model,
        llmlingua_model=options.llmlingua_model,
        device=options.device.value,
        dtype=options.dtype.value,
        seed=options.seed,
        share_states=options.share_states,
    )


def _target(options: BenchOptions) -> TargetChoice | None:
    """The target model, if one is named.

    Raises:
        UsageError: only half of it is named.
    """
    if options.target_url is None and options.target_model is None:
        return None
    if options.target_url is None or options.target_model is None:
        missing = "--target-model" if options.target_url else "--target-url"
        raise UsageError(f"a target needs {missing} too", hint=f"add {missing}")
    from longattncomp_cli.benchmark.targets.choice import TargetChoice, default_cache

    return TargetChoice(
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
    from longattncomp_cli.benchmark.journal import JOURNAL_SUFFIX
    from longattncomp_cli.core.files.output_files import refuse_existing
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
