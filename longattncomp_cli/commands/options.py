"""The options that commands share, as annotated types."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from longattncomp_cli.commands.completion import complete_checkpoint, complete_tokenizer
from longattncomp_cli.commands.config_file import load_config

WHAT, HOW, WHERE, RUN = "What to read", "What to keep", "Where to write", "How to run"


class Select(StrEnum):
    """Selection modes."""

    TOP_P = "top-p"
    BUDGET = "budget"
    THRESHOLD = "threshold"
    AUTO = "auto"


class Snap(StrEnum):
    """Where chunks may end."""

    NONE = "none"
    WORD = "word"
    LINE = "line"
    SENTENCE = "sentence"
    STRUCTURE = "structure"
    AUTO = "auto"


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


class Device(StrEnum):
    """Where to compute."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


class DType(StrEnum):
    """Precision of the backbone."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


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

Budget = Annotated[
    str | None,
    typer.Option(
        "--budget",
        "-b",
        help="Tokens to keep at most: 4000, 16k, or a share such as 12.5%.",
        rich_help_panel=HOW,
    ),
]
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
SelectOption = Annotated[
    Select | None,
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
Epsilon = Annotated[float, typer.Option(help="Of threshold: the lowest score taken.", rich_help_panel=HOW)]
Fill = Annotated[
    bool,
    typer.Option(
        "--fill/--no-fill", help="Cut the first chunk that does not fit, or drop it.", rich_help_panel=HOW
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
SnapOption = Annotated[
    Snap | None,
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
        help=r"Between kept parts that were not neighbours; \n is a line end. \[default: \n\[...]\n]",
        rich_help_panel=HOW,
    ),
]
CutMarks = Annotated[
    bool,
    typer.Option(
        "--cut-marks/--no-cut-marks",
        help="Where a definition, record or turn is incomplete the separator says so, or does not.",
        rich_help_panel=HOW,
    ),
]
Headers = Annotated[
    bool,
    typer.Option(
        "--headers", help="Print each source's name before what is kept of it.", rich_help_panel=HOW
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

# How far evidence may lie from the query.
Hops = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=3,
        help="1: what the query speaks of; 2: also what the best chunks do. \\[default: the checkpoint's]",
        rich_help_panel=HOW,
    ),
]
# What must stay
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

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="A file instead of standard output.", rich_help_panel=WHERE),
]
Report = Annotated[
    Path | None,
    typer.Option(help="Also write every chunk's score and fate (.json, .jsonl).", rich_help_panel=WHERE),
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
DeviceOption = Annotated[Device, typer.Option("--device", help="Where to compute.", rich_help_panel=RUN)]
DTypeOption = Annotated[
    DType, typer.Option("--dtype", help="Precision of the backbone.", rich_help_panel=RUN)
]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of anything random.", rich_help_panel=RUN)]
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
        help="Print what would be read, its tokens, and about what it takes; load no model, and exit.",
        rich_help_panel=RUN,
    ),
]

# Backbones and scale


class Encoding(StrEnum):
    """How a decoder reads."""

    FULL = "full"
    WINDOWED = "windowed"


class Engine(StrEnum):
    """What runs a batch."""

    LOCAL = "local"
    RAY = "ray"


BACKBONE, SCALE = "Decoder backbones", "Large data sets"

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
Cache = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Keep what the backbone read of a context here; another query on it skips the backbone.",
        rich_help_panel=SCALE,
    ),
]
CacheSize = Annotated[
    str,
    typer.Option(
        metavar="BYTES",
        help="Of --cache at most, such as 500M or 2G; what was used longest ago goes.",
        rich_help_panel=SCALE,
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Do every N-th record only, beginning with the I-th, into an output of its own; "
        "all/N joins the finished ones.",
        rich_help_panel=SCALE,
    ),
]
EngineOption = Annotated[
    Engine,
    typer.Option(
        "--engine", help="Run records one by one, or on Ray's workers (extra ray).", rich_help_panel=SCALE
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(help="Of a Ray cluster, such as auto; this machine where absent.", rich_help_panel=SCALE),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Of --engine ray. \\[default: one a GPU, or one a core]", rich_help_panel=SCALE),
]
