"""The projection behind a ColBERT model's last layer, whose outputs it compares (arXiv:2004.12832).

PyLate saves it beside the model, as a module of sentence-transformers: ``modules.json`` names a ``Dense``
right behind the ``Transformer``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor


def late_projection(folder: Path, width: int) -> Tensor | None:
    """(D, K): what states of the last layer are multiplied with; ``None`` where there is no plain one.

    Args:
        folder: of the model.
        width: of its states, D.
    """
    modules = _read(folder / "modules.json")
    if not isinstance(modules, list) or len(modules) != 2:
        return None
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules if isinstance(module, dict)]
    if kinds != ["Transformer", "Dense"]:
        return None
    place = folder / Path(str(modules[1].get("path", ""))).name
    settings = _read(place / "config.json")
    activation = str(settings.get("activation_function", "")) if isinstance(settings, dict) else "?"
    if activation.rpartition(".")[2] not in ("", "Identity"):
        return None
    try:
        tensors = load_file(place / "model.safetensors")
    except (OSError, ValueError, SafetensorError):
        return None
    weight_KD = tensors.get("linear.weight")
    if len(tensors) != 1 or weight_KD is None or weight_KD.ndim != 2 or weight_KD.shape[1] != width:
        return None
    return weight_KD.float().T.contiguous() if weight_KD.shape[0] <= width else None


def _read(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
