"""``longattncomp compress``: keep what the query needs, within a budget."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from longattncomp_cli.commands import options as opt
from longattncomp_cli.commands.failures import report_errors
from longattncomp_cli.commands.option_sets import takes
from longattncomp_cli.commands.run_options import RunOptions
from longattncomp_cli.core.sources import InputFile

EPILOG = """Examples:

  longattncomp compress notes.txt -q "Who approved the budget?" -b 4000

  cat prompt.txt | longattncomp compress -b 16k > shorter.txt

  longattncomp compress src/ -q "Where is the retry limit set?" -b 12.5% --headers

  longattncomp compress questions.jsonl -b 4k -o compressed.jsonl --resume
"""


@report_errors
@takes(RunOptions)
def compress(
    options: RunOptions,
    table: Annotated[
        bool | None,
        typer.Option(
            "--table/--no-table",
            help="Show the chunks and the budget on stderr. [default: where that is a terminal]",
            rich_help_panel=opt.RUN,
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Rows of the table.", rich_help_panel=opt.RUN)] = 12,
) -> None:
    """Keep the parts of the inputs that a query needs, within a token budget.

    Text in, compressed text out. Records (.jsonl) in, one line a record out. A whole prompt without
    a query is split first: its instruction and query are always kept.
    """
    from longattncomp_cli.commands.inputs import open_inputs
    from longattncomp_cli.commands.running import run_records

    options.settings()
    options.question()
    kind, files = open_inputs(options)
    if kind == "jsonl":
        run_records("compress", options, files)
    else:
        _compress_text(options, files, show_table=table, rows=top)


def _compress_text(
    options: RunOptions, files: list[InputFile], *, show_table: bool | None, rows: int
) -> None:
    from longattncomp_cli.commands.inputs import read_sources, text_request
    from longattncomp_cli.commands.output import console, noter, print_text, token_progress
    from longattncomp_cli.commands.running import check_text_outputs, json_bytes, scored_table
    from longattncomp_cli.core.output_files import write_file
    from longattncomp_cli.core.report import score_report

    settings = options.settings()
    if options.budget is None and settings.rule.mode == "budget":
        from longattncomp_cli.errors import UsageError

        raise UsageError(
            "no budget", hint="add --budget 4000, 16k or 12.5%, or --select top-p", code="missing-budget"
        )
    check_text_outputs(options)
    sources = read_sources(options, files)
    compressor = options.compressor()
    request = text_request(sources, options.question(), compressor, noter(quiet=options.quiet))
    with token_progress("reading", quiet=options.quiet) as advance:
        result = compressor.compress(request, advance)
    if not result.selection.kept:
        noter(quiet=options.quiet)(f"nothing was kept: no chunk passed --select {result.mode}")
    if options.report is not None:
        write_file(options.report, json_bytes(score_report(result.scored), options.report))
    if options.output is None:
        print_text(result.text)
    else:
        write_file(options.output, result.text.encode("utf-8"))
    if show_table or (show_table is None and sys.stderr.isatty() and not options.quiet):
        out = console(stderr=True)
        out.print(scored_table(result.scored, top=rows, width=out.width))
