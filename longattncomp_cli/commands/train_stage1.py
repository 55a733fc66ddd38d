"""``train-stage1``."""

from __future__ import annotations

from typing import Annotated

import typer

from longattncomp_cli.commands import train_options
from longattncomp_cli.commands.backbone_options import (
    BackboneName,
    ChatTemplate,
    Encoding,
    EncodingOption,
    TrustRemoteCode,
)
from longattncomp_cli.commands.backbones import DecoderStart
from longattncomp_cli.commands.option_sets import takes
from longattncomp_cli.commands.train_options import TrainOptions
from longattncomp_cli.commands.training_run import train

EPILOG = (
    "Example: longattncomp train-stage1 --squad train-v1.1.json --hotpotqa hotpot_train_v1.1.json -o stage1"
)


@takes(TrainOptions)
def train_stage1(
    options: TrainOptions,
    init: Annotated[
        str, typer.Option(help="A checkpoint that names the backbone; its layer is not used.")
    ] = "untrained",
    layers: train_options.Layers = None,
    pooling: train_options.PoolingOption = None,
    backbone: BackboneName = None,
    encoding: EncodingOption = None,
    chat_template: ChatTemplate = False,
    trust_remote_code: TrustRemoteCode = False,
) -> None:
    """Train the cross-attention layer from its untrained start: the retrieval foundation.

    With --backbone a decoder's; --layers then says how many of its layers are used.
    """
    decoder = None
    if backbone is not None:
        decoder = DecoderStart(
            backbone=backbone,
            encoding=(encoding or Encoding.FULL).value,
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
