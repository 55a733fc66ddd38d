"""The one training loop, of both stages: reproducible from its seed, resumable from its state.

Every pool, and the dropout on it, follows from (seed, epoch, pool number), so that an interrupted run and
its continuation, or one process and several, see the same numbers. Over several processes (``torchrun``) each
takes its share of a step's pools, and gradients are summed before the optimiser's step.

Shapes: N context tokens, C chunks, H heads, D width.
"""

from __future__ import annotations

import signal
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch
import torch.distributed as dist
from torch import Tensor

from longattncomp_cli.data.examples import Example
from longattncomp_cli.data.haystack_report import CompositionReport
from longattncomp_cli.errors import InputError
from longattncomp_cli.training import processes, run_state
from longattncomp_cli.training.config import TrainingConfig
from longattncomp_cli.training.examples import TrainingData
from longattncomp_cli.training.losses import attncomp_loss, cross_entropy
from longattncomp_cli.training.optimizer import AveragingOptimizer
from longattncomp_cli.training.pools.haystack_pools import HaystackPlan
from longattncomp_cli.training.pools.plan import PoolConfig, PoolPlan
from longattncomp_cli.training.pools.pool import Pool
from longattncomp_cli.training.reports.curves import draw_curves
from longattncomp_cli.training.trainables import Trainable
from longattncomp_cli.training.validation import ValidationResult, evaluate

_CURVES_SECONDS = 60
"""The curves are drawn anew while training when so much time has passed, and at the end."""


@dataclass(frozen=True)
class Progress:
    """What a progress bar needs to know after a step."""

    step: int
    total_steps: int
    loss: float
    best: float | None
    seconds: float


class Trainer:
    """Trains one layer on encoded documents.

    Args:
        trainable: the layer at its starting point, which is changed in place, and what scores pools with it.
        data: examples, of which those held out choose the best weights, and documents for random negatives.
        config: the hyperparameters.
        folder: where log, curves and state go.
        save_best: called (in the first process) whenever a validation is the best so far.
    """

    def __init__(
        self,
        trainable: Trainable,
        data: TrainingData,
        config: TrainingConfig,
        folder: Path,
        save_best: Callable[[int, ValidationResult], None],
    ) -> None:
        """Plan the run; nothing is computed yet."""
        if not data.train or not data.held_out:
            raise InputError("training needs examples on both sides of the split", hint="pass more data")
        self.pool_scorer = trainable.pool_scorer
        self.data, self.config, self.folder, self.save_best = data, config, folder, save_best
        self.rank, self.world = processes.rank(), processes.num_processes()
        # Every held-out question keeps its evidence: the sink is evaluated on the same pools with it hidden.
        shown = replace(config.pools, negative_share=0.0)
        self.validation = self._plan(_capped(data.held_out, config.validation_questions), shown, -1)
        plans = [self._plan(data.train, config.pools, epoch) for epoch in range(config.epochs)]
        if not len(plans[0]) or not len(self.validation):
            raise InputError(
                f"no question's relevant documents fit into a pool of {config.pools.max_tokens} tokens",
                hint="raise --max-tokens",
            )
        self.left_out = len(plans[0].left_out) + len(self.validation.left_out)
        # Epochs group questions anew, so that one may have a pool more than another.
        self.epoch_ends = list(accumulate(-(-len(plan) // config.batch_pools) for plan in plans))
        self.total_steps = self.epoch_ends[-1]
        self.optimizer = AveragingOptimizer(trainable.layer, config, self.total_steps, trainable.untrained)
        self.state = run_state.RunState()
        self._stop = False
        self._drawn = time.monotonic()

    def _plan(self, examples: Sequence[Example], pools: PoolConfig, epoch: int) -> PoolPlan:
        if pools.haystacks:
            return HaystackPlan(
                examples, pools, self.config.seed, epoch, self.data.documents, self.pool_scorer.num_tokens
            )
        return PoolPlan(examples, pools, self.config.seed, epoch, self.pool_scorer.num_tokens)

    def composition(self) -> CompositionReport | None:
        """What the first epoch's haystacks look like; nothing where pools are shared."""
        plan = self._plan(self.data.train, self.config.pools, 0)
        return plan.report() if isinstance(plan, HaystackPlan) else None

    def run(self, on_step: Callable[[Progress], None] | None = None) -> run_state.RunState:
        """Train to the end, an early stop or Ctrl-C (which keeps the state and raises again)."""
        started = time.monotonic()
        if self.rank == 0 and not self.state.step:
            (self.folder / run_state.LOG).unlink(missing_ok=True)  # of a run that failed early
        previous = self._listen()
        plan: PoolPlan | None = None
        try:
            while self.state.step < self.total_steps and not self._is_patience_at_end():
                current = bisect_right(self.epoch_ends, self.state.step)
                if plan is None or plan.epoch != current:
                    plan = self._plan(self.data.train, self.config.pools, current)
                begin = self.epoch_ends[current - 1] if current else 0
                loss = self._step(plan, self.state.step - begin)
                self.state.step += 1
                self._note(
                    {
                        "step": self.state.step,
                        "loss": loss,
                        "learning_rate": self.optimizer.learning_rate(self.state.step - 1),
                    }
                )
                if self.state.step % self.config.validate_every == 0 or self.state.step == self.total_steps:
                    self._validate()
                if on_step and self.rank == 0:
                    seconds = time.monotonic() - started
                    on_step(Progress(self.state.step, self.total_steps, loss, self.state.best, seconds))
                if self._stop:
                    self._save_state()
                    self._draw_curves()
                    raise KeyboardInterrupt
        finally:
            if previous is not None:
                signal.signal(signal.SIGINT, previous)
        self._save_state()
        self._draw_curves()
        return self.state

    def _listen(self) -> Any:
        """Let Ctrl-C end the run after the current step; returns the handler before (main thread only)."""

        def stop(number: int, frame: Any) -> None:
            self._stop = True

        try:
            return signal.signal(signal.SIGINT, stop)
        except ValueError:
            return None

    def _is_patience_at_end(self) -> bool:
        patience = self.config.patience
        return patience is not None and self.state.num_without_improvement >= patience

    def _step(self, plan: PoolPlan, number: int) -> float:
        """One optimiser step; returns the mean loss of its questions."""
        config = self.config
        numbers = range(number * config.batch_pools, min((number + 1) * config.batch_pools, len(plan)))
        num_questions = sum(len(plan.batches[i]) for i in numbers)
        self.optimizer.adamw.zero_grad(set_to_none=False)
        total = torch.zeros(())
        for index in numbers:
            if index % self.world != self.rank:
                continue
            torch.manual_seed(hash((config.seed, plan.epoch, index)) % 2**63)
            loss = self._loss(plan.pool(index, self.data.documents)) / num_questions
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach().cpu()
        if self.world > 1:
            dist.all_reduce(total)
        self.optimizer.step(self.state.step)
        return float(total)

    def _loss(self, pool: Pool) -> Tensor:
        """The summed loss of a pool's questions."""
        encoded = self.pool_scorer.encode(pool)
        allowed = [
            ~relevant_C if question.evidence_hidden else np.ones_like(relevant_C)
            for question, relevant_C in zip(pool.questions, encoded.relevant, strict=True)
        ]
        scored = self.pool_scorer.score(encoded, allowed, self.config.dropout)
        losses = []
        for scores, relevant, may_see in zip(scored, encoded.relevant, allowed, strict=True):
            relevant_C = torch.from_numpy(relevant[may_see]).to(scores.chunks_C.device)
            if self.config.pooling == "mean":
                document_C = encoded.states.document_C[scores.allowed_C]
                losses.append(attncomp_loss(scores.chunks_C, scores.sink, relevant_C, document_C))
            else:
                losses.append(cross_entropy(scores.chunks_C, scores.sink, relevant_C))
        return torch.stack(losses).sum()

    def _validate(self) -> None:
        with self.optimizer.averaged():
            self._keep_best(evaluate(self.pool_scorer, self.validation, self.data.documents))
        self._save_state()

    def _keep_best(self, result: ValidationResult) -> None:
        self._note(
            {"step": self.state.step, "recall": result.recall, "auroc": result.auroc, "score": result.score}
        )
        if self.state.best is None or result.score > self.state.best:
            self.state.best, self.state.num_without_improvement = result.score, 0
            if self.rank == 0:
                self.save_best(self.state.step, result)
        else:
            self.state.num_without_improvement += 1

    def _note(self, entry: dict[str, Any]) -> None:
        self.state.log.append(entry)
        if self.rank == 0:
            with (self.folder / run_state.LOG).open("ab") as file:
                file.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))

    def _save_state(self) -> None:
        if self.rank == 0:
            run_state.save(self.folder, self.state, self.optimizer.tensors(), self.optimizer.adamw)
            if time.monotonic() - self._drawn > _CURVES_SECONDS:
                self._draw_curves()

    def _draw_curves(self) -> None:
        if self.rank == 0:
            draw_curves(self.folder, self.state.log)
            self._drawn = time.monotonic()

    def resume(self) -> None:
        """Continue from the folder's state.

        Raises:
            CheckpointError: there is none, or it belongs to another layer.
        """
        self.state, tensors = run_state.load(self.folder, self.optimizer.initial, self.optimizer.adamw)
        self.optimizer.restore(tensors)


def _capped(examples: Sequence[Example], most: int) -> list[Example]:
    """At most ``most`` of each data set, the first ones."""
    counts: dict[str, int] = {}
    kept = []
    for example in examples:
        counts[example.dataset] = counts.get(example.dataset, 0) + 1
        if counts[example.dataset] <= most:
            kept.append(example)
    return kept
