"""Hyperparameters of training, and the presets that set them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from longattncomp_cli.core.checkpoint.config import Pooling
from longattncomp_cli.errors import UsageError
from longattncomp_cli.training.pools.plan import PoolConfig

PresetName = Literal["paper", "embedded", "smoke"]


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """One run of the training loop."""

    layers: tuple[int, ...] = (6, 6, 6, 0)
    """For each head, the backbone layer whose states it reads; Stage 2 keeps its checkpoint's."""
    pooling: Pooling = "log"
    """``log`` is trained by cross-entropy over chunks, ``mean`` by AttnComp's loss."""
    epochs: int = 1
    """Passes over the examples."""
    batch_pools: int = 1
    """Pools in one optimiser step, over all processes."""
    learning_rate: float = 2e-4
    """Peak learning rate of the projections."""
    scalar_lr_multiplier: float = 10.0
    """Learning rate of temperatures, gate, floors and sink, as a multiple of the projections' rate."""
    warmup_share: float = 0.05
    """Share of the steps in which the learning rate rises."""
    weight_decay: float = 0.01
    """Of the projections, a share of the learning rate."""
    decay_towards: Literal["initial", "zero"] = "initial"
    """The weights that training started from (an encoder's: the identity), or AdamW's own zero."""
    ema_decay: float = 0.99
    """Decay a step of the exponential moving average of the weights, which is validated and saved."""
    interpolation: float = 1.0
    """Where the saved weights lie between the untrained ones (0) and that average (1), as in WiSE-FT."""
    dropout: float = 0.1
    """Share of the query states' numbers set to 0."""
    clip_norm: float = 1.0
    """Largest norm of the gradient."""
    held_out_share: float = 0.05
    """Share of the examples that chooses the checkpoint."""
    validation_questions: int = 48
    """At most this many held-out questions of each data set."""
    validate_every: int = 200
    """Steps between validations."""
    patience: int | None = 6
    """Validations without a better one that end the run; it goes to its end where ``None``."""
    seed: int = 0
    """Random seed of the order, the pools and the dropout."""
    pools: PoolConfig = field(default_factory=PoolConfig)
    """How questions share haystacks."""

    def __post_init__(self) -> None:
        """Refuse values that no run could use."""
        for name in ("epochs", "batch_pools", "validate_every", "patience", "validation_questions"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise UsageError(f"{name} {getattr(self, name)} is below 1")
        if not 0 <= self.dropout < 1 or not 0 < self.held_out_share < 1:
            raise UsageError("dropout must be in [0, 1), held_out_share in (0, 1)")
        if not 0 <= self.ema_decay < 1 or not 0 < self.interpolation <= 1:
            raise UsageError("ema_decay must be in [0, 1), interpolation in (0, 1]")
        if self.learning_rate <= 0 or self.clip_norm <= 0:
            raise UsageError("learning_rate and clip_norm must be above 0")


_PAPER_POOLS = PoolConfig(
    questions_per_pool=1,
    questions_per_group=1,
    min_tokens=8_000,
    max_tokens=48_000,
    hard_negatives=50,
    haystacks=True,
)
_PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "pooling": "mean",
        "epochs": 15,
        "batch_pools": 8,
        "scalar_lr_multiplier": 1.0,
        "warmup_share": 0.0,
        "weight_decay": 0.01,
        "decay_towards": "zero",
        "ema_decay": 0.0,
        "held_out_share": 0.05,
        "validation_questions": 1_000_000,
        "validate_every": 1_000,
        "patience": None,
        "pools": _PAPER_POOLS,
    },
    "embedded": {
        "learning_rate": 1e-3,
        "weight_decay": 0.5,
        "held_out_share": 0.15,
        "validate_every": 100,
        "validation_questions": 32,
    },
    "smoke": {
        "validate_every": 2,
        "validation_questions": 4,
        "held_out_share": 0.25,
        "pools": PoolConfig(questions_per_pool=4, questions_per_group=2, min_tokens=500, max_tokens=1_000),
    },
}
NUM_HEADS = {"paper": 16}
"""By preset: how many heads of a decoder are trained; those near the best one for the others."""
_STAGE2_INTERPOLATION = {"embedded": 0.7}
_STAGE2_RATE = {"paper": 0.25, "embedded": 0.5, "smoke": 0.25}  # of Stage 1's: 5e-5 against 2e-4 in the paper
_HOP_PART: dict[str, Any] = {
    "pooling": "log",
    "epochs": 1,
    "batch_pools": 2,
    "learning_rate": 1e-3,
    "weight_decay": 0.0,
    "interpolation": 1.0,
    "validate_every": 100,
    "validation_questions": 16,
}
_HOP_QUESTIONS = 4
"""A hop has few parameters, which learn fast from pools with few other questions' documents. Evidence is
never hidden: a hop does not change the sink."""

EXAMPLE_LIMITS: dict[tuple[str, int], dict[str, int]] = {
    ("paper", 1): {"squad": 16_000, "hotpotqa": 16_000},
    ("paper", 2): {"musique": 8_000, "2wikimultihopqa": 4_000, "squad": 4_000, "hotpotqa": 4_000},
    ("embedded", 1): {"squad": 8_000, "hotpotqa": 16_000, "qmsum": 160, "python": 500},
    ("embedded", 2): {
        "musique": 8_000,
        "2wikimultihopqa": 4_000,
        "hotpotqa": 4_000,
        "squad": 1_500,
        "qmsum": 160,
        "python": 300,
    },
    ("smoke", 1): {"squad": 32, "hotpotqa": 32},
    ("smoke", 2): {"musique": 16, "2wikimultihopqa": 16, "squad": 16, "hotpotqa": 16},
}
"""By preset and stage: how many examples of each data set at most; the rest is unlimited."""
HOP_LIMITS = {"squad": 300}
"""Single-hop questions, so that the second hop learns to change nothing where one is enough."""


def hyperparameters() -> list[str]:
    """What :func:`preset` takes as overrides."""
    names = [each.name for option_set in (TrainingConfig, PoolConfig) for each in fields(option_set)]
    return [name for name in names if name not in ("pools", "layers", "pooling", "decay_towards")]


def layers_of_heads(deepest: int) -> tuple[int, ...]:
    """The layers that heads read by default, on a backbone of another depth."""
    return tuple(deepest if layer else 0 for layer in TrainingConfig().layers)


def preset(name: str, stage: int, *, part: str = "layer", **overrides: Any) -> TrainingConfig:
    """The preset's numbers for the layer or the hop; overrides that are not ``None`` win."""
    config = TrainingConfig(**_PRESETS[name])
    if stage == 2:
        rate = config.learning_rate * _STAGE2_RATE[name]
        config = replace(
            config, learning_rate=rate, interpolation=_STAGE2_INTERPOLATION.get(name, config.interpolation)
        )
    if part == "hop":
        questions = min(_HOP_QUESTIONS, config.pools.questions_per_pool)
        pools = replace(config.pools, questions_per_pool=questions, negative_share=0.0)
        config = replace(config, **_HOP_PART, pools=pools)
    given = {key: value for key, value in overrides.items() if value is not None}
    pool_names = {each.name for each in fields(PoolConfig)}
    pools = replace(config.pools, **{key: given.pop(key) for key in list(given) if key in pool_names})
    return replace(config, pools=pools, **given)
