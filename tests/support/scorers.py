"""A scorer that reads a context once, for tests that ask many things of the same text."""

from __future__ import annotations

from typing import Any

from longattncomp_cli.core.backbones.cache.backbone import cached
from longattncomp_cli.core.scoring.scorer import Scorer


def remembering(scorer: Scorer, **room: Any) -> Scorer:
    """The same scores to the bit; states are kept in memory unless ``room`` says otherwise."""
    return scorer.with_backbone(cached(scorer.backbone, **(room or {"memory_bytes": 2**28})))
