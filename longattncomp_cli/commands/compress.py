"""``longattncomp compress``: keep the parts that a query needs, within a budget."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from longattncomp_cli.commands.options import common
from longattncomp_cli.commands.options.config_file import print_config
from longattncomp_cli.commands.options.option_sets import with_options
from longattncomp_cli.commands.options.run_options import RunOptions
from longattncomp_cli.commands.terminal.errors import report_errors
from longattncomp_cli.commands.terminal.help_texts import epilog
from longattncomp_cli.errors import UsageError

PrintAs = Literal["json", "text"]

EPILOG = epilog("""Examples:

  longattncomp compress notes.txt -q "Who approved the budget?" -b 4000

  cat prompt.txt | longattncomp compress -b 16k > shorter.txt

  longattncomp compress notes.txt -q "Who approved the budget?" -b 4000 --show text --html page.html

  longattncomp compress src/ -q "Where is the retry limit set?" -b 12.5% --headers

  longattncomp compress messages.json -b 16k > request.json

  longattncomp compress questions.jsonl -b 4k -o compressed.jsonl --resume
""")


@report_errors
@with_options(RunOptions)
def compress(
    options: RunOptions,
    show: Annotated[
        common.ShowName | None,
        typer.Option(
            "--show",
            help="Show on stderr the best chunks and the budget (table), or what was kept in its place: with "
            "the gaps named (text), or every line, those left out behind a minus (diff). text and diff go to "
            "standard output where that is a terminal (instead of the plain text) or --output takes the "
            "text. \\[default: table where stderr is a terminal]",
            rich_help_panel=common.RUN,
        ),
    ] = None,
    print_as: Annotated[
        PrintAs,
        typer.Option(
            "--as",
            help="What a chat (JSON messages) comes back as: the same JSON, contents shortened, or a text.",
            rich_help_panel=common.WHERE,
        ),
    ] = "json",
) -> None:
    """Keep the parts of the inputs that a query needs, within a token budget.

    Text in, compressed text out. Records (.jsonl) in, one line a record out. A whole prompt without
    a query is split first: its instruction and query are always kept. Chat messages (JSON) in, the same
    JSON out: system text, tool calls and the last user turn stay, other contents are shortened for it.
    """
    if options.show_config:
        print_config("compress", options, {"show": show, "as": print_as})
        return
    from longattncomp_cli.commands.runs.dry_run import dry_run
    from longattncomp_cli.commands.runs.inputs import open_inputs
    from longattncomp_cli.commands.runs.records import run_records
    from longattncomp_cli.commands.runs.run import Run
    from longattncomp_cli.commands.runs.texts import compress_text

    run = Run.resolve(options, as_text=print_as == "text")
    kind, files = open_inputs(run)
    if options.dry_run:
        dry_run(run, kind, files)
    elif kind == "text":
        compress_text(run, files, show)
    elif show not in (None, "none"):
        raise UsageError("--show shows one text, and the input is a batch of records", hint="drop --show")
    else:
        run_records("compress", run, files)
