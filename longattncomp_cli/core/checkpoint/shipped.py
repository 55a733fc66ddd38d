"""The checkpoints that come with the package; known without loading any."""

from __future__ import annotations

from pathlib import Path

SHIPPED_FOLDER = Path(__file__).parents[2] / "checkpoints"
DEFAULT_CHECKPOINT = "stage2-nosubq"
MULTILINGUAL_CHECKPOINT = "multilingual"
UNTRAINED_CHECKPOINT = "untrained"


def shipped_checkpoints() -> list[str]:
    """Their names."""
    return sorted(path.parent.name for path in SHIPPED_FOLDER.glob("*/config.json"))
