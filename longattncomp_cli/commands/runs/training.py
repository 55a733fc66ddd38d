"""What both training commands do: settings in, a run with a progress bar, a line at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from longattncomp_cli.commands.options.training import TrainOptions
from longattncomp_cli.commands.terminal.console import on_note
from longattncomp_cli.commands.terminal.progress import step_progress
from longattncomp_cli.core.backbones.spec import UntrainedBackbone
from longattncomp_cli.errors import UsageError

if TYPE_CHECKING:
    from longattncomp_cli.core.backbones.base import Backbone
    from longattncomp_cli.core.checkpoint.config import CheckpointConfig, Pooling
    from longattncomp_cli.core.checkpoint.store import Checkpoint
    from longattncomp_cli.training.config import TrainingConfig
    from longattncomp_cli.training.stages import Hooks
    from longattncomp_cli.training.trainables import Part
    from longattncomp_cli.training.trainer import Progress as StepProgress

_FILES = ("squad", "hotpotqa", "qmsum", "data")


def train(
    options: TrainOptions,
    *,
    stage: int,
    init: str,
    layers: str | None = None,
    pooling: str | None = None,
    more_files: Mapping[str, Sequence[Path]] | None = None,
    sub_queries: bool = False,
    replay: float | None = None,
    untrained: UntrainedBackbone | None = None,
    part: Part = "layer",
    trust_remote_code: bool = False,
) -> None:
    """Train a stage; notes and progress on stderr.

    Args:
        options: what both commands take.
        stage: 1 or 2.
        init: the starting checkpoint.
        layers, pooling: of Stage 1.
        more_files: of Stage 2, by reader's name.
        sub_queries: whether queries carry their sub-queries.
        replay: share of Stage 1's data in Stage 2.
        untrained: of Stage 1, instead of ``init``.
        part: what is trained.
        trust_remote_code: run code that lies beside a decoder.
    """
    untrained, read_layers = _where_heads_read(untrained, layers)
    if part == "gate" and read_layers is not None:
        raise UsageError("--layers with --part gate", hint="leave it out: heads read what they read before")
    if pooling not in (None, "log", "mean"):
        raise UsageError(f"--pooling {pooling!r} is neither log nor mean")
    from longattncomp_cli.training import config as presets
    from longattncomp_cli.training.stages import StageRun, run_stage

    note = on_note(quiet=options.quiet)
    start, backbone = _start(init, untrained, pooling, options.preset, note)
    hop_limits = presets.HOP_LIMITS if part == "hop" else {}
    run = StageRun(
        stage=stage,
        part=part,
        name=options.output.name,
        init=start,
        files={**{name: getattr(options, name) for name in _FILES}, **(more_files or {})},
        limits={**presets.EXAMPLE_LIMITS[options.preset, stage], **hop_limits, **_limits(options.limit)},
        config=_config(options, stage, part, start.config, read_layers, pooling),
        output=options.output,
        features=options.features,
        python=options.python,
        key_lists=options.key_lists,
        sub_queries=sub_queries,
        replay=replay,
        resume=options.resume,
        command=_command(),
        device=options.device,
        backbone=backbone,
        trust_remote_code=trust_remote_code,
    )
    with step_progress(quiet=options.quiet) as advance:
        result = run_stage(run, _hooks(advance, note))
    if result is not None:
        note(f"best held-out evidence recall {result.score:.4f} → {options.output}")


def _where_heads_read(
    untrained: UntrainedBackbone | None, layers: str | None
) -> tuple[UntrainedBackbone | None, tuple[int, ...] | None]:
    """``--layers``: of an untrained decoder where heads are looked for, else the layer of each head."""
    if layers is None:
        return untrained, None
    if untrained is not None:
        from longattncomp_cli.core.backbones.kind import backbone_kind

        if backbone_kind(untrained.name) == "decoder":
            return replace(untrained, layers=layers), None
    return untrained, _layers(layers)


def _start(
    init: str,
    untrained: UntrainedBackbone | None,
    pooling: str | None,
    preset: str,
    note: Callable[[str], None],
) -> tuple[Checkpoint, Backbone | None]:
    """The checkpoint that training starts from (``--init``, or an untrained backbone's), and its backbone.

    How many heads of an untrained decoder are trained the preset says; ``paper`` takes them without positions
    and null query, which the paper's layer does not have.

    Returns:
        The backbone is ``None`` where it is not loaded yet.
    """
    if untrained is None:
        from longattncomp_cli.core.checkpoint.store import load_checkpoint

        return load_checkpoint(init), None
    from longattncomp_cli.core.scoring.untrained import load_untrained
    from longattncomp_cli.training.config import NUM_HEADS

    made, backbone = load_untrained(
        untrained, num_heads=NUM_HEADS.get(preset), on_note=note, in_segments=False
    )
    if made.config.backbone.kind == "encoder":
        return made, backbone
    chosen: Pooling = "log" if pooling == "log" else "mean"
    made = made.as_published() if preset == "paper" else made
    null_query = made.config.null_query if chosen == "mean" else ""
    return replace(made, config=replace(made.config, pooling=chosen, null_query=null_query)), backbone


def _config(
    options: TrainOptions,
    stage: int,
    part: Part,
    start: CheckpointConfig,
    layers: tuple[int, ...] | None,
    pooling: str | None,
) -> TrainingConfig:
    """The preset's hyperparameters, and those that were given."""
    from longattncomp_cli.training import config as presets

    if start.backbone.kind == "decoder":
        pooling = start.pooling
    elif part in ("gate", "hop") and layers is None:
        layers = start.layers
    elif stage == 1 and layers is None:
        layers = presets.layers_of_heads(max(start.layers))
    given = {name: getattr(options, name) for name in presets.hyperparameters() if hasattr(options, name)}
    return presets.preset(options.preset, stage, part=part, **given, layers=layers, pooling=pooling)


def _hooks(advance: Callable[[str, int, int], None], note: Callable[[str], None]) -> Hooks:
    """What a run tells: notes, and how far it is, which counts tokens first and then steps."""
    from longattncomp_cli.training.stages import Hooks

    def on_step(progress: StepProgress) -> None:
        best = "" if progress.best is None else f" · recall {progress.best:.3f}"
        label = f"step {progress.step} · loss {progress.loss:.3f}{best}"
        advance(label, progress.step, progress.total_steps)

    return Hooks(on_note=note, on_tokens=partial(advance, "encoding"), on_step=on_step)


def search_heads(options: TrainOptions, decoder: UntrainedBackbone) -> None:
    """Find a decoder's retrieval heads and write a checkpoint; notes and progress on stderr.

    Args:
        options: files and folder.
        decoder: which one, and in how many of its layers to look.

    Raises:
        UsageError: it is an encoder.
    """
    from longattncomp_cli.core.backbones.decoder.backbone import open_decoder
    from longattncomp_cli.core.backbones.kind import backbone_kind
    from longattncomp_cli.core.backbones.spec import BackboneSpec
    from longattncomp_cli.core.scoring.loading import untrained_options
    from longattncomp_cli.training.heads import HeadSearch, find_heads

    if backbone_kind(decoder.name) == "encoder":
        raise UsageError(
            f"--part heads: {decoder.name} is an encoder and has no retrieval heads",
            hint="drop it: its layer works untrained, and is trained without --part",
        )
    weights = open_decoder(decoder.name, trust_remote_code=decoder.trust_remote_code)
    search = HeadSearch(
        backbone=BackboneSpec(id=decoder.name, sha256="", kind="decoder"),
        options=untrained_options(decoder, weights),
        files={name: getattr(options, name) for name in _FILES},
        output=options.output,
        seed=options.seed,
        command=_command(),
        trust_remote_code=decoder.trust_remote_code,
    )
    with step_progress(quiet=options.quiet) as advance:
        find_heads(search, on_note(quiet=options.quiet), partial(advance, "measuring heads"))


def _command() -> str:
    """The command line as typed, without folders."""
    return " ".join(["longattncomp", *(_without_folders(word) for word in sys.argv[1:])])


def _without_folders(word: str) -> str:
    """A card names files, not where they lay."""
    return Path(word).name if "/" in word else word


def _layers(text: str) -> tuple[int, ...]:
    try:
        layers = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--layers {text!r} is not a list of layers", hint="such as 6,6,6,0") from None
    if not layers or min(layers) < 0:
        raise UsageError(f"--layers {text!r}: a layer is 0 or more")
    return layers


_LIMITED = {"2wiki": "2wikimultihopqa", "python": "python", "key-lists": "keys"}
"""What ``--limit`` takes beside the names of the readers, and how the data calls it."""


def _limits(pairs: Sequence[str]) -> dict[str, int]:
    from longattncomp_cli.data.readers import READERS

    names = {**{name: name for name in READERS}, **_LIMITED}
    limits = {}
    for pair in pairs:
        name, _, number = pair.partition("=")
        if not name or not number.isdecimal():
            raise UsageError(f"--limit {pair!r} is not DATASET=N", hint="such as squad=16000")
        if name not in names:
            raise UsageError(f"--limit {pair!r}: no such data set", hint=f"one of {', '.join(names)}")
        limits[names[name]] = int(number)
    return limits
