"""What to keep: the options of ``score`` and ``compress`` that decide it."""

from __future__ import annotations

from typing import Annotated

import typer

from longattncomp_cli.commands.options.common import HOW, complete_checkpoint
from longattncomp_cli.core.selection.select import SelectMode

Budget = Annotated[
    str | None,
    typer.Option(
        "--budget",
        "-b",
        help="Tokens to keep at most: 4000, 16k, or a share such as 12.5%.",
        rich_help_panel=HOW,
    ),
]
Select = Annotated[
    SelectMode | None,
    typer.Option(
        "--select",
        help="Fill the budget (budget, the default), stop at a cumulative score as well (top-p), "
        "AttnComp's rule (threshold), or where the scores show that nothing more is to be found (auto).",
        rich_help_panel=HOW,
    ),
]
TopP = Annotated[
    float | None,
    typer.Option(
        "--top-p", help="Cumulative score of top-p and threshold. \\[default: 0.95]", rich_help_panel=HOW
    ),
]
Headers = Annotated[
    bool | None,
    typer.Option(
        "--headers/--no-headers",
        help="Print each source's name before what is kept of it. \\[default: for directories and globs of "
        "several files]",
        show_default=False,
        rich_help_panel=HOW,
    ),
]
CheckpointName = Annotated[
    str | None,
    typer.Option(
        "--checkpoint",
        help="A directory or a shipped checkpoint.",
        autocompletion=complete_checkpoint,
        rich_help_panel=HOW,
    ),
]
Hops = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=3,
        help="1: score by the query alone; 2: also by rare words of the best chunks. "
        "\\[default: the checkpoint's]",
        rich_help_panel=HOW,
    ),
]
Keep = Annotated[
    list[str] | None,
    typer.Option(
        "--keep",
        metavar="REGEX",
        help="Keep every line that matches, whatever its score; may be given several times.",
        rich_help_panel=HOW,
        show_default=False,
    ),
]
KeepLines = Annotated[
    list[str] | None,
    typer.Option(
        metavar="A:B",
        help="Keep lines A to B of each text, or NAME:FIRST:LAST of one; may be given several times.",
        rich_help_panel=HOW,
        show_default=False,
    ),
]
KeepHead = Annotated[
    int, typer.Option(min=0, help="Keep the first N tokens.", metavar="N", rich_help_panel=HOW)
]
KeepTail = Annotated[
    int, typer.Option(min=0, help="Keep the last N tokens.", metavar="N", rich_help_panel=HOW)
]
