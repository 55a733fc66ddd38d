"""Which scorer the options ask for: a checkpoint, or an untrained decoder."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from longattncomp_cli.core.scoring.choice import ScorerChoice
from longattncomp_cli.errors import UsageError

if TYPE_CHECKING:
    from longattncomp_cli.commands.run_options import RunOptions
    from longattncomp_cli.core.backbones.base import Backbone
    from longattncomp_cli.core.backbones.spec import EncodingName
    from longattncomp_cli.core.checkpoint.config import Pooling
    from longattncomp_cli.core.checkpoint.store import Checkpoint
    from longattncomp_cli.core.scoring.scorer import Scorer


def scorer_choice(options: RunOptions) -> ScorerChoice:
    """The scorer that the options name.

    Raises:
        UsageError: options of a decoder where there is none to be made.
    """
    return ScorerChoice(
        checkpoint=options.checkpoint,
        backbone=options.backbone,
        layers=options.layers,
        encoding=None if options.encoding is None else options.encoding.value,
        chat_template=options.chat_template,
        trust_remote_code=options.trust_remote_code,
        device=options.device.value,
        dtype=options.dtype.value,
        chunk_tokens=options.chunk_tokens,
        snap=None if options.snap is None else options.snap.value,
        hops=options.hops,
    )


def parse_size(written: str) -> int:
    """Read a number of bytes: ``500M``, ``2G``, ``1.5g``, ``1048576``.

    Raises:
        UsageError: it is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?", written.strip(), re.IGNORECASE)
    size = int(float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " ")) if match else 0
    if size < 1:
        raise UsageError(f"--cache-size {written!r} is not a size", hint="such as 500M or 2G")
    return size


def load_run_scorer(options: RunOptions, *, share: bool) -> Scorer:
    """Load what scores, and let it remember contexts on disk (``--cache``) and in memory (``share``)."""
    max_bytes = parse_size(options.cache_size)
    scorer = scorer_choice(options).load()
    if share or options.cache is not None:
        from longattncomp_cli.commands.output import noter
        from longattncomp_cli.core.backbones.cache.backbone import MEMORY_BYTES, CachedBackbone
        from longattncomp_cli.core.backbones.cache.disk import StateFiles

        scorer.backbone = CachedBackbone(
            scorer.backbone,
            memory_bytes=MEMORY_BYTES[scorer.backbone.device.type] if share else 0,
            files=None if options.cache is None else StateFiles(options.cache, max_bytes),
            on_note=noter(quiet=options.quiet),
        )
    return scorer


@dataclass(frozen=True, kw_only=True)
class DecoderStart:
    """The decoder that training starts from, and how it reads."""

    backbone: str
    encoding: EncodingName
    chat_template: bool = False


def training_start(
    init: str,
    decoder: DecoderStart | None,
    layers: str | None,
    pooling: str | None,
    *,
    device: str,
    trust_remote_code: bool,
) -> tuple[Checkpoint, Backbone | None]:
    """The checkpoint that training starts from (``--init``, or an untrained decoder's), and its backbone.

    Returns:
        The backbone is ``None`` where it is not loaded yet.
    """
    if decoder is None:
        from longattncomp_cli.core.checkpoint.store import load_checkpoint

        return load_checkpoint(init), None
    from longattncomp_cli.core.scoring.loading import load_untrained_decoder

    made, backbone = load_untrained_decoder(
        decoder.backbone,
        layers,
        encoding=decoder.encoding,
        device=device,
        chat_template=decoder.chat_template,
        trust_remote_code=trust_remote_code,
    )
    chosen: Pooling = "log" if pooling == "log" else "mean"
    return replace(made, config=replace(made.config, pooling=chosen)), backbone
