"""A backbone and its layer before any training, whichever kind of model a name means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from longattncomp_cli.core.backbones.base import Backbone, BackboneOptions
from longattncomp_cli.core.backbones.files import locate_backbone
from longattncomp_cli.core.backbones.kind import backbone_kind
from longattncomp_cli.core.backbones.runtime import keep_freed_memory, resolve_device, resolve_dtype
from longattncomp_cli.core.backbones.spec import BackboneSpec, UntrainedBackbone
from longattncomp_cli.core.checkpoint.store import Checkpoint
from longattncomp_cli.core.scoring.loading import load_untrained_decoder
from longattncomp_cli.errors import CheckpointError, UsageError

if TYPE_CHECKING:
    from longattncomp_cli.core.backbones.encoder.backbone import EncoderBackbone

WINDOW_TOKENS = 254
CHUNK_TOKENS = 128


def load_untrained(
    untrained: UntrainedBackbone,
    *,
    num_heads: int | None = None,
    on_note: Callable[[str], None] = lambda text: None,
    in_segments: bool = True,
) -> tuple[Checkpoint, Backbone]:
    """An encoder with the start of its layer, or a decoder with its own retrieval heads.

    Args:
        untrained: which one, and how it reads.
        num_heads, in_segments: of a decoder, see
            :func:`~longattncomp_cli.core.scoring.loading.load_untrained_decoder`.
        on_note: called with what the user should know.

    Raises:
        CheckpointError: the model is not one that can be used.
        ResourceError: it is not on this machine and could not be fetched.
        UsageError: what was asked for is nothing that this kind of model has.
    """
    if backbone_kind(untrained.name) == "decoder":
        return load_untrained_decoder(
            untrained, num_heads=num_heads, on_note=on_note, in_segments=in_segments
        )
    if untrained.chat_template:
        raise UsageError(f"--chat-template: {untrained.name} is an encoder and has none", hint="drop it")
    if untrained.encoding == "full":
        raise CheckpointError(
            f"backbone {untrained.name} reads both ways and has no full encoding",
            hint="use --encoding windowed, or a decoder: --backbone",
        )
    return load_untrained_encoder(untrained, on_note=on_note)


def load_untrained_encoder(
    untrained: UntrainedBackbone, *, on_note: Callable[[str], None] = lambda text: None
) -> tuple[Checkpoint, EncoderBackbone]:
    """An encoder, one head on its last layer and one on its tokens, projections at the identity.

    See :func:`load_untrained`.
    """
    from longattncomp_cli.core.backbones.encoder.backbone import load_encoder
    from longattncomp_cli.core.backbones.encoder.late_interaction import late_projection
    from longattncomp_cli.core.checkpoint.untrained_decoder import parse_num_layers
    from longattncomp_cli.core.checkpoint.untrained_encoder import (
        UNTRAINED_SCORING,
        cone_scale,
        untrained_checkpoint,
        with_late_projection,
    )

    keep_freed_memory()
    place = resolve_device(untrained.device)
    spec = encoder_spec(untrained.name)
    options = BackboneOptions(
        num_layers=0,
        window_tokens=WINDOW_TOKENS,
        device=place,
        dtype=resolve_dtype(untrained.dtype, place),
    )
    backbone = load_encoder(spec, options, shortens_windows=True)
    depth = parse_num_layers(untrained.layers, backbone.num_layers, reads_last=True)
    if spec.query_prefix or spec.context_prefix:
        on_note(f"{untrained.name}: {_prefixes(spec)}, as it was trained")
    reads_last = depth == backbone.num_layers
    projection = late_projection(locate_backbone(spec), backbone.width) if reads_last else None
    made = untrained_checkpoint(
        backbone,
        (depth, 0),
        temperature_scale=cone_scale(backbone, depth, projection),
        window_tokens=backbone.window_tokens,
        chunk_tokens=min(CHUNK_TOKENS, backbone.window_tokens),
        **UNTRAINED_SCORING,
    )
    return made if projection is None else with_late_projection(made, projection), backbone


def encoder_spec(backbone_id: str) -> BackboneSpec:
    """What is known of an encoder by its name and its files, its hash not yet.

    Raises:
        ResourceError: the model is not on this machine and could not be fetched.
        CheckpointError: files are missing.
    """
    from longattncomp_cli.core.backbones.encoder.families import trained_prefixes
    from longattncomp_cli.core.backbones.encoder.open import read_config

    spec = BackboneSpec(id=backbone_id, sha256="")
    place = locate_backbone(spec)
    names = [Path(backbone_id).name]
    if place.is_dir():
        names.append(str(read_config(spec, place).get("_name_or_path") or ""))
    query, context = trained_prefixes(tuple(names), place if place.is_dir() else None)
    return BackboneSpec(id=backbone_id, sha256="", query_prefix=query, context_prefix=context)


def _prefixes(spec: BackboneSpec) -> str:
    said = [
        f"{prefix!r} is read before {what}"
        for prefix, what in ((spec.query_prefix, "the query"), (spec.context_prefix, "each window"))
        if prefix
    ]
    return ", ".join(said)
