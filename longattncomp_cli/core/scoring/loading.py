"""Load a backbone, and a checkpoint on it. What a kind of backbone needs is imported when it is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from longattncomp_cli.core.backbones.base import Backbone, BackboneOptions
from longattncomp_cli.core.backbones.runtime import keep_freed_memory, resolve_device, resolve_dtype
from longattncomp_cli.core.backbones.spec import BackboneSpec, UntrainedBackbone
from longattncomp_cli.core.checkpoint.config import CheckpointConfig
from longattncomp_cli.core.checkpoint.store import Checkpoint
from longattncomp_cli.core.chunking.chunks import SnapLevel
from longattncomp_cli.core.scoring.options import ScoringOptions
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.errors import CheckpointError

if TYPE_CHECKING:
    from longattncomp_cli.core.backbones.decoder.weights import DecoderWeights
    from longattncomp_cli.core.checkpoint.decoder_heads import Head

MADE_CONTEXTS = 4
"""Contexts of made needles that a decoder's heads are found on, 12 questions each."""


def load_backbone(spec: BackboneSpec, options: BackboneOptions) -> Backbone:
    """Find, check and load a backbone.

    Args:
        spec: which model, and the hash its weights must have.
        options: how much of it, where, and how it reads.

    Raises:
        ResourceError: the model is not on this machine and could not be fetched.
        CheckpointError: the files found are not the model that ``spec`` names, or do not fit.
    """
    if spec.kind == "decoder":
        from longattncomp_cli.core.backbones.decoder.backbone import load_decoder

        return load_decoder(spec, options)
    if options.encoding != "windowed":
        raise CheckpointError(
            f"backbone {spec.id} reads both ways and has no {options.encoding} encoding",
            hint="use --encoding windowed, or a decoder: --backbone",
        )
    from longattncomp_cli.core.backbones.encoder.backbone import load_encoder

    return load_encoder(spec, options)


def load_backbone_of(
    config: CheckpointConfig,
    *,
    device: str = "auto",
    dtype: str = "auto",
    num_layers: int | None = None,
    trust_remote_code: bool = False,
) -> Backbone:
    """Load the backbone that a checkpoint was made for.

    Args:
        config: of the checkpoint.
        device, dtype: where and in which precision to run.
        num_layers: how many blocks; those that the checkpoint's heads read where ``None``.
        trust_remote_code: of a decoder: run code that lies beside the model.

    Raises:
        ResourceError: the model or the device is not there.
        CheckpointError: the files found are not the model that ``config`` names, or do not fit.
    """
    keep_freed_memory()
    place = resolve_device(device)
    options = BackboneOptions(
        num_layers=num_layers or max(config.layers) or 1,
        window_tokens=config.window_tokens,
        device=place,
        dtype=resolve_dtype(dtype, place),
        encoding=config.encoding,
        segment_tokens=config.segment_tokens,
        chat_template=config.chat_template,
        trust_remote_code=trust_remote_code,
    )
    return load_backbone(config.backbone, options)


def load_scorer(
    checkpoint: Checkpoint,
    *,
    device: str = "auto",
    dtype: str = "auto",
    trust_remote_code: bool = False,
    chunk_tokens: int | None = None,
    snap: SnapLevel | None = None,
    hops: int | None = None,
) -> Scorer:
    """Load a checkpoint's backbone and put the two together; see :func:`load_backbone_of`.

    Args:
        checkpoint: the trained layer.
        device, dtype, trust_remote_code: of the backbone.
        chunk_tokens, snap, hops: the checkpoint's own where ``None``.
    """
    backbone = load_backbone_of(
        checkpoint.config, device=device, dtype=dtype, trust_remote_code=trust_remote_code
    )
    options = ScoringOptions.of(checkpoint.config, chunk_tokens=chunk_tokens, snap=snap, hops=hops)
    return Scorer(checkpoint, backbone, options)


def load_untrained_decoder(
    untrained: UntrainedBackbone,
    *,
    on_note: Callable[[str], None] = lambda text: None,
    num_heads: int | None = None,
    in_segments: bool = True,
) -> tuple[Checkpoint, Backbone]:
    """A decoder and its own retrieval heads as the cross-attention layer.

    Heads are found on made needles the first time, and kept in the user's cache folder.

    Args:
        untrained: which one, and how it reads: ``full`` where its encoding is ``None``.
        on_note: called with what the user should know.
        num_heads: how many heads to take; those that come near the best one where ``None``.
        in_segments: whether ``full`` reads longer contexts in segments of ``SEGMENT_TOKENS``.

    Raises:
        CheckpointError: the model is not one that can be used.
        ResourceError: it is not on this machine and could not be fetched.
        UsageError: its ``layers`` are not a depth of this model.
    """
    from longattncomp_cli.core.backbones.decoder.backbone import load_decoder, open_decoder
    from longattncomp_cli.core.checkpoint.untrained_decoder import (
        SEGMENT_TOKENS,
        layers_of,
        untrained_decoder,
    )

    weights = open_decoder(untrained.name, trust_remote_code=untrained.trust_remote_code)
    options = untrained_options(untrained, weights)
    spec = BackboneSpec(id=untrained.name, sha256="", kind="decoder")
    heads = _known_heads(spec, options, weights, num_heads, on_note)
    # Opened anew: the digest of a backbone is that of the tensors which are read, in their order.
    weights = open_decoder(untrained.name, trust_remote_code=untrained.trust_remote_code)
    options = replace(
        options, num_layers=layers_of(heads), segment_tokens=SEGMENT_TOKENS if in_segments else 0
    )
    backbone = load_decoder(spec, options, weights)
    return untrained_decoder(backbone, heads, chat_template=untrained.chat_template), backbone


def untrained_options(untrained: UntrainedBackbone, weights: DecoderWeights) -> BackboneOptions:
    """How an untrained decoder is read while its heads are looked for; see :func:`load_untrained_decoder`.

    Raises:
        ResourceError: the device is not there.
        UsageError: its ``layers`` are not a depth of this model.
    """
    from longattncomp_cli.core.checkpoint.untrained_decoder import parse_num_layers, window_tokens_of

    keep_freed_memory()
    place = resolve_device(untrained.device)
    return BackboneOptions(
        num_layers=parse_num_layers(untrained.layers, weights.depth),
        window_tokens=window_tokens_of(weights),
        device=place,
        dtype=resolve_dtype(untrained.dtype, place),
        encoding=untrained.encoding or "full",
        chat_template=untrained.chat_template,
        trust_remote_code=untrained.trust_remote_code,
    )


def _known_heads(
    spec: BackboneSpec,
    options: BackboneOptions,
    weights: DecoderWeights,
    num_heads: int | None,
    on_note: Callable[[str], None],
) -> tuple[Head, ...]:
    """The heads that were found before, or those that are found now, on made needles."""
    from longattncomp_cli.core.backbones.decoder.backbone import load_decoder
    from longattncomp_cli.core.checkpoint.head_cache import heads_file, read_heads, write_heads
    from longattncomp_cli.core.checkpoint.made_needles import made_needles
    from longattncomp_cli.core.checkpoint.retrieval_heads import measure_heads

    path = heads_file(weights, options.num_layers, num_heads, chat_template=options.chat_template)
    known = read_heads(path)
    if known is not None:
        return known
    on_note(f"finding the retrieval heads of {spec.id} on made questions, once: this takes a while")
    backbone = load_decoder(spec, options, weights)
    heads = measure_heads(backbone, made_needles(MADE_CONTEXTS)).best_heads(num_heads)
    found = ", ".join(f"block {layer} head {head}" for layer, head in heads)
    on_note(f"found {found}" + (f"; kept in {path}" if write_heads(path, heads) else ""))
    return heads
