"""Large data sets: the options of cache, shards and engines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

SCALE = "Large data sets"
EngineName = Literal["local", "ray"]

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
        help="Largest size of --cache, such as 500M or 2G; what was used longest ago is deleted.",
        rich_help_panel=SCALE,
        hidden=True,
    ),
]
ShardName = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Do every N-th record only, beginning with the I-th, into an output of its own; "
        "all/N joins the finished ones.",
        rich_help_panel=SCALE,
    ),
]
Engine = Annotated[
    EngineName,
    typer.Option(
        "--engine",
        help="Run records one by one, or on Ray's workers (extra ray): on this machine, or on the cluster "
        "that RAY_ADDRESS names.",
        rich_help_panel=SCALE,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Workers of --engine ray. \\[default: one a GPU, or one a core]",
        rich_help_panel=SCALE,
        hidden=True,
    ),
]
