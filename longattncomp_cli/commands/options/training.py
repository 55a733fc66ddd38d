"""The options of the training commands; both take :class:`TrainOptions`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from longattncomp_cli.commands.options import common

DATA, LAYER, WHERE = "Training data", "Layer", "Where to write"
HYPERPARAMETERS = "Hyperparameters (the preset's where absent)"
PresetName = Literal["paper", "embedded", "smoke"]


def _files(help_text: str, *names: str) -> Any:
    return typer.Option(*names, help=help_text + " (repeatable)", rich_help_panel=DATA, show_default=False)


def _hyperparameter(help_text: str, low: float | None = None, high: float | None = None, *names: str) -> Any:
    return typer.Option(*names, min=low, max=high, help=help_text, rich_help_panel=HYPERPARAMETERS)


Musique = Annotated[list[Path], _files("MuSiQue JSONL", "--musique")]
TwoWiki = Annotated[list[Path], _files("2WikiMultiHopQA JSON", "--2wiki")]
Layers = Annotated[
    str | None,
    typer.Option(
        help="Each head's layer, such as 6,6,6,0; 0 is the token embedding. Of a decoder: how many of its "
        "layers, or which share.",
        rich_help_panel=LAYER,
    ),
]
Pooling = Annotated[
    Literal["log", "mean"] | None,
    typer.Option("--pooling", help="log, or the paper's mean.", rich_help_panel=LAYER),
]


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What both commands take; a hyperparameter's field has the name that it has in the configuration."""

    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="The checkpoint's folder.", rich_help_panel=WHERE, show_default=False
        ),
    ]
    squad: Annotated[list[Path], _files("SQuAD v1.1 or v2.0 JSON", "--squad")] = field(default_factory=list)
    hotpotqa: Annotated[list[Path], _files("HotpotQA JSON", "--hotpotqa")] = field(default_factory=list)
    qmsum: Annotated[list[Path], _files("QMSum JSONL", "--qmsum")] = field(default_factory=list)
    data: Annotated[list[Path], _files("Our own JSONL: query, documents, relevant", "--data")] = field(
        default_factory=list
    )
    python: Annotated[
        list[Path],
        _files("Make questions about the functions of the Python files in this folder", "--python"),
    ] = field(default_factory=list)
    key_lists: Annotated[
        int, typer.Option(min=0, help="Make questions over so many key–value lists.", rich_help_panel=DATA)
    ] = 0
    limit: Annotated[
        list[str],
        typer.Option(
            "--limit",
            metavar="DATASET=N",
            help="Most training examples of a data set, such as squad=16000 (repeatable).",
            rich_help_panel=DATA,
            show_default=False,
        ),
    ] = field(default_factory=list)
    preset: Annotated[
        PresetName,
        typer.Option(
            "--preset", help="Where the hyperparameters come from; flags win.", rich_help_panel=LAYER
        ),
    ] = "embedded"
    features: Annotated[
        Path | None,
        typer.Option(
            "--features",
            help="Keep encoded documents here, to be used again; in memory where absent.",
            rich_help_panel=WHERE,
        ),
    ] = None
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --output.", rich_help_panel=WHERE)
    ] = False
    questions_per_pool: Annotated[
        int | None,
        _hyperparameter("Questions of a pool.", 1, None, "--questions-per-pool", "--questions"),
    ] = None
    min_tokens: Annotated[int | None, _hyperparameter("Tokens of the shortest pool.", 1)] = None
    max_tokens: Annotated[int | None, _hyperparameter("Tokens of the longest pool.", 1)] = None
    hard_negatives: Annotated[int | None, _hyperparameter("An example's own distractors, at most.", 0)] = None
    negative_share: Annotated[
        float | None, _hyperparameter("Share of questions whose evidence is hidden.", 0, 1)
    ] = None
    epochs: Annotated[int | None, _hyperparameter("Passes over the examples.", 1)] = None
    batch_pools: Annotated[int | None, _hyperparameter("Pools in one step.", 1)] = None
    learning_rate: Annotated[float | None, _hyperparameter("Peak learning rate.", 0)] = None
    scalar_lr_multiplier: Annotated[
        float | None,
        _hyperparameter(
            "Multiplier of the learning rate for gate, temperatures and sink.",
            0,
            None,
            "--scalar-lr-multiplier",
            "--scalar-rate",
        ),
    ] = None
    weight_decay: Annotated[float | None, _hyperparameter("Decay towards the starting weights.", 0)] = None
    ema_decay: Annotated[
        float | None,
        _hyperparameter(
            "Decay of the exponential moving average of the weights, which is validated and saved.",
            0,
            0.9999,
            "--ema-decay",
            "--mean-decay",
        ),
    ] = None
    interpolation: Annotated[
        float | None,
        _hyperparameter(
            "Interpolation of the saved weights from the untrained (0) to that average (1).",
            0,
            1,
            "--interpolation",
            "--blend",
        ),
    ] = None
    warmup_share: Annotated[
        float | None, _hyperparameter("Share of the steps in which the learning rate rises.", 0, 1)
    ] = None
    dropout: Annotated[float | None, _hyperparameter("Dropout of the query states.", 0, 0.99)] = None
    clip_norm: Annotated[float | None, _hyperparameter("Largest norm of the gradient.", 0)] = None
    validate_every: Annotated[int | None, _hyperparameter("Steps between validations.", 1)] = None
    validation_questions: Annotated[
        int | None, _hyperparameter("Held-out questions of each data set, at most.", 1)
    ] = None
    held_out_share: Annotated[
        float | None, _hyperparameter("Share of the examples held out for validation.", 0, 1)
    ] = None
    patience: Annotated[
        int | None, _hyperparameter("Validations without improvement that end the run.", 1)
    ] = None
    seed: common.Seed = 0
    device: common.Device = "auto"
    quiet: common.Quiet = False
    config: common.Config = None
