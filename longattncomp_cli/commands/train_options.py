"""The options that both training commands share."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from longattncomp_cli.commands import options

DATA, SHAPE, OPTIMISER, WHERE = "Training data", "Layer and pools", "Optimiser", "Where to write"


class Preset(StrEnum):
    """Named sets of hyperparameters."""

    PAPER = "paper"
    EMBEDDED = "embedded"
    SMOKE = "smoke"


Files = list[Path]


def _files(help_text: str, *names: str) -> Any:
    return typer.Option(*names, help=help_text + " (repeatable)", rich_help_panel=DATA, show_default=False)


Squad = Annotated[Files, _files("SQuAD v1.1 or v2.0 JSON", "--squad")]
HotpotQA = Annotated[Files, _files("HotpotQA JSON", "--hotpotqa")]
Musique = Annotated[Files, _files("MuSiQue JSONL", "--musique")]
TwoWiki = Annotated[Files, _files("2WikiMultiHopQA JSON", "--2wiki")]
QMSum = Annotated[Files, _files("QMSum JSONL", "--qmsum")]
Data = Annotated[Files, _files("our own JSONL: query, documents, relevant", "--data")]
Python = Annotated[
    list[Path], _files("Make questions about the functions of the Python files in this folder", "--python")
]
KeyLists = Annotated[
    int, typer.Option(min=0, help="Make questions over so many key–value lists.", rich_help_panel=DATA)
]
LimitOption = Annotated[
    list[str],
    typer.Option(
        "--limit",
        metavar="DATASET=N",
        help="Most training examples of a data set, such as squad=16000 (repeatable).",
        rich_help_panel=DATA,
        show_default=False,
    ),
]
PresetOption = Annotated[
    Preset,
    typer.Option("--preset", help="Where the numbers below come from; flags win.", rich_help_panel=SHAPE),
]
Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", help="The checkpoint's folder.", rich_help_panel=WHERE, show_default=False
    ),
]
Features = Annotated[
    Path | None,
    typer.Option(
        "--features",
        help="Keep encoded documents here, to be used again; in memory where absent.",
        rich_help_panel=WHERE,
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on in --output.", rich_help_panel=WHERE)]
Layers = Annotated[
    str | None,
    typer.Option(
        help="Each head's layer, such as 6,6,6,0; 0 is the token embedding. With --backbone: how many of its "
        "layers, or which share.",
        rich_help_panel=SHAPE,
    ),
]
PoolingOption = Annotated[
    str | None, typer.Option("--pooling", help="log, or the paper's mean.", rich_help_panel=SHAPE)
]
QuestionsPerPool = Annotated[
    int | None,
    typer.Option(
        "--questions-per-pool", "--questions", min=1, help="Questions of a pool.", rich_help_panel=SHAPE
    ),
]
MinTokens = Annotated[int | None, typer.Option(min=1, help="Shortest pool.", rich_help_panel=SHAPE)]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="Longest pool.", rich_help_panel=SHAPE)]
HardNegatives = Annotated[
    int | None, typer.Option(min=0, help="Own distractors of an example, at most.", rich_help_panel=SHAPE)
]
NegativeShare = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Share of questions whose evidence is hidden.", rich_help_panel=SHAPE),
]
Epochs = Annotated[int | None, typer.Option(min=1, rich_help_panel=OPTIMISER)]
BatchPools = Annotated[int | None, typer.Option(min=1, help="Pools in a step.", rich_help_panel=OPTIMISER)]
LearningRate = Annotated[float | None, typer.Option(min=0, rich_help_panel=OPTIMISER)]
ScalarLrMultiplier = Annotated[
    float | None,
    typer.Option(
        "--scalar-lr-multiplier",
        "--scalar-rate",
        min=0,
        help="Learning rate of gate, temperatures and sink, as a multiple.",
        rich_help_panel=OPTIMISER,
    ),
]
WeightDecay = Annotated[
    float | None, typer.Option(min=0, help="Towards the starting weights.", rich_help_panel=OPTIMISER)
]
EmaDecay = Annotated[
    float | None,
    typer.Option(
        "--ema-decay",
        "--mean-decay",
        min=0,
        max=0.9999,
        help="Of the moving average of the weights, which is validated and saved.",
        rich_help_panel=OPTIMISER,
    ),
]
Interpolation = Annotated[
    float | None,
    typer.Option(
        "--interpolation",
        "--blend",
        min=0,
        max=1,
        help="How far from the untrained weights to that average the saved ones lie.",
        rich_help_panel=OPTIMISER,
    ),
]
Dropout = Annotated[float | None, typer.Option(min=0, max=0.99, rich_help_panel=OPTIMISER)]
ClipNorm = Annotated[float | None, typer.Option(min=0, rich_help_panel=OPTIMISER)]
WarmupShare = Annotated[float | None, typer.Option(min=0, max=1, rich_help_panel=OPTIMISER)]
ValidateEvery = Annotated[int | None, typer.Option(min=1, help="Steps.", rich_help_panel=OPTIMISER)]
ValidationQuestions = Annotated[
    int | None, typer.Option(min=1, help="Of each data set.", rich_help_panel=OPTIMISER)
]
HeldOutShare = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="Of the examples, for validation.", rich_help_panel=OPTIMISER),
]
Patience = Annotated[
    int | None, typer.Option(min=1, help="Validations without a better one.", rich_help_panel=OPTIMISER)
]


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What both commands take; a hyperparameter's field has the name that it has in the configuration."""

    output: Output
    squad: Squad = field(default_factory=list)
    hotpotqa: HotpotQA = field(default_factory=list)
    qmsum: QMSum = field(default_factory=list)
    data: Data = field(default_factory=list)
    python: Python = field(default_factory=list)
    key_lists: KeyLists = 0
    limit: LimitOption = field(default_factory=list)
    preset: PresetOption = Preset.EMBEDDED
    features: Features = None
    resume: Resume = False
    questions_per_pool: QuestionsPerPool = None
    min_tokens: MinTokens = None
    max_tokens: MaxTokens = None
    hard_negatives: HardNegatives = None
    negative_share: NegativeShare = None
    epochs: Epochs = None
    batch_pools: BatchPools = None
    learning_rate: LearningRate = None
    scalar_lr_multiplier: ScalarLrMultiplier = None
    weight_decay: WeightDecay = None
    ema_decay: EmaDecay = None
    interpolation: Interpolation = None
    warmup_share: WarmupShare = None
    dropout: Dropout = None
    clip_norm: ClipNorm = None
    validate_every: ValidateEvery = None
    validation_questions: ValidationQuestions = None
    held_out_share: HeldOutShare = None
    patience: Patience = None
    seed: options.Seed = 0
    device: options.DeviceOption = options.Device.AUTO
    quiet: options.Quiet = False
    config: options.Config = None
