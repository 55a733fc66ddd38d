"""The ``longattncomp`` app: its list of commands."""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated

import typer

from longattncomp_cli.commands import bench, compress, score, train_stage1, train_stage2
from longattncomp_cli.commands.terminal.errors import report_errors
from longattncomp_cli.commands.terminal.help_texts import EXAMPLES, OVERVIEW
from longattncomp_cli.commands.version import print_version

app = typer.Typer(
    name="longattncomp",
    help=OVERVIEW,
    epilog=EXAMPLES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(name="score", epilog=score.EPILOG)(score.score)
app.command(name="compress", epilog=compress.EPILOG)(compress.compress)
app.command(name="train-stage1", epilog=train_stage1.EPILOG)(report_errors(train_stage1.train_stage1))
app.command(name="train-stage2", epilog=train_stage2.EPILOG)(report_errors(train_stage2.train_stage2))
app.command(name="bench", epilog=bench.EPILOG)(bench.bench)


@app.callback(invoke_without_command=True)
@report_errors
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", help="With --version: also device, models, tokenizers and extras found here."
        ),
    ] = False,
) -> None:
    """Options before a command."""
    if version:
        print_version(verbose=verbose)
        raise typer.Exit
    if verbose:
        raise typer.BadParameter("is used with --version", param_hint="--verbose")
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


def run() -> None:
    """Entry point of the script."""
    # Before torch is loaded: threads that wait sleep instead of spinning. On a machine that is busy with
    # other work one compress took 4.2 s instead of 10.7 s.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 (open until exit)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        app()
    finally:
        # At its end Python looks for garbage among all that torch has made: a fifth of what its import takes.
        gc.freeze()
