"""A decoder's checkpoint before training: its own retrieval heads, pooled as the paper pools.

Which heads those are, :mod:`longattncomp_cli.core.checkpoint.retrieval_heads` finds. The context is read up
to the deepest block that has one of them, and no further.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from longattncomp_cli.core.attention.qk_norm import QKNormAttention
from longattncomp_cli.core.attention.rotary import RotaryAttention
from longattncomp_cli.core.backbones.decoder.backbone import DecoderBackbone
from longattncomp_cli.core.backbones.decoder.weights import DecoderWeights
from longattncomp_cli.core.checkpoint.config import CheckpointConfig
from longattncomp_cli.core.checkpoint.decoder_heads import NULL_QUERY, Head, decoder_attention
from longattncomp_cli.core.checkpoint.store import Checkpoint
from longattncomp_cli.errors import UsageError

CHUNK_TOKENS = 128
WINDOW_TOKENS = 1024
SEGMENT_TOKENS = 2_048
"""Of a context in ``full``: attention finds better in segments than over all positions, and costs less."""


def parse_num_layers(written: str | None, num_layers: int, *, reads_last: bool = False) -> int:
    """Read ``--layers``: a number of layers, or a share of the model's depth (``0.41``, ``41%``).

    A decoder's heads read what enters their block, so the last block's output is never needed: one layer
    less than the model has is the most, and the default. An encoder's last output is read (``reads_last``).

    Raises:
        UsageError: it is neither, or leaves no block to take heads from.
    """
    most = num_layers if reads_last else max(1, num_layers - 1)
    if written is None:
        return most
    text = written.strip()
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        number = math.nan
    is_share = text.endswith("%") or "." in text
    depth = max(1, round(number * num_layers)) if is_share and 0 < number <= 1 else number
    if not (depth == int(depth) if math.isfinite(depth) else False) or not 1 <= depth <= most:
        why = "" if reads_last else ", and the next one's heads are needed"
        raise UsageError(
            f"--layers {text!r}: the model has {num_layers} layers{why}",
            hint=f"a number from 1 to {most}, or a share such as 0.6",
        )
    return int(depth)


def layers_of(heads: Sequence[Head]) -> int:
    """How many blocks must be loaded for these heads."""
    return max(1, *(head.layer for head in heads))


def window_tokens_of(weights: DecoderWeights) -> int:
    """Tokens of a window: at most half of the model's positions."""
    positions = int(getattr(weights.config, "max_position_embeddings", 0) or WINDOW_TOKENS * 2)
    return min(WINDOW_TOKENS, positions // 2)


def untrained_decoder(
    backbone: DecoderBackbone,
    heads: Sequence[Head],
    *,
    chat_template: bool = False,
    null_query: str = NULL_QUERY,
) -> Checkpoint:
    """The checkpoint of a loaded decoder before training: the paper's pooling over these heads.

    Args:
        backbone: whose ``weights`` are open.
        heads: in their order.
        chat_template: whether prompts begin as the model's chat template does.
        null_query: whose mass is taken out; ``""``: none.
    """
    assert backbone.weights is not None
    attention = decoder_attention(backbone.weights, heads)
    config = CheckpointConfig(
        name="untrained",
        backbone=backbone.spec,
        layers=attention.layers,
        width=backbone.width,
        head_width=attention.w_q.shape[2],
        pooling="mean",
        sink="instruction",
        window_tokens=backbone.window_tokens,
        chunk_tokens=CHUNK_TOKENS,
        encoding=backbone.encoding,
        segment_tokens=backbone.segment_tokens,
        qk_norm=isinstance(attention, QKNormAttention),
        null_query=null_query,
        rotary=isinstance(attention, RotaryAttention),
        chat_template=chat_template,
    )
    tensors = {name: value.detach().clone() for name, value in attention.state_dict().items()}
    return Checkpoint(config, tensors)
