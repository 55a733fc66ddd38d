"""What to read: the options of ``score`` and ``compress`` that name and describe their inputs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from longattncomp_cli.commands.options import WHAT


class Parser(StrEnum):
    """How the query is found."""

    GIVEN = "given"
    AUTO = "auto"
    TAIL = "tail"


class Format(StrEnum):
    """What the inputs hold."""

    AUTO = "auto"
    TEXT = "text"
    JSONL = "jsonl"


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
    Parser | None,
    typer.Option(
        help="Where no query is given the input is a whole prompt: recognise its layout (auto), "
        "or take its last tokens (tail).",
        rich_help_panel=WHAT,
    ),
]
QueryTokens = Annotated[
    int,
    typer.Option(min=1, help="Of --query-parser tail: how many tokens are the query.", rich_help_panel=WHAT),
]
InputFormat = Annotated[Format, typer.Option("--format", help="What the inputs hold.", rich_help_panel=WHAT)]
ContextField = Annotated[str, typer.Option(help="The records' context field.", rich_help_panel=WHAT)]
QueryField = Annotated[str, typer.Option(help="The records' query field.", rich_help_panel=WHAT)]
IdField = Annotated[str, typer.Option(help="The records' id field.", rich_help_panel=WHAT)]
Limit = Annotated[
    int | None, typer.Option(min=0, max=2**62, help="Read at most this many records.", rich_help_panel=WHAT)
]
