"""Checkpoints: a directory with ``config.json``, ``model.safetensors`` (trained tensors only) and a card.

No pickle is ever read. Shapes, numbers and the backbone's hash are checked before anything is computed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import orjson
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from longattncomp_cli.core.boundaries import SnapLevel
from longattncomp_cli.core.calibration import Calibration, SignModel, read_calibration, read_sign_model
from longattncomp_cli.core.cross_attention import CrossAttention
from longattncomp_cli.core.head_norm import HeadNormAttention
from longattncomp_cli.core.hop_layer import HopLayer
from longattncomp_cli.core.model_files import BackboneSpec, EncodingName
from longattncomp_cli.core.shipped import DEFAULT_CHECKPOINT as DEFAULT_CHECKPOINT
from longattncomp_cli.core.shipped import SHIPPED_FOLDER, shipped_checkpoints
from longattncomp_cli.errors import CheckpointError

FORMAT_VERSION = 1

# One of the two projections; the paper's has 8 million numbers.
_MOST_NUMBERS = 1 << 28
_HOP = "hop."

Pooling = Literal["mean", "log"]
Sink = Literal["none", "instruction", "learned"]


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """What ``config.json`` says."""

    name: str
    """What reports call it."""
    backbone: BackboneSpec
    """The frozen transformer it was made for."""
    layers: tuple[int, ...]
    """For each head, the backbone layer whose states it reads; 0 is the token embedding."""
    width: int
    """Of the backbone's states."""
    head_width: int
    """Of a head's projections."""
    pooling: Pooling = "log"
    """Over heads and query tokens: ``mean`` (paper) or ``log`` (weighted geometric mean)."""
    sink: Sink = "none"
    """What absorbs the mass when nothing is relevant: nothing, the instruction's tokens, a trained key."""
    window_tokens: int = 254
    """Tokens that the backbone reads at once, special tokens not counted."""
    chunk_tokens: int = 128
    """Default size of a chunk."""
    snap: SnapLevel = "auto"
    """Default place where a chunk may end."""
    encoding: EncodingName = "windowed"
    """How the backbone reads the context: independent windows, or one causal pass (decoders)."""
    head_norm: bool = False
    """Whether queries and keys are normalised in each head (decoders that do so themselves)."""
    chat_template: bool = False
    """Whether a decoder's prompt begins as its chat template does."""
    hops: int = 1
    """Default number of hops: 2 asks on with what the best chunks speak of."""
    hop_rank: int = 0
    """Of the trained hop's layer, whose tensors' names begin with ``hop.``; 0: the hop is untrained."""
    names: float = 0.0
    """How much a name of the query counts that stands in a chunk as spelt, beside a token's weight."""
    per_token: bool = False
    """Whether scores are divided by the chunks' sizes: shares of attention grow with them."""
    reach: float | None = None
    """How far a log score falls from a chunk to the one it goes on in, in standard deviations of all;
    ``None``: it does not reach on."""
    coverage: float = 0.0
    """The share of its weight that a word of the query loses once a better chunk answers it."""
    calibration: Calibration | None = None
    """Makes ``confidence`` a frequency: a model of signs, or slope and offset; else it is ``1 − sink``."""
    enough: SignModel | None = None
    """For ``--select auto``: the probability that few chunks hold all that is needed; ``None``: not known."""
    training: dict[str, Any] | None = None
    """What it was trained on, or nothing."""
    format_version: int = FORMAT_VERSION
    """Of this file."""

    def __post_init__(self) -> None:
        """Refuse values that no scorer could use."""
        for name, allowed in (("pooling", Pooling), ("sink", Sink), ("encoding", EncodingName)):
            if getattr(self, name) not in get_args(allowed):
                raise CheckpointError(
                    f"config.json: {name} {getattr(self, name)!r} is not one of {get_args(allowed)}"
                )
        sizes = (self.width, self.head_width, self.window_tokens, self.chunk_tokens, self.hops)
        if not self.layers or any(type(v) is not int or v < 1 for v in sizes):
            raise CheckpointError(
                "config.json: layers, widths, token counts and hops must be positive integers"
            )
        if type(self.hop_rank) is not int or not 0 <= self.hop_rank <= self.width:
            raise CheckpointError("config.json: hop_rank is a number from 0 to width")
        if len(self.layers) * self.width * self.head_width > _MOST_NUMBERS:
            raise CheckpointError("config.json: layers × width × head_width is larger than any real scorer")
        if type(self.per_token) is not bool:
            raise CheckpointError("config.json: per_token is true or false")
        steps = (self.names, 0.0 if self.reach is None else self.reach, self.coverage)
        if any(type(v) not in (int, float) or not 0 <= v < 1e3 for v in steps) or self.coverage > 1:
            raise CheckpointError(
                "config.json: names and reach must not be negative, coverage a share from 0 to 1"
            )
        if any(type(layer) is not int or layer < 0 for layer in self.layers):
            raise CheckpointError(f"config.json: layers {list(self.layers)} are not layer numbers")
        for name, read in (("calibration", read_calibration), ("enough", read_sign_model)):
            self._check_model(name, read)

    def _check_model(self, name: str, read: Callable[[Any], Any]) -> None:
        """Convert a fitted model from what JSON knows, and refuse one that this scorer cannot feed."""
        try:
            model = read(getattr(self, name))
        except ValueError as error:
            raise CheckpointError(f"config.json: {name}: {error}") from error
        unknown = model.unknown(len(self.layers)) if isinstance(model, SignModel) else []
        if unknown:
            raise CheckpointError(f"config.json: {name}: this checkpoint gives no signs {unknown}")
        object.__setattr__(self, name, model)


@dataclass(frozen=True)
class Checkpoint:
    """A config, the tensors of its :class:`CrossAttention` and, under ``hop.…``, of its trained hop."""

    config: CheckpointConfig
    tensors: dict[str, Tensor]

    @cached_property
    def digest(self) -> str:
        """12 hex digits that change with the config or any tensor."""
        digest = hashlib.sha256(_config_bytes(self.config))
        for name in sorted(self.tensors):
            digest.update(name.encode())
            digest.update(self.tensors[name].contiguous().numpy().tobytes())
        return digest.hexdigest()[:12]


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
    config = _read_config(folder / "config.json")
    return Checkpoint(config, _read_tensors(folder / "model.safetensors", config))


def save_checkpoint(checkpoint: Checkpoint, folder: Path, card: str) -> None:
    """Write the three files of a checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in checkpoint.tensors.items()}, folder / "model.safetensors")
    (folder / "config.json").write_bytes(_config_bytes(checkpoint.config))
    (folder / "README.md").write_text(card, encoding="utf-8")


def build_attention(config: CheckpointConfig) -> CrossAttention:
    """The layer that a checkpoint of this config holds, at its untrained start."""
    kind = HeadNormAttention if config.head_norm else CrossAttention
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


def _config_bytes(config: CheckpointConfig) -> bytes:
    return orjson.dumps(asdict(config), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _read_config(path: Path) -> CheckpointConfig:
    try:
        raw = orjson.loads(path.read_bytes())
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error.strerror})", hint="a checkpoint needs it"
        ) from error
    except orjson.JSONDecodeError as error:
        raise CheckpointError(f"{path}: not JSON ({error})") from error
    if not isinstance(raw, dict) or raw.get("format_version") != FORMAT_VERSION:
        found = raw.get("format_version") if isinstance(raw, dict) else None
        raise CheckpointError(f"{path}: format_version {found!r}; this version reads {FORMAT_VERSION}")
    known = {field.name for field in fields(CheckpointConfig)}
    unknown = set(raw) - known
    try:
        if unknown:
            raise TypeError(f"unknown fields {sorted(unknown)}")
        spec = BackboneSpec(**raw.pop("backbone"))
        return CheckpointConfig(**{**raw, "backbone": spec, "layers": tuple(raw.get("layers", ()))})
    except (TypeError, KeyError) as error:
        raise CheckpointError(f"{path}: {error}") from error


def _read_tensors(path: Path, config: CheckpointConfig) -> dict[str, Tensor]:
    """The tensors that the config asks for; shapes are compared before anything is read."""
    layers = dict(build_attention(config).state_dict())
    if config.hop_rank:
        layers |= hop_tensors(HopLayer(config.width, config.hop_rank))
    expected = {name: tuple(value.shape) for name, value in layers.items()}
    tensors: dict[str, Tensor] = {}
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
