"""``train-stage1``."""

from __future__ import annotations

from typing import Annotated

import typer

from longattncomp_cli.commands.options import backbone as decoders
from longattncomp_cli.commands.options.option_sets import with_options
from longattncomp_cli.commands.options.training import Layers, Pooling, TrainOptions
from longattncomp_cli.commands.runs.training import DecoderStart, train

EPILOG = (
    "Example: longattncomp train-stage1 --squad train-v1.1.json --hotpotqa hotpot_train_v1.1.json -o stage1"
)


@with_options(TrainOptions)
def train_stage1(
    options: TrainOptions,
    init: Annotated[
        str, typer.Option(help="A checkpoint that names the backbone; its layer is not used.")
    ] = "untrained",
    layers: Layers = None,
    pooling: Pooling = None,
    backbone: decoders.BackboneName = None,
    encoding: decoders.Encoding = None,
    chat_template: decoders.TrainingChatTemplate = False,
    trust_remote_code: decoders.TrustRemoteCode = False,
) -> None:
    """Train the cross-attention layer from its untrained start: the retrieval foundation.

    With --backbone a decoder's; --layers then says how many of its layers are used.
    """
    decoder = None
    if backbone is not None:
        decoder = DecoderStart(
            backbone=backbone,
            encoding=encoding or "full",
            chat_template=chat_template,
        )
    train(
        options,
        stage=1,
        init=init,
        layers=layers,
        pooling=pooling,
        decoder=decoder,
        trust_remote_code=trust_remote_code,
    )
