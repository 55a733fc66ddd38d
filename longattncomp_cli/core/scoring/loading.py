"""Load a backbone, and a checkpoint on it."""

from __future__ import annotations

from functools import partial

import torch

from longattncomp_cli.core.backbones.base import Backbone
from longattncomp_cli.core.backbones.decoder.backbone import load_decoder
from longattncomp_cli.core.backbones.decoder.weights import open_weights
from longattncomp_cli.core.backbones.files import decoder_file
from longattncomp_cli.core.backbones.runtime import keep_freed_memory, resolve_device, resolve_dtype
from longattncomp_cli.core.backbones.spec import BackboneSpec, EncodingName
from longattncomp_cli.core.checkpoint.store import Checkpoint
from longattncomp_cli.core.checkpoint.untrained_decoder import (
    WINDOW_TOKENS,
    parse_num_layers,
    untrained_decoder,
)
from longattncomp_cli.core.chunking.chunks import SnapLevel
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.errors import CheckpointError


def load_backbone(
    spec: BackboneSpec,
    *,
    num_layers: int,
    window_tokens: int,
    device: torch.device,
    dtype: torch.dtype,
    encoding: EncodingName = "windowed",
    chat_template: bool = False,
    trust_remote_code: bool = False,
) -> Backbone:
    """Find, check and load a backbone.

    Args:
        spec: which model, and the hash its weights must have.
        num_layers: how many blocks are needed; the others are not kept.
        window_tokens: tokens read at once, special tokens not counted.
        device, dtype: where and in which precision to run.
        encoding: ``windowed``, or ``full`` (decoders only).
        chat_template: of a decoder: frame the prompt as the model's chat template does.
        trust_remote_code: of a decoder: run code that lies beside the model.

    Raises:
        ResourceError: the model is not on this machine and could not be fetched.
        CheckpointError: the files found are not the model that ``spec`` names, or do not fit.
    """
    if spec.kind == "decoder":
        from longattncomp_cli.core.backbones.decoder.backbone import load_decoder

        return load_decoder(
            spec,
            num_layers=num_layers,
            window_tokens=window_tokens,
            device=device,
            dtype=dtype,
            encoding=encoding,
            chat_template=chat_template,
            trust_remote_code=trust_remote_code,
        )
    if encoding != "windowed":
        raise CheckpointError(
            f"backbone {spec.id} reads both ways and has no {encoding} encoding",
            hint="use --encoding windowed, or a decoder: --backbone",
        )
    from longattncomp_cli.core.backbones.encoder.backbone import load_encoder

    return load_encoder(spec, num_layers=num_layers, window_tokens=window_tokens, device=device, dtype=dtype)


def load_decoder_scorer(
    backbone_id: str,
    layers: str | None = None,
    *,
    encoding: EncodingName = "full",
    device: str = "auto",
    dtype: str = "auto",
    chunk_tokens: int | None = None,
    snap: SnapLevel | None = None,
    hops: int | None = None,
    chat_template: bool = False,
    trust_remote_code: bool = False,
) -> Scorer:
    """A decoder with its untrained cross-attention layer; its weights are read once.

    Args:
        backbone_id: a folder or a hub id.
        layers: a number or a share of the model's layers, see :func:`depth_of`.
        encoding, chat_template: how it reads.
        device, dtype: where and in which precision to run.
        chunk_tokens, snap: how to cut the context.
        hops: see ``core/attention/hops.py``.
        trust_remote_code: run code that lies beside the model.

    Raises:
        CheckpointError: the model is not one that can be used.
        ResourceError: it is not on this machine and could not be fetched.
        UsageError: ``layers`` is not a depth of this model.
    """
    place = resolve_device(device)
    weights = open_weights(
        backbone_id, partial(decoder_file, backbone_id), trust_remote_code=trust_remote_code
    )
    positions = int(getattr(weights.config, "max_position_embeddings", 0) or WINDOW_TOKENS * 2)
    window_tokens = min(WINDOW_TOKENS, positions // 2)
    backbone = load_decoder(
        BackboneSpec(id=backbone_id, sha256="", kind="decoder"),
        num_layers=parse_num_layers(layers, weights.depth),
        window_tokens=window_tokens,
        device=place,
        dtype=resolve_dtype(dtype, place),
        encoding=encoding,
        chat_template=chat_template,
        trust_remote_code=trust_remote_code,
    )
    checkpoint = untrained_decoder(backbone, chat_template=chat_template, window_tokens=window_tokens)
    return Scorer(checkpoint, backbone, chunk_tokens=chunk_tokens, snap=snap, hops=hops)


def load_scorer(
    checkpoint: Checkpoint,
    *,
    device: str = "auto",
    dtype: str = "auto",
    chunk_tokens: int | None = None,
    snap: SnapLevel | None = None,
    trust_remote_code: bool = False,
    hops: int | None = None,
) -> Scorer:
    """Load the checkpoint's backbone and put the two together."""
    keep_freed_memory()
    place = resolve_device(device)
    config = checkpoint.config
    backbone = load_backbone(
        config.backbone,
        num_layers=max(config.layers) or 1,
        window_tokens=config.window_tokens,
        device=place,
        dtype=resolve_dtype(dtype, place),
        encoding=config.encoding,
        chat_template=config.chat_template,
        trust_remote_code=trust_remote_code,
    )
    return Scorer(checkpoint, backbone, chunk_tokens=chunk_tokens, snap=snap, hops=hops)
