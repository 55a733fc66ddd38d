"""``longattncomp score``: show which chunks a query needs."""

from __future__ import annotations

from typing import Annotated

import typer

from longattncomp_cli.commands.options import common
from longattncomp_cli.commands.options.config_file import print_config
from longattncomp_cli.commands.options.option_sets import with_options
from longattncomp_cli.commands.options.run_options import RunOptions
from longattncomp_cli.commands.terminal.errors import report_errors
from longattncomp_cli.commands.terminal.help_texts import epilog
from longattncomp_cli.errors import UsageError

EPILOG = epilog("""Examples:

  longattncomp score notes.txt -q "Who approved the budget?"

  longattncomp score src/ -q "Where is the retry limit set?" --budget 4000

  longattncomp score notes.txt -q "Who approved the budget?" --explain 1

  longattncomp score notes.txt -q "Who approved the budget?" --html page.html

  longattncomp score notes.txt -q "Who approved the budget?" --json | jq '.chunks[] | select(.rank <= 3)'
""")


@report_errors
@with_options(RunOptions)
def score(
    options: RunOptions,
    json: Annotated[
        bool, typer.Option("--json", help="JSON instead of a table.", rich_help_panel=common.WHERE)
    ] = False,
    top: Annotated[int, typer.Option(min=1, help="Rows of the table.", rich_help_panel=common.WHERE)] = 20,
    explain: Annotated[
        str | None,
        typer.Option(
            "--explain",
            metavar="RANK|@INDEX|NAME:LINE",
            help="Show which words of the query gave a chunk its score, and which of its words they matched.",
            rich_help_panel=common.WHERE,
        ),
    ] = None,
) -> None:
    """Score every chunk of the inputs against a query, best first.

    Text in, a table out (or --json). Records (.jsonl) in, one JSON line a record out. With --budget
    also what that budget would keep.
    """
    if options.show_config:
        print_config("score", options, {"json": json, "top": top, "explain": explain})
        return
    from longattncomp_cli.commands.runs.dry_run import dry_run
    from longattncomp_cli.commands.runs.explain import parse_chunk_reference
    from longattncomp_cli.commands.runs.inputs import open_inputs
    from longattncomp_cli.commands.runs.records import run_records
    from longattncomp_cli.commands.runs.run import Run
    from longattncomp_cli.commands.runs.texts import score_text

    run = Run.resolve(options)
    explained = None if explain is None else parse_chunk_reference(explain)
    kind, files = open_inputs(run)
    if options.dry_run:
        dry_run(run, kind, files)
    elif kind == "text":
        score_text(run, files, as_json=json, rows=top, explained=explained)
    elif explained is not None:
        raise UsageError("--explain explains a chunk of one text, not of records", hint="drop --explain")
    else:
        run_records("score", run, files)
