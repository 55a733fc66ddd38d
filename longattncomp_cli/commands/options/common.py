"""The options that commands share: how text is cut and counted, where outputs go, and how to run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from longattncomp_cli.commands.options.config_file import load_config
from longattncomp_cli.core.chunking.chunks import SnapLevel

WHAT, HOW, WHERE, RUN = "What to read", "What to keep", "Where to write", "How to run"

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
DTypeName = Literal["auto", "float32", "bfloat16"]
ShowName = Literal["table", "text", "diff", "none"]


def complete_checkpoint(incomplete: str) -> list[str]:
    """Names of shipped checkpoints that begin so, for the shell."""
    from longattncomp_cli.core.checkpoint.shipped import shipped_checkpoints

    return [name for name in shipped_checkpoints() if name.startswith(incomplete)]


def complete_tokenizer(incomplete: str) -> list[str]:
    """Names of tiktoken encodings that begin so, and ``backbone``, for the shell."""
    import tiktoken

    names = ["backbone", *tiktoken.list_encoding_names()]
    return [name for name in names if name.startswith(incomplete)]


TokenizerName = Annotated[
    str,
    typer.Option(
        "--tokenizer",
        help="What counts the budget: a tiktoken encoding or model, "
        "a Hugging Face tokenizer (path or id), or backbone.",
        autocompletion=complete_tokenizer,
        rich_help_panel=HOW,
    ),
]
ChunkTokens = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Backbone tokens of a chunk, at most. \\[default: the checkpoint's, 128]",
        rich_help_panel=HOW,
    ),
]
Snap = Annotated[
    SnapLevel | None,
    typer.Option(
        "--snap",
        help="Where a chunk may end: anywhere, at words, lines, sentences, or with definitions, sections, "
        "tables, records and turns (structure). auto: structure for code, else sentence. "
        "\\[default: the checkpoint's, auto]",
        rich_help_panel=HOW,
    ),
]
Separator = Annotated[
    str | None,
    typer.Option(
        help=r"Between kept parts that were not neighbours; \n is a line end, '' leaves it out. "
        r"\[default: \n\[...]\n]",
        rich_help_panel=HOW,
    ),
]
AsPublished = Annotated[
    bool,
    typer.Option(
        "--as-published",
        help="The paper's scoring and selection, nothing of ours.",
        rich_help_panel=HOW,
    ),
]

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="A file instead of standard output.", rich_help_panel=WHERE),
]
Report = Annotated[
    Path | None,
    typer.Option(
        help="Also write every chunk's score and whether it was kept (.json, .jsonl).", rich_help_panel=WHERE
    ),
]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html",
        help="Also write a page that shows the text shaded by score, and what other budgets would keep.",
        rich_help_panel=WHERE,
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace existing outputs.", rich_help_panel=WHERE)
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue an interrupted batch.", rich_help_panel=WHERE)
]

FailFast = Annotated[
    bool, typer.Option("--fail-fast", help="Stop at the first record that fails.", rich_help_panel=RUN)
]
Device = Annotated[DeviceName, typer.Option("--device", help="Where to compute.", rich_help_panel=RUN)]
DType = Annotated[
    DTypeName,
    typer.Option("--dtype", help="Precision of the backbone.", rich_help_panel=RUN, hidden=True),
]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Random seed.", rich_help_panel=RUN)]
UnusedSeed = Annotated[
    int,
    typer.Option(
        "--seed",
        min=0,
        max=2**63 - 1,
        help="Accepted for scripts, changes nothing: no random number is drawn.",
        rich_help_panel=RUN,
        hidden=True,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No notes, tables or progress.", rich_help_panel=RUN)]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="A TOML file with defaults for these options; flags and environment variables win.",
        callback=load_config,
        is_eager=True,
        rich_help_panel=RUN,
    ),
]
ShowConfig = Annotated[
    bool,
    typer.Option(
        "--show-config",
        help="Print the options of this call as TOML, which --config reads, and exit.",
        rich_help_panel=RUN,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Print what would be read, its tokens, and an estimate of time and memory; load no model, and "
        "exit.",
        rich_help_panel=RUN,
    ),
]
