"""Turn our errors into a sentence on stderr and an exit code, around every command."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import typer

from longattncomp_cli.commands.terminal.console import abandon_stdout, print_error, print_note
from longattncomp_cli.errors import LongAttnCompError

P = ParamSpec("P")
R = TypeVar("R")

INTERRUPTED = 130


def report_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Wrap a command (or an option's callback): errors become exit codes, a closed pipe ends quietly."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except LongAttnCompError as error:
            print_error(error)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as interrupt:
            print_note("interrupted; what is done is kept, --resume continues a batch")
            raise typer.Exit(INTERRUPTED) from interrupt
        except BrokenPipeError as error:
            abandon_stdout()  # the reader is gone
            raise typer.Exit(0) from error

    return wrapped
