"""Which scorer: a checkpoint on its backbone, or an untrained backbone. Shared by commands and the API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, get_args

from longattncomp_cli.core.backbones.cache.choice import NO_CACHE, CacheChoice
from longattncomp_cli.core.backbones.spec import EncodingName, UntrainedBackbone
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT, UNTRAINED_CHECKPOINT
from longattncomp_cli.core.chunking.chunks import SnapLevel
from longattncomp_cli.errors import UsageError

if TYPE_CHECKING:
    from longattncomp_cli.core.backbones.base import Backbone
    from longattncomp_cli.core.checkpoint.store import Checkpoint
    from longattncomp_cli.core.scoring.scorer import Scorer

_ALLOWED: dict[str, tuple[str | None, ...]] = {
    "dtype": ("auto", "float32", "bfloat16"),
    "encoding": (None, *get_args(EncodingName)),
    "snap": (None, *get_args(SnapLevel)),
}
"""Fields that are one of a few words; a device is asked of the machine."""


@dataclass(frozen=True, kw_only=True)
class ScorerChoice:
    """Which scorer to load, where, and how it reads."""

    checkpoint: str | None = None
    """A shipped name or a directory; the default one where ``None`` and no ``backbone`` is named."""
    backbone: str | None = None
    """An encoder or a causal language model (a folder, a file, a hub id, a package), untrained; with
    ``checkpoint``: where that one's backbone lies."""
    layers: str | None = None
    """How many layers of an untrained ``backbone`` may be used, or which share; all where ``None``."""
    encoding: EncodingName | None = None
    """How a decoder reads; the checkpoint's way where ``None``, ``full`` for an untrained one. An encoder is
    ``windowed``."""
    chat_template: bool = False
    """Whether the prompt of an untrained ``backbone`` begins as its chat template does."""
    trust_remote_code: bool = False
    """Run code that lies beside the backbone."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda`` or ``mps``."""
    dtype: str = "auto"
    """Precision of the backbone: ``auto``, ``float32`` or ``bfloat16``."""
    chunk_tokens: int | None = None
    """Backbone tokens of a chunk at most; the checkpoint's own where ``None``."""
    snap: SnapLevel | None = None
    """Where a chunk may end; the checkpoint's own where ``None``."""
    hops: int | None = None
    """How far evidence may lie from the query; the checkpoint's own where ``None``."""
    as_published: bool = False
    """Score as LongAttnComp (arXiv:2606.01336) does, with no step of ours."""

    def __post_init__(self) -> None:
        """Refuse what is out of range, or contradicts itself."""
        for name, allowed in _ALLOWED.items():
            value = getattr(self, name)
            if value not in allowed:
                raise UsageError(
                    f"--{name} {value!r} is not one of {', '.join(each for each in allowed if each)}"
                )
        if self.chunk_tokens is not None and self.chunk_tokens < 1:
            raise UsageError(f"--chunk-tokens {self.chunk_tokens} is below 1", hint="128 is the usual")
        if not (self.layers or self.chat_template):
            return
        name = "--layers" if self.layers else "--chat-template"
        if self.backbone is None:
            raise UsageError(
                f"{name} without --backbone", hint="name a model: --backbone PATH|HUB_ID|PACKAGE"
            )
        if not self.is_untrained:
            raise UsageError(f"{name} and --checkpoint", hint="drop one: a checkpoint says how it reads")

    def load(
        self, on_note: Callable[[str], None] = lambda text: None, cache: CacheChoice = NO_CACHE
    ) -> Scorer:
        """Load it.

        Args:
            on_note: called with what the user should know.
            cache: what is kept of contexts that were read.

        Raises:
            ResourceError: a model or device is not there.
            CheckpointError: the checkpoint is not there, broken, or does not fit.
        """
        from longattncomp_cli.core.scoring.options import ScoringOptions
        from longattncomp_cli.core.scoring.scorer import Scorer

        checkpoint, backbone = self.load_parts(on_note)
        if cache.in_memory or cache.folder is not None:
            from longattncomp_cli.core.backbones.cache.backbone import MEMORY_BYTES, cached
            from longattncomp_cli.core.backbones.cache.disk import StateFiles

            backbone = cached(
                backbone,
                memory_bytes=MEMORY_BYTES[backbone.device.type] if cache.in_memory else 0,
                files=None if cache.folder is None else StateFiles(cache.folder, cache.max_bytes),
                on_note=on_note,
            )
        options = ScoringOptions.of(
            checkpoint.config, chunk_tokens=self.chunk_tokens, snap=self.snap, hops=self.hops
        )
        return Scorer(checkpoint, backbone, options)

    @property
    def is_default(self) -> bool:
        """Whether nobody said which checkpoint or backbone reads."""
        return self.checkpoint is None and self.backbone is None and not self.as_published

    @property
    def is_untrained(self) -> bool:
        """Whether the backbone is all that is named, or named with the untrained checkpoint."""
        return self.backbone is not None and self.checkpoint in (None, UNTRAINED_CHECKPOINT)

    def load_parts(self, on_note: Callable[[str], None] = lambda text: None) -> tuple[Checkpoint, Backbone]:
        """A checkpoint and its backbone, or a backbone and its untrained layer; see :meth:`load`."""
        from longattncomp_cli.core.scoring.loading import load_backbone_of
        from longattncomp_cli.core.scoring.untrained import load_untrained

        if self.backbone is not None and self.is_untrained:
            untrained = UntrainedBackbone(
                name=self.backbone,
                layers=self.layers,
                encoding=self.encoding,
                chat_template=self.chat_template,
                trust_remote_code=self.trust_remote_code,
                device=self.device,
                dtype=self.dtype,
            )
            made, backbone = load_untrained(untrained, on_note=on_note, in_segments=not self.as_published)
            return made.as_published() if self.as_published else made, backbone
        checkpoint = self.load_checkpoint()
        backbone = load_backbone_of(
            checkpoint.config,
            device=self.device,
            dtype=self.dtype,
            trust_remote_code=self.trust_remote_code,
        )
        return checkpoint, backbone

    def load_checkpoint(self) -> Checkpoint:
        """The checkpoint alone: its backbone where ``backbone`` says, read as ``encoding`` says.

        Raises:
            CheckpointError: it is not there, or broken.
        """
        from longattncomp_cli.core.checkpoint.store import load_checkpoint

        checkpoint = load_checkpoint(DEFAULT_CHECKPOINT if self.checkpoint is None else self.checkpoint)
        config = checkpoint.config
        if self.backbone not in (None, config.backbone.id):
            # Where it is not there, the package of the checkpoint's own is not what was asked for.
            spec = replace(config.backbone, id=self.backbone, package_path="")
            config = replace(config, backbone=spec)
        if self.encoding is not None:
            config = replace(config, encoding=self.encoding)
        checkpoint = replace(checkpoint, config=config)
        return checkpoint.as_published() if self.as_published else checkpoint
