"""Decoder backbones: the options that name one and say how it reads."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Encoding(StrEnum):
    """How a decoder reads."""

    FULL = "full"
    WINDOWED = "windowed"


BACKBONE = "Decoder backbones"
BackboneName = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        metavar="DIR|HUB_ID",
        help="A causal language model whose first layers read the context, untrained; with --checkpoint: "
        "where that checkpoint's backbone lies.",
        rich_help_panel=BACKBONE,
    ),
]
Depth = Annotated[
    str | None,
    typer.Option(
        "--layers",
        metavar="N|SHARE",
        help="Of --backbone: how many layers to use, or which share of them. \\[default: 0.41, 13 of 32]",
        rich_help_panel=BACKBONE,
    ),
]
EncodingOption = Annotated[
    Encoding | None,
    typer.Option(
        "--encoding",
        help="One causal pass over instruction, context and query (full), or independent windows "
        "(windowed). \\[default: the checkpoint's; full for an untrained decoder]",
        rich_help_panel=BACKBONE,
    ),
]
ChatTemplate = Annotated[
    bool,
    typer.Option(
        "--chat-template",
        help="Begin the prompt as the chat template of --backbone does.",
        rich_help_panel=BACKBONE,
    ),
]
TrustRemoteCode = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code", help="Run code that lies beside the backbone.", rich_help_panel=BACKBONE
    ),
]
