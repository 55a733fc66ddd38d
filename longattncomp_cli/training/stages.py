"""Both stages over one loop. Stage 1 builds the retrieval foundation; Stage 2 starts from its checkpoint.

A stage is a set of data, a starting point and a learning rate (LongAttnComp, arXiv:2606.01336).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from longattncomp_cli.core.backbones.base import Backbone
from longattncomp_cli.core.backbones.runtime import keep_freed_memory
from longattncomp_cli.core.checkpoint.store import Checkpoint, save_checkpoint
from longattncomp_cli.core.files.output_files import make_folder
from longattncomp_cli.core.scoring.loading import load_backbone_of
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.errors import OutputError
from longattncomp_cli.training import processes, run_state
from longattncomp_cli.training.config import TrainingConfig
from longattncomp_cli.training.examples import TrainingData, load_data
from longattncomp_cli.training.memory import memory_estimate, tell_memory
from longattncomp_cli.training.pools.features import FeatureStore
from longattncomp_cli.training.pools.haystack_pools import write_report
from longattncomp_cli.training.pools.scorer import PoolScorer
from longattncomp_cli.training.pools.whole_pools import fitting_pools, reads_whole_pools, remembering_pools
from longattncomp_cli.training.reports.card import model_card
from longattncomp_cli.training.trainables import (
    Part,
    Trainable,
    instruction_of,
    layers_to_read,
    trainable_hop,
    trainable_layer,
)
from longattncomp_cli.training.trainer import Progress, Trainer
from longattncomp_cli.training.validation import SHARES, ValidationResult


@dataclass(frozen=True, kw_only=True)
class StageRun:
    """What one command asks for."""

    stage: int
    """1 or 2."""
    name: str
    """Name of the checkpoint."""
    init: Checkpoint
    """Stage 1: any checkpoint of the backbone; Stage 2: the one to go on from."""
    files: Mapping[str, Sequence[Path]]
    """Data files by the name of their reader."""
    limits: Mapping[str, int]
    """Maximum number of training examples, by data set."""
    config: TrainingConfig
    """Hyperparameters."""
    output: Path
    """The checkpoint's folder."""
    features: Path | None
    """Where encoded documents are kept; in memory where ``None``."""
    python: Sequence[Path] = ()
    """Folders of Python files to make questions about."""
    key_lists: int = 0
    """Number of key–value lists to make questions about."""
    part: Part = "layer"
    """What is trained."""
    sub_queries: bool = False
    """Whether queries carry their sub-queries."""
    replay: float | None = None
    """Share of the examples that are Stage 1's, instead of their limits."""
    resume: bool = False
    """Whether to continue the run in ``output``."""
    command: str = ""
    """The command line as typed, for the card."""
    device: str = "auto"
    """Where to compute, where ``backbone`` is not loaded yet."""
    backbone: Backbone | None = None
    """The backbone of ``init``, if it is loaded already."""
    trust_remote_code: bool = False
    """Run code that lies beside the backbone, where it is not loaded yet."""


@dataclass(frozen=True)
class Hooks:
    """Callbacks of a run; nothing is printed here."""

    on_note: Callable[[str], None] = lambda text: None
    on_tokens: Callable[[int, int], None] = lambda done, total: None
    on_step: Callable[[Progress], None] = lambda progress: None


def run_stage(run: StageRun, hooks: Hooks) -> ValidationResult | None:
    """Encode, train, and leave the best checkpoint in ``run.output``.

    Raises:
        OutputError: the folder holds a checkpoint and ``resume`` is off, or cannot be made.
        CheckpointError: ``resume`` finds nothing to go on from.
        KeyboardInterrupt: the state is kept; ``resume`` continues.
    """
    if run_state.is_kept(run.output) and not run.resume and processes.rank() == 0:
        raise OutputError(
            f"{run.output} holds a run", hint="add --resume to go on, or choose another --output"
        )
    make_folder(run.output)
    with processes.joined():
        return _run(run, hooks)


def _run(run: StageRun, hooks: Hooks) -> ValidationResult | None:
    data = load_data(
        run.files,
        limits=run.limits,
        held_out_share=run.config.held_out_share,
        validation_questions=run.config.validation_questions,
        sub_queries=run.sub_queries,
        python=run.python,
        key_lists=run.key_lists,
        replay=run.replay,
    )
    trainable = _trainable(run)
    store = trainable.pool_scorer.store
    run = _with_fitting_pools(run, trainable.pool_scorer, data, hooks)
    estimate = memory_estimate(
        trainable.pool_scorer.attention,
        store,
        max_tokens=run.config.pools.max_tokens,
        text_tokens=store.estimate_tokens(data.documents),
    )
    tell_memory(estimate, hooks.on_note)
    if not reads_whole_pools(store):
        _encode(store, data, hooks)
    results: list[ValidationResult] = []
    clock = time.monotonic()

    def save_best(step: int, result: ValidationResult) -> None:
        results.append(result)
        record = _record(run, data, step, result)
        card = model_card(run.name, record, run.command, time.monotonic() - clock, shares=SHARES)
        save_checkpoint(trainable.checkpoint(run.name, record), run.output, card)

    trainer = Trainer(trainable, data, run.config, run.output, save_best)
    if run.resume:
        trainer.resume()
    _tell_plan(trainer, hooks)
    trainer.run(hooks.on_step)
    return results[-1] if results else None


def _trainable(run: StageRun) -> Trainable:
    """The layer in training, on the backbone of the starting checkpoint."""
    scorer = _scorer(run)
    store = FeatureStore(
        scorer,
        layers_to_read(run.stage, run.part, run.init, run.config),
        run.features,
        instruction="" if run.part == "hop" else instruction_of(run.init),
    )
    if run.part == "hop":
        return trainable_hop(run.init, run.config, scorer, store)
    return trainable_layer(run.stage, run.part, run.init, run.config, scorer, store)


def _tell_plan(trainer: Trainer, hooks: Hooks) -> None:
    """Say what will be trained on, and write down how the first haystacks are composed."""
    num_examples, num_pools = len(trainer.data.train), len(trainer.validation)
    hooks.on_note(f"{num_examples} examples, {num_pools} validation pools, {trainer.total_steps} steps")
    if trainer.left_out:
        hooks.on_note(
            f"{trainer.left_out} questions left out: their relevant documents are longer than a pool of "
            f"{trainer.config.pools.max_tokens} tokens"
        )
    composition = trainer.composition()
    if composition is not None and processes.rank() == 0:
        write_report(composition, trainer.folder)
        for label, value in composition.rows():
            hooks.on_note(f"{label}: {value}")


def _with_fitting_pools(run: StageRun, scorer: PoolScorer, data: TrainingData, hooks: Hooks) -> StageRun:
    """The same run, with pools that the backbone can read."""
    queries = [example.query for example in (*data.train, *data.held_out)]
    pools = fitting_pools(run.config.pools, scorer, queries)
    if pools != run.config.pools:
        hooks.on_note(f"pools of at most {pools.max_tokens:,} tokens: the backbone reads no more in one pass")
    return replace(run, config=replace(run.config, pools=pools))


def _scorer(run: StageRun) -> Scorer:
    """The starting checkpoint on its backbone."""
    backbone = run.backbone
    if backbone is None:
        backbone = load_backbone_of(
            run.init.config,
            device=run.device,
            num_layers=max(
                (*run.init.config.layers, *layers_to_read(run.stage, run.part, run.init, run.config))
            )
            or 1,
            trust_remote_code=run.trust_remote_code,
        )
    keep_freed_memory()
    return Scorer(run.init, remembering_pools(backbone))


def _encode(store: FeatureStore, data: TrainingData, hooks: Hooks) -> None:
    """Encode what the store lacks: the first process writes, the others wait and open it again."""
    if processes.rank() == 0 or store.folder is None:
        missing = store.missing(data.documents)
        if missing:
            estimate = store.estimate_tokens(missing)
            size = estimate * store.bytes_per_token / 1e6
            hooks.on_note(f"encoding {len(missing)} documents, about {estimate:,.0f} tokens, {size:,.0f} MB")
            store.add(missing, hooks.on_tokens)
    processes.wait_for_all()
    if processes.rank() and store.folder is not None:
        store.add([])  # reads the index again


def _record(run: StageRun, data: TrainingData, step: int, result: ValidationResult) -> dict[str, Any]:
    """What ``config.json`` says about the training."""
    return {
        "stage": run.stage,
        "part": run.part,
        "init": run.init.config.name if run.stage == 2 else None,
        "examples": data.counts,
        "documents": len(data.documents),
        "sub_queries": run.sub_queries,
        "replay": run.replay,
        "hyperparameters": orjson.loads(orjson.dumps(asdict(run.config))),
        "step": step,
        "held_out_recall": {name: list(values) for name, values in result.recall.items()},
        "held_out_auroc": result.auroc,
    }
