"""What to read: the options of ``score`` and ``compress`` that name and describe their inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from longattncomp_cli.commands.options.common import WHAT

FormatName = Literal["auto", "text", "jsonl"]

Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[INPUTS]...",
        help="Files, directories, globs, or - for standard input. Names ending in .jsonl or .ndjson "
        "(also .gz, .zst) are records; everything else is text.",
        show_default=False,
    ),
]
Query = Annotated[
    str | None, typer.Option("--query", "-q", help="What the context is searched for.", rich_help_panel=WHAT)
]
QueryFile = Annotated[Path | None, typer.Option(help="Read the query from a file.", rich_help_panel=WHAT)]
QueryParser = Annotated[
    str | None,
    typer.Option(
        metavar="auto|tail[:N]|given",
        help="Where no query is given the input is a whole prompt: recognise its layout (auto), take its "
        "last N tokens, 128 by default (tail), or refuse it (given). \\[default: auto]",
        rich_help_panel=WHAT,
    ),
]
Format = Annotated[
    FormatName,
    typer.Option(
        "--format",
        help="What the inputs hold. text reads every file as it stands: no cells of a notebook, no text of a "
        "page or mail.",
        rich_help_panel=WHAT,
    ),
]
ContextField = Annotated[str, typer.Option(help="The records' context field.", rich_help_panel=WHAT)]
QueryField = Annotated[str, typer.Option(help="The records' query field.", rich_help_panel=WHAT)]
IdField = Annotated[str, typer.Option(help="The records' id field.", rich_help_panel=WHAT)]
Limit = Annotated[
    int | None, typer.Option(min=0, max=2**62, help="Read at most this many records.", rich_help_panel=WHAT)
]
