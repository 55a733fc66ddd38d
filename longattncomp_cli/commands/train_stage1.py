"""``train-stage1``."""

from __future__ import annotations

from typing import Annotated

import typer

from longattncomp_cli.commands import options, train_options
from longattncomp_cli.commands.training_run import train

EPILOG = (
    "Example: longattncomp train-stage1 --squad train-v1.1.json --hotpotqa hotpot_train_v1.1.json -o stage1"
)


def train_stage1(
    output: train_options.Output,
    squad: train_options.Squad = [],  # noqa: B006
    hotpotqa: train_options.HotpotQA = [],  # noqa: B006
    qmsum: train_options.QMSum = [],  # noqa: B006
    data: train_options.Data = [],  # noqa: B006
    python: train_options.Python = [],  # noqa: B006
    key_lists: train_options.KeyLists = 0,
    limit: train_options.LimitOption = [],  # noqa: B006
    init: Annotated[
        str, typer.Option(help="A checkpoint that names the backbone; its layer is not used.")
    ] = "untrained",
    preset: train_options.PresetOption = train_options.Preset.EMBEDDED,
    features: train_options.Features = None,
    resume: train_options.Resume = False,
    layers: train_options.Layers = None,
    pooling: train_options.PoolingOption = None,
    questions: train_options.Questions = None,
    min_tokens: train_options.MinTokens = None,
    max_tokens: train_options.MaxTokens = None,
    hard_negatives: train_options.HardNegatives = None,
    negative_share: train_options.NegativeShare = None,
    epochs: train_options.Epochs = None,
    batch_pools: train_options.BatchPools = None,
    learning_rate: train_options.LearningRate = None,
    scalar_rate: train_options.ScalarRate = None,
    weight_decay: train_options.WeightDecay = None,
    warmup_share: train_options.WarmupShare = None,
    dropout: train_options.Dropout = None,
    clip_norm: train_options.ClipNorm = None,
    validate_every: train_options.ValidateEvery = None,
    validation_questions: train_options.ValidationQuestions = None,
    held_out_share: train_options.HeldOutShare = None,
    patience: train_options.Patience = None,
    seed: options.Seed = 0,
    device: options.DeviceOption = options.Device.AUTO,
    quiet: options.Quiet = False,
    config: options.Config = None,
) -> None:
    """Train the cross-attention layer from its untrained start: the retrieval foundation."""
    train(
        stage=1,
        preset=preset,
        init=init,
        files={
            "squad": squad,
            "hotpotqa": hotpotqa,
            "qmsum": qmsum,
            "data": data,
        },
        python=python,
        key_lists=key_lists,
        limits=limit,
        output=output,
        features=features,
        resume=resume,
        device=device.value,
        quiet=quiet,
        hyperparameters={
            "layers": layers,
            "pooling": pooling,
            "questions": questions,
            "min_tokens": min_tokens,
            "max_tokens": max_tokens,
            "hard_negatives": hard_negatives,
            "negative_share": negative_share,
            "epochs": epochs,
            "batch_pools": batch_pools,
            "learning_rate": learning_rate,
            "scalar_rate": scalar_rate,
            "weight_decay": weight_decay,
            "warmup_share": warmup_share,
            "dropout": dropout,
            "clip_norm": clip_norm,
            "validate_every": validate_every,
            "validation_questions": validation_questions,
            "held_out_share": held_out_share,
            "patience": patience,
            "seed": seed,
        },
    )
