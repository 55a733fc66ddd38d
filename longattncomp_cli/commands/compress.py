"""``longattncomp compress``: keep what the query needs, within a budget."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from longattncomp_cli.commands import options as opt
from longattncomp_cli.commands.failures import report_errors
from longattncomp_cli.commands.manual import epilog
from longattncomp_cli.commands.option_sets import takes
from longattncomp_cli.commands.questions import answered
from longattncomp_cli.commands.run_options import RunOptions
from longattncomp_cli.commands.views import Show
from longattncomp_cli.core.inputs.gather import InputFile
from longattncomp_cli.errors import UsageError

if TYPE_CHECKING:
    from longattncomp_cli.core.results.compression import Compression

EPILOG = epilog("""Examples:

  longattncomp compress notes.txt -q "Who approved the budget?" -b 4000

  cat prompt.txt | longattncomp compress -b 16k > shorter.txt

  longattncomp compress notes.txt -q "Who approved the budget?" -b 4000 --show text --html page.html

  longattncomp compress src/ -q "Where is the retry limit set?" -b 12.5% --headers

  longattncomp compress questions.jsonl -b 4k -o compressed.jsonl --resume
""")


@report_errors
@takes(RunOptions)
def compress(
    options: RunOptions,
    table: Annotated[
        bool | None,
        typer.Option(
            "--table/--no-table",
            help="Show the chunks and the budget on stderr. \\[default: where that is a terminal]",
            rich_help_panel=opt.RUN,
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Rows of the table.", rich_help_panel=opt.RUN)] = 12,
    show: Annotated[
        Show | None,
        typer.Option(
            "--show",
            help="Show what was kept in its place: with the gaps named (text), or every line, those left out "
            "behind a minus (diff). On standard output where that is a terminal (instead of the plain "
            "text) or --output takes the text, else on stderr.",
            rich_help_panel=opt.RUN,
        ),
    ] = None,
) -> None:
    """Keep the parts of the inputs that a query needs, within a token budget.

    Text in, compressed text out. Records (.jsonl) in, one line a record out. A whole prompt without
    a query is split first: its instruction and query are always kept.
    """
    from longattncomp_cli.commands.inputs import open_inputs
    from longattncomp_cli.commands.running import run_records

    if answered(options, "compress", {"table": table, "top": top, "show": show}):
        return
    options.settings()
    options.question()
    kind, files = open_inputs(options)
    if kind == "jsonl":
        if show is not None:
            raise UsageError("--show shows one text, and the input is a batch of records", hint="drop --show")
        run_records("compress", options, files)
    else:
        _compress_text(options, files, show_table=table, rows=top, show=show)


def _compress_text(
    options: RunOptions, files: list[InputFile], *, show_table: bool | None, rows: int, show: Show | None
) -> None:
    from longattncomp_cli.commands.inputs import read_sources, text_request
    from longattncomp_cli.commands.output import console, noter, print_text, token_progress
    from longattncomp_cli.commands.running import check_text_outputs, scored_table, write_side_outputs
    from longattncomp_cli.core.files.output_files import write_file

    settings = options.settings()
    if options.budget is None and settings.rule.mode == "budget":
        raise UsageError(
            "no budget", hint="add --budget 4000, 16k or 12.5%, or --select top-p", code="missing-budget"
        )
    check_text_outputs(options)
    sources = read_sources(options, files)
    compressor = options.compressor()
    request = text_request(sources, options.question(), compressor, noter(quiet=options.quiet))
    with token_progress("reading", quiet=options.quiet) as advance:
        result = compressor.compress(request, on_tokens=advance)
    for warning in result.warnings:
        noter(quiet=options.quiet)(f"{warning.message} [{warning.code}]")
    if not result.selection.kept:
        noter(quiet=options.quiet)(f"nothing was kept: no chunk passed --select {result.mode}")
    write_side_outputs(options, result.scored)
    if options.output is None:
        if show is None or not sys.stdout.isatty():
            print_text(result.text)
    else:
        write_file(options.output, result.text.encode("utf-8"))
    if show is not None:
        _show(result, show, stderr=options.output is None and not sys.stdout.isatty())
    if show_table or (show_table is None and sys.stderr.isatty() and not options.quiet):
        out = console(stderr=True)
        out.print(scored_table(result.scored, top=rows, width=out.width))


def _show(result: Compression, kind: Show, *, stderr: bool) -> None:
    from longattncomp_cli.commands import views
    from longattncomp_cli.commands.output import console

    out = console(stderr=stderr)
    for line in views.show(result, kind):
        out.print(line, soft_wrap=True)
