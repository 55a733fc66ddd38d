"""Large data sets: the options of cache, shards and engines."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Engine(StrEnum):
    """What runs a batch."""

    LOCAL = "local"
    RAY = "ray"


SCALE = "Large data sets"
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
