"""``train-stage2``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from longattncomp_cli.commands.options.backbone import TrustRemoteCode
from longattncomp_cli.commands.options.option_sets import with_options
from longattncomp_cli.commands.options.training import Musique, TrainOptions, TwoWiki
from longattncomp_cli.commands.runs.training import train
from longattncomp_cli.commands.terminal.errors import report_errors

EPILOG = (
    "Example: longattncomp train-stage2 --init stage1 --musique musique_train.jsonl --2wiki train.json "
    "--sub-queries -o stage2-subq"
)


@report_errors
@with_options(TrainOptions)
def train_stage2(
    options: TrainOptions,
    musique: Musique = [],  # noqa: B006
    two_wiki: TwoWiki = [],  # noqa: B006
    init: Annotated[str, typer.Option(help="The Stage 1 checkpoint: a folder or a shipped name.")] = "stage1",
    sub_queries: Annotated[
        bool, typer.Option(help="Append the single-hop questions to the query, where the data has them.")
    ] = False,
    part: Annotated[
        Literal["layer", "hop"],
        typer.Option(help="What to train: the layer, or only the second hop on the layer of --init."),
    ] = "layer",
    replay: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=0.95,
            help="Share of the examples that come from SQuAD and HotpotQA, in equal parts. "
            "\\[default: as many as the preset says]",
        ),
    ] = None,
    trust_remote_code: TrustRemoteCode = False,
) -> None:
    """Train on multi-hop questions, with a share of Stage 1's data, from Stage 1's checkpoint."""
    files = {"musique": musique, "2wikimultihopqa": two_wiki}
    train(
        options,
        stage=2,
        init=init,
        more_files=files,
        sub_queries=sub_queries,
        replay=replay,
        part=part,
        trust_remote_code=trust_remote_code,
    )
