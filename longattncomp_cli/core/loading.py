"""Load what scores: a checkpoint on its backbone, or an untrained decoder. Shared by commands and the API."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from longattncomp_cli.core.boundaries import SnapLevel
from longattncomp_cli.core.model_files import EncodingName
from longattncomp_cli.core.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.errors import UsageError

if TYPE_CHECKING:
    from longattncomp_cli.core.scoring import Scorer


@dataclass(frozen=True, kw_only=True)
class ScorerChoice:
    """Which scorer to load, where, and how it reads."""

    checkpoint: str | None = None
    """A shipped name or a directory; the default one where ``None`` and no ``backbone`` is named."""
    backbone: str | None = None
    """A causal language model, untrained; with ``checkpoint``: where that one's backbone lies."""
    layers: str | None = None
    """Of an untrained ``backbone``: how many layers to use, or which share of them."""
    encoding: EncodingName | None = None
    """How a decoder reads; the checkpoint's way where ``None``, ``full`` for an untrained one."""
    chat_template: bool = False
    """Of an untrained ``backbone``: begin the prompt as its chat template does."""
    trust_remote_code: bool = False
    """Run code that lies beside the backbone."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda`` or ``mps``."""
    dtype: str = "auto"
    """Of the backbone: ``auto``, ``float32`` or ``bfloat16``."""
    chunk_tokens: int | None = None
    """Backbone tokens of a chunk at most; the checkpoint's own where ``None``."""
    snap: SnapLevel | None = None
    """Where a chunk may end; the checkpoint's own where ``None``."""
    hops: int | None = None
    """How far evidence may lie from the query; the checkpoint's own where ``None``."""
    as_published: bool = False
    """Score as the paper does, without the steps that were added to it."""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if not (self.layers or self.chat_template):
            return
        name = "--layers" if self.layers else "--chat-template"
        if self.backbone is None:
            raise UsageError(f"{name} without --backbone", hint="name a decoder: --backbone DIR_OR_HUB_ID")
        if self.checkpoint is not None:
            raise UsageError(f"{name} and --checkpoint", hint="drop one: a checkpoint says how it reads")

    def load(self) -> Scorer:
        """Load it.

        Raises:
            ResourceError: a model or device is not there.
            CheckpointError: the checkpoint is not there, broken, or does not fit.
        """
        shared: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("device", "dtype", "chunk_tokens", "snap", "trust_remote_code", "hops")
        }
        if self.backbone is not None and self.checkpoint is None:
            from longattncomp_cli.core.decoders.start import load_decoder_scorer

            scorer = load_decoder_scorer(
                self.backbone,
                self.layers,
                encoding=self.encoding or "full",
                chat_template=self.chat_template,
                **shared,
            )
            return self._as_published(scorer) if self.as_published else scorer
        from longattncomp_cli.core.checkpoint import load_checkpoint
        from longattncomp_cli.core.scoring import load_scorer

        checkpoint = load_checkpoint(self.checkpoint or DEFAULT_CHECKPOINT)
        config = checkpoint.config
        if self.backbone is not None:
            config = replace(config, backbone=replace(config.backbone, id=self.backbone))
        if self.encoding is not None:
            config = replace(config, encoding=self.encoding)
        checkpoint = replace(checkpoint, config=config)
        return load_scorer(checkpoint.as_published() if self.as_published else checkpoint, **shared)

    def _as_published(self, scorer: Scorer) -> Scorer:
        """The same backbone under the paper's scoring."""
        from longattncomp_cli.core.scoring import Scorer

        return Scorer(
            scorer.checkpoint.as_published(),
            scorer.backbone,
            chunk_tokens=self.chunk_tokens,
            snap=self.snap,
            hops=self.hops,
        )
