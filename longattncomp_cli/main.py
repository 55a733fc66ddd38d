"""The ``longattncomp`` app: its list of commands."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Annotated

import typer

from longattncomp_cli.commands.terminal.console import abandon_stdout, print_error
from longattncomp_cli.commands.terminal.errors import report_errors
from longattncomp_cli.commands.terminal.help_texts import EXAMPLES, OVERVIEW
from longattncomp_cli.commands.version import print_version
from longattncomp_cli.core.files.output_files import DISK_FULL, explain_os_error

COMMANDS = ("score", "compress", "train-stage1", "train-stage2", "bench")
"""Each is a function of its name, in a module of ``commands`` of its name."""
_OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""What is imported stays: to search it for garbage at Python's own pace took 0.25 s of a start."""


def make_app(commands: Iterable[str] = COMMANDS) -> typer.Typer:
    """The app with these commands.

    Args:
        commands: of :data:`COMMANDS`.
    """
    app = typer.Typer(
        name="longattncomp",
        help=OVERVIEW,
        epilog=EXAMPLES,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(invoke_without_command=True)(_options)
    for command in commands:
        name = command.replace("-", "_")
        module = import_module(f"longattncomp_cli.commands.{name}")
        app.command(name=command, epilog=module.EPILOG)(getattr(module, name))
    return app


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
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 (open until exit)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    # The options of a command that is not run take a tenth of a second to declare.
    named = sys.argv[1:2] if sys.argv[1:2] and sys.argv[1] in COMMANDS else COMMANDS
    try:
        _run_app(named)
    except SystemExit as end:
        _leave(end.code)
        raise


def _run_app(named: Iterable[str]) -> None:
    """Run a command; a table or a help text that finds no room ends it with a sentence."""
    try:
        make_app(named)()
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        abandon_stdout()
        full = explain_os_error(error.filename or "standard output", error)
        print_error(full)
        raise SystemExit(full.exit_code) from error


def _leave(code: str | int | None) -> None:
    """End the process at once: to take apart all that torch has made costs a tenth of its import."""
    if not isinstance(code, int) or sys.stdout is None:
        return
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # Python's own end says what became of it
        return
    os._exit(code)
