"""One step of the optimiser, and the average of the weights that is validated and saved."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.attention.hop_layer import HopLayer
from longattncomp_cli.training.config import TrainingConfig


class AveragingOptimizer:
    """AdamW that may decay towards the initial weights, and keeps an exponential average of all it passes.

    Attributes:
        initial: the weights at the start, by name.
        ema: their average so far.
        untrained: what the average is interpolated with.
        adamw: the optimiser, for its state.
    """

    def __init__(
        self,
        layer: CrossAttention | HopLayer,
        config: TrainingConfig,
        total_steps: int,
        untrained: Mapping[str, Tensor],
    ) -> None:
        """Take the layer as it is for the start."""
        self.layer, self.config, self.total_steps = layer, config, total_steps
        self.initial = {name: p.detach().clone() for name, p in layer.named_parameters()}
        self.untrained = untrained
        self.ema = {name: value.clone() for name, value in self.initial.items()}
        self.adamw = torch.optim.AdamW(
            [
                {"params": [p], "scale": 1.0 if name in layer.PROJECTIONS else config.scalar_lr_multiplier}
                for name, p in layer.named_parameters()
                if p.requires_grad
            ],
            lr=config.learning_rate,
            betas=(0.9, 0.98),
            weight_decay=config.weight_decay if config.decay_towards == "zero" else 0.0,
        )

    def learning_rate(self, step: int) -> float:
        """Learning rate of a step: a linear warm-up, then half a cosine down to 0."""
        warmup = max(1, round(self.total_steps * self.config.warmup_share))
        if step < warmup:
            return self.config.learning_rate * (step + 1) / warmup
        done = (step - warmup) / max(1, self.total_steps - warmup)
        return self.config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))

    def step(self, number: int) -> None:
        """Change the layer by its gradients, summed over processes."""
        parameters = [p for p in self.layer.parameters() if p.requires_grad]
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            if dist.is_initialized():
                dist.all_reduce(parameter.grad)
        torch.nn.utils.clip_grad_norm_(parameters, self.config.clip_norm)
        rate = self.learning_rate(number)
        for group in self.adamw.param_groups:
            group["lr"] = rate * group["scale"]
        self.adamw.step()
        with torch.no_grad():
            for name, parameter in self.layer.named_parameters():
                if name in self.layer.PROJECTIONS and self.config.decay_towards == "initial":
                    # Decay towards the initial weights, not towards zero.
                    parameter.lerp_(self.initial[name], min(1.0, rate * self.config.weight_decay))
                # ema ← ema + (1 − decay)(weight − ema). The first steps give the plain mean, by 1/2, 1/3, …:
                # with the full decay the initial weights would still have a share of decay^step.
                self.ema[name].lerp_(parameter, max(1 - self.config.ema_decay, 1 / (number + 2)))

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Put what is validated and saved into the layer: the average, interpolated with ``untrained``."""
        parameters = dict(self.layer.named_parameters())
        moving = {name: p.detach().clone() for name, p in parameters.items()}
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(self.untrained[name].lerp(self.ema[name], self.config.interpolation))
        try:
            yield
        finally:
            with torch.no_grad():
                for name, parameter in parameters.items():
                    parameter.copy_(moving[name])

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """What a run needs to go on, besides the state of ``adamw``."""
        return {"weight": dict(self.layer.named_parameters()), "ema": self.ema, "initial": self.initial}

    def restore(self, tensors: Mapping[str, dict[str, Tensor]]) -> None:
        """Go on from :meth:`tensors` of an earlier run."""
        self.layer.load_state_dict(tensors["weight"], strict=False)
        self.initial, self.ema = tensors["initial"], tensors["ema"]
