"""Checkpoints: a directory with ``config.json``, ``model.safetensors`` (trained tensors only) and a card.

No pickle is ever read. Shapes, numbers and the backbone's hash are checked before anything is computed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import orjson
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from longattncomp_cli.core.attention.cross_attention import CrossAttention, identity_projections
from longattncomp_cli.core.attention.hop_layer import HopLayer
from longattncomp_cli.core.attention.qk_norm import QKNormAttention
from longattncomp_cli.core.attention.rotary import RotaryAttention
from longattncomp_cli.core.checkpoint.config import CheckpointConfig, config_from_json
from longattncomp_cli.core.checkpoint.shipped import SHIPPED_FOLDER, shipped_checkpoints
from longattncomp_cli.errors import CheckpointError

_HOP = "hop."
_IDENTITY = "identity"
"""Key of ``config.json``: names of projections that are the identity, and stand in no file."""


@dataclass(frozen=True)
class Checkpoint:
    """A config, the tensors of its :class:`CrossAttention` and, under ``hop.…``, of its trained hop."""

    config: CheckpointConfig
    tensors: dict[str, Tensor]

    @cached_property
    def digest(self) -> str:
        """12 hex digits that change with any tensor, and with what the config says of scoring."""
        # How other files of the same weights are known changes no score.
        backbone = replace(self.config.backbone, norms_sha256="")
        digest = hashlib.sha256(_config_bytes(replace(self.config, backbone=backbone)))
        for name in sorted(self.tensors):
            digest.update(name.encode())
            digest.update(self.tensors[name].contiguous().numpy().tobytes())
        return digest.hexdigest()[:12]

    def as_published(self) -> Checkpoint:
        """The same projections, scored as LongAttnComp (arXiv:2606.01336) scores."""
        config = self.config.as_published()
        names = build_attention(config).state_dict().keys()
        return Checkpoint(config, {name: self.tensors[name] for name in names})


def load_checkpoint(name_or_folder: str) -> Checkpoint:
    """Load a shipped checkpoint by name, or one from a directory.

    Raises:
        CheckpointError: not found, a part is missing, or a part does not fit the others.
    """
    folder = Path(name_or_folder)
    if name_or_folder in shipped_checkpoints():
        folder = SHIPPED_FOLDER / name_or_folder
    elif not os.path.isdir(folder):  # noqa: PTH112 (False, not an error, for what cannot be a path)
        raise CheckpointError(
            f"checkpoint {name_or_folder!r} is neither a directory nor a shipped checkpoint",
            hint=f"shipped: {', '.join(shipped_checkpoints())}",
            code="no-checkpoint",
        )
    config, identity = _read_config(folder / "config.json")
    return Checkpoint(config, _read_tensors(folder / "model.safetensors", config, identity))


def save_checkpoint(checkpoint: Checkpoint, folder: Path, card: str) -> None:
    """Write the three files of a checkpoint; of projections that are the identity, that they are."""
    folder.mkdir(parents=True, exist_ok=True)
    identity = [name for name in CrossAttention.PROJECTIONS if _is_identity(checkpoint.tensors[name])]
    stored = {name: value.contiguous() for name, value in checkpoint.tensors.items() if name not in identity}
    save_file(stored, folder / "model.safetensors")
    (folder / "config.json").write_bytes(_config_bytes(checkpoint.config, identity))
    (folder / "README.md").write_text(card, encoding="utf-8")


def build_attention(config: CheckpointConfig) -> CrossAttention:
    """The layer that a checkpoint of this config holds, at its untrained start."""
    kind = CrossAttention
    if config.qk_norm or config.rotary:
        kind = QKNormAttention if config.qk_norm else RotaryAttention
    return kind(config.layers, config.width, config.head_width, config.sink == "learned")


def build_layers(checkpoint: Checkpoint) -> tuple[CrossAttention, HopLayer]:
    """The checkpoint's two layers."""
    config = checkpoint.config
    attention, hop_layer = build_attention(config), HopLayer(config.width, config.hop_rank)
    own = {name: value for name, value in checkpoint.tensors.items() if not name.startswith(_HOP)}
    attention.load_state_dict(own)
    if config.hop_rank:
        hop_layer.load_state_dict(
            {n.removeprefix(_HOP): v for n, v in checkpoint.tensors.items() if n.startswith(_HOP)}
        )
    return attention, hop_layer


def hop_tensors(hop_layer: HopLayer) -> dict[str, Tensor]:
    """A trained hop's tensors under their names in a checkpoint."""
    return {_HOP + name: value.detach().cpu().clone() for name, value in hop_layer.state_dict().items()}


def _is_identity(projections_HDK: Tensor) -> bool:
    return torch.equal(projections_HDK, identity_projections(*projections_HDK.shape).to(projections_HDK))


def _config_bytes(config: CheckpointConfig, identity: Sequence[str] = ()) -> bytes:
    values = asdict(config) | ({_IDENTITY: list(identity)} if identity else {})
    # Younger than the format: digests of older checkpoints stay what they were.
    for name in ("instruction", "segment_tokens", "rotary", "null_query"):
        if not values[name]:
            del values[name]
    for name in ("query_prefix", "context_prefix", "norms_sha256"):
        if not values["backbone"][name]:
            del values["backbone"][name]
    return orjson.dumps(values, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _read_config(path: Path) -> tuple[CheckpointConfig, frozenset[str]]:
    """The config, and which projections are the identity."""
    try:
        raw = orjson.loads(path.read_bytes())
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error.strerror})", hint="a checkpoint needs it"
        ) from error
    except orjson.JSONDecodeError as error:
        raise CheckpointError(f"{path}: not JSON ({error})") from error
    identity = raw.pop(_IDENTITY, []) if isinstance(raw, dict) else []
    if not isinstance(identity, list) or not set(map(str, identity)) <= set(CrossAttention.PROJECTIONS):
        raise CheckpointError(f"{path}: {_IDENTITY} may name {' and '.join(CrossAttention.PROJECTIONS)}")
    try:
        return config_from_json(raw), frozenset(map(str, identity))
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error.message}", hint=error.hint) from error


def _read_tensors(path: Path, config: CheckpointConfig, identity: Collection[str]) -> dict[str, Tensor]:
    """The tensors that the config asks for; shapes are compared before anything is read.

    Those that ``identity`` names are made, whether the file has them or not.
    """
    layers = dict(build_attention(config).state_dict())
    if config.hop_rank:
        layers |= hop_tensors(HopLayer(config.width, config.hop_rank))
    expected = {name: tuple(value.shape) for name, value in layers.items() if name not in identity}
    tensors = {name: identity_projections(*layers[name].shape) for name in identity}
    try:
        with safe_open(path, framework="pt") as file:
            names = set(file.keys())
            for name, shape in expected.items():
                if name not in names:
                    raise CheckpointError(f"{path}: no tensor {name!r}")
                found = tuple(file.get_slice(name).get_shape())
                if found != shape:
                    raise CheckpointError(f"{path}: {name} is {found}, expected {shape}")
                tensors[name] = file.get_tensor(name)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error})") from error
    for name, value in tensors.items():
        if not value.is_floating_point() or not torch.isfinite(value).all():
            raise CheckpointError(f"{path}: {name} holds numbers that are not finite")
    return tensors
