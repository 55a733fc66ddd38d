"""``longattncomp score``: show which chunks a query needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from longattncomp_cli.commands import options as opt
from longattncomp_cli.commands.failures import report_errors
from longattncomp_cli.commands.manual import epilog
from longattncomp_cli.commands.option_sets import takes
from longattncomp_cli.commands.questions import answered
from longattncomp_cli.commands.run_options import RunOptions
from longattncomp_cli.core.inputs.gather import InputFile
from longattncomp_cli.errors import UsageError

if TYPE_CHECKING:
    from longattncomp_cli.commands.explaining import Wanted

EPILOG = epilog("""Examples:

  longattncomp score notes.txt -q "Who approved the budget?"

  longattncomp score src/ -q "Where is the retry limit set?" --budget 4000

  longattncomp score notes.txt -q "Who approved the budget?" --explain 1

  longattncomp score notes.txt -q "Who approved the budget?" --html page.html

  longattncomp score notes.txt -q "Who approved the budget?" --json | jq '.chunks[] | select(.rank <= 3)'
""")


@report_errors
@takes(RunOptions)
def score(
    options: RunOptions,
    json: Annotated[
        bool, typer.Option("--json", help="JSON instead of a table.", rich_help_panel=opt.WHERE)
    ] = False,
    top: Annotated[int, typer.Option(min=1, help="Rows of the table.", rich_help_panel=opt.WHERE)] = 20,
    explain: Annotated[
        str | None,
        typer.Option(
            "--explain",
            metavar="RANK|@INDEX|NAME:LINE",
            help="Tell which words of the query drew a chunk's score, and from which of its words.",
            rich_help_panel=opt.WHERE,
        ),
    ] = None,
) -> None:
    """Score every chunk of the inputs against a query, best first.

    Text in, a table out (or --json). Records (.jsonl) in, one JSON line a record out. With --budget
    also what that budget would keep.
    """
    from longattncomp_cli.commands.explaining import parse_wanted
    from longattncomp_cli.commands.inputs import open_inputs
    from longattncomp_cli.commands.running import run_records

    if answered(options, "score", {"json": json, "top": top, "explain": explain}):
        return
    options.settings()
    options.question()
    wanted = None if explain is None else parse_wanted(explain)
    kind, files = open_inputs(options)
    if kind == "jsonl":
        if wanted is not None:
            raise UsageError("--explain explains a chunk of one text, not of records", hint="drop --explain")
        run_records("score", options, files)
    else:
        _score_text(options, files, as_json=json, rows=top, explained=wanted)


def _score_text(
    options: RunOptions, files: list[InputFile], *, as_json: bool, rows: int, explained: Wanted | None
) -> None:
    from longattncomp_cli.commands.explaining import explain_report, explain_table, explained_chunk
    from longattncomp_cli.commands.inputs import read_sources, text_request
    from longattncomp_cli.commands.output import StdoutLines, console, noter, token_progress
    from longattncomp_cli.commands.running import (
        check_text_outputs,
        json_bytes,
        scored_table,
        write_side_outputs,
    )
    from longattncomp_cli.core.files.output_files import write_file
    from longattncomp_cli.core.results.report import score_report

    check_text_outputs(options)
    sources = read_sources(options, files)
    compressor = options.compressor()
    request = text_request(sources, options.question(), compressor, noter(quiet=options.quiet))
    with token_progress("reading", quiet=options.quiet) as advance:
        scored = compressor.score(request, on_tokens=advance)
    for warning in scored.warnings:
        noter(quiet=options.quiet)(f"{warning.message} [{warning.code}]")
    report = score_report(scored)
    explanation = None
    if explained is not None:
        explanation = explained_chunk(compressor, scored, explained)
        report["explain"] = explain_report(explanation)
    write_side_outputs(options, scored)
    if options.output is not None:
        write_file(options.output, json_bytes(report, options.output))
    out = console(stderr=False)
    if as_json and options.output is None:
        StdoutLines().write(json_bytes(report))
    elif explanation is not None and not as_json:
        out.print(explain_table(scored, explanation, rows=rows, width=out.width))
    elif not as_json:
        out.print(scored_table(scored, top=rows, width=out.width))
