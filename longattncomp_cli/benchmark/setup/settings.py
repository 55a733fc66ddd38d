"""What decides the figures of all methods alike."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from longattncomp_cli.core.assembly.renderer import DEFAULT_SEPARATOR
from longattncomp_cli.core.backbones.spec import EncodingName
from longattncomp_cli.core.chunking.chunks import SnapLevel
from longattncomp_cli.core.scoring.choice import ScorerChoice
from longattncomp_cli.core.selection.select import SelectionRule, SelectMode
from longattncomp_cli.version import __version__

UNBUDGETED = "none"
"""Stands for the budget of methods that have none."""
# What each selection mode uses of its rule, besides ``fill``.
_DECISIVE: dict[SelectMode, tuple[str, ...]] = {
    "budget": (),
    "top-p": ("top_p",),
    "threshold": ("top_p", "epsilon"),
    "auto": ("auto",),
}


@dataclass(frozen=True, kw_only=True)
class BenchSettings:
    """Everything besides method and task that decides what is kept."""

    tokenizer: str = "o200k_base"
    """The tokenizer that counts budgets and context lengths."""
    chunk_tokens: int | None = None
    """Size of a chunk, at most; the first checkpoint's where ``None``."""
    snap: SnapLevel | None = None
    """Where a chunk may end; the first checkpoint's where ``None``."""
    rule: SelectionRule = field(default_factory=SelectionRule)
    """Selection of all methods that do not bring their own."""
    separator: str = DEFAULT_SEPARATOR
    """Between kept parts that were not neighbours."""
    seed: int = 0
    """Seed of every random number."""
    device: str = "auto"
    """Where to compute."""
    dtype: str = "auto"
    """Precision of the backbone."""
    as_published: bool = False
    """Score with the paper's own method: checkpoints without any step of ours."""
    backbone: str | None = None
    """An untrained decoder; with checkpoints: where their backbone lies."""
    layers: str | None = None
    """How many layers of an untrained decoder, or which share of them."""
    encoding: EncodingName | None = None
    """How a decoder reads; the checkpoint's way where ``None``."""

    def choice(self, checkpoint: str | None = None) -> ScorerChoice:
        """The scorer of a checkpoint, or of the untrained decoder, in these settings."""
        return ScorerChoice(
            checkpoint=checkpoint,
            backbone=self.backbone,
            layers=self.layers,
            encoding=self.encoding,
            device=self.device,
            dtype=self.dtype,
            as_published=self.as_published,
        )

    def as_dict(self) -> dict[str, Any]:
        """For the report; a run that continues it must have the same. Of the rule, what it really uses."""
        settings = asdict(self)
        decisive = ("mode", *_DECISIVE[self.rule.mode], "fill")
        settings["rule"] = {name: settings["rule"][name] for name in decisive}
        for name in ("as_published", "backbone", "layers", "encoding"):
            if not settings[name]:
                del settings[name]
        if self.backbone is not None and Path(self.backbone).exists():
            settings["backbone"] = Path(self.backbone).name
        return {"version": __version__, **settings}
