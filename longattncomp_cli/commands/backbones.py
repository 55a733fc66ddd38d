"""Which scorer the options ask for: a checkpoint, or an untrained decoder."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from longattncomp_cli.commands.options import Encoding
from longattncomp_cli.errors import UsageError

if TYPE_CHECKING:
    from longattncomp_cli.commands.run_options import RunOptions
    from longattncomp_cli.core.scoring import Scorer


def check_backbone_options(options: RunOptions) -> None:
    """Refuse options of a decoder where there is none to be made.

    Raises:
        UsageError: such an option without ``--backbone``, or beside a checkpoint that decides it.
    """
    if options.backbone is None and (options.layers or options.chat_template):
        name = "--layers" if options.layers else "--chat-template"
        raise UsageError(f"{name} without --backbone", hint="name a decoder: --backbone DIR_OR_HUB_ID")
    if options.checkpoint is not None and (options.layers or options.chat_template):
        name = "--layers" if options.layers else "--chat-template"
        raise UsageError(f"{name} and --checkpoint", hint="drop one: a checkpoint says how it reads")


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
    scorer = _load_scorer(options)
    if share or options.cache is not None:
        from longattncomp_cli.commands.output import noter
        from longattncomp_cli.core.cached_backbone import MEMORY_BYTES, CachedBackbone
        from longattncomp_cli.core.state_files import StateFiles

        scorer.backbone = CachedBackbone(
            scorer.backbone,
            memory_bytes=MEMORY_BYTES[scorer.backbone.device.type] if share else 0,
            files=None if options.cache is None else StateFiles(options.cache, max_bytes),
            on_note=noter(quiet=options.quiet),
        )
    return scorer


def _load_scorer(options: RunOptions) -> Scorer:
    """Load ``--checkpoint``, or ``--backbone`` untrained, or the default."""
    check_backbone_options(options)
    shared: dict[str, Any] = {
        "device": options.device.value,
        "dtype": options.dtype.value,
        "chunk_tokens": options.chunk_tokens,
        "snap": None if options.snap is None else options.snap.value,
        "trust_remote_code": options.trust_remote_code,
        "hops": options.hops,
    }
    if options.backbone is not None and options.checkpoint is None:
        from longattncomp_cli.core.decoder_start import load_decoder_scorer

        return load_decoder_scorer(
            options.backbone,
            options.layers,
            encoding=(options.encoding or Encoding.FULL).value,
            chat_template=options.chat_template,
            **shared,
        )
    from longattncomp_cli.core.checkpoint import DEFAULT_CHECKPOINT, load_checkpoint
    from longattncomp_cli.core.scoring import load_scorer

    checkpoint = load_checkpoint(options.checkpoint or DEFAULT_CHECKPOINT)
    config = checkpoint.config
    if options.backbone is not None:
        config = replace(config, backbone=replace(config.backbone, id=options.backbone))
    if options.encoding is not None:
        config = replace(config, encoding=options.encoding.value)
    return load_scorer(replace(checkpoint, config=config), **shared)
