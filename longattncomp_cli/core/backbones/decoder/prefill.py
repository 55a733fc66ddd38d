"""What a decoder needs to read a long prompt in parts: attention aligned to the end, a cache that rewinds.

Both are plugged into the models of transformers, which keep everything else (norms, rotary positions,
experts) as it is.

Shapes: B batch, H query heads, G key heads, Q new tokens, K tokens seen so far and new, d head width.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

ATTENTION = "longattncomp"
# Of attention with capped logits, which no fused kernel knows: query tokens at once.
_CAPPED_ROWS = 128
_ALIGN = 8
# Shorter queries are a few rows against many keys, which flash attention splits over the keys.
_LEAST_CUDNN_ROWS = 1024


def register_attention() -> None:
    """Let transformers' models find the attention by its name; without a mask of that name they make none."""
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, prefill_attention)


def prefill_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None = None,
    *,
    scaling: float | None = None,
    sliding_window: int | None = None,
    s_aux: Tensor | None = None,
    softcap: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Causal attention of the last Q of K tokens.

    Args:
        module: the caller; not used.
        query: (B, H, Q, d).
        key, value: (B, G, K, d); the last Q belong to the queries.
        attention_mask: none is made: what a token may see follows from the shapes.
        scaling: of the logits; ``1/√d`` where ``None``.
        sliding_window: a token sees this many, itself among them.
        s_aux: (H,) a logit for each head that takes part in the softmax and gives nothing (GPT-OSS).
        softcap: logits are squeezed into ±softcap (Gemma 2).

    Returns:
        (B, Q, H, d), and no weights.
    """
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    num_new = query.shape[2]
    if sliding_window is not None and key.shape[2] > sliding_window + num_new - 1:
        first = key.shape[2] - (sliding_window + num_new - 1)
        key, value = key[:, :, first:], value[:, :, first:]
    window = sliding_window if sliding_window is not None and key.shape[2] > sliding_window else None
    key, value = (_repeated(part, query.shape[1]) for part in (key, value))
    if softcap is not None:
        mixed = _capped(query, key, value, scale, window, softcap)
    elif s_aux is not None:
        mixed = _with_sink(query, key, value, scale, window, s_aux)
    else:
        mixed = _attend(query, key, value, scale, window)
    return mixed.transpose(1, 2).contiguous(), None


def _repeated(part: Tensor, num_heads: int) -> Tensor:
    """Give each query head its key head."""
    repeats = num_heads // part.shape[1]
    return part if repeats == 1 else part.repeat_interleave(repeats, dim=1)


def _allowed(num_new: int, num_keys: int, window: int | None, device: torch.device) -> Tensor:
    """(Q, K) whether a token may see another."""
    position_Q1 = torch.arange(num_keys - num_new, num_keys, device=device)[:, None]
    position_K = torch.arange(num_keys, device=device)
    allowed_QK = position_K <= position_Q1
    return allowed_QK if window is None else allowed_QK & (position_K > position_Q1 - window)


def _attend(
    query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None, num_sinks: int = 0
) -> Tensor:
    num_new, num_keys = query.shape[2], key.shape[2]
    if window is None and num_new >= _LEAST_CUDNN_ROWS and _has_cudnn(query, key, value):
        return _attend_cudnn(query, key, value, scale)
    if window is not None:
        allowed_QK = _allowed(num_new, num_keys - num_sinks, window, query.device)
        mask = F.pad(allowed_QK, (num_sinks, 0), value=True)
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale)
    if num_new == num_keys:
        return F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scale)
    if query.device.type == "cuda":
        # It takes a second to import: torch's compiler comes with it.
        from torch.nn.attention.bias import causal_lower_right

        bias = causal_lower_right(num_new, num_keys)  # flash attention, no mask in memory
        return F.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=scale)
    mask = _allowed(num_new, num_keys, None, query.device)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale)


def _has_cudnn(query: Tensor, key: Tensor, value: Tensor) -> bool:
    """Whether cuDNN's attention, the fastest there on Hopper cards, takes these."""
    if query.device.type != "cuda" or query.dtype == torch.float32:
        return False
    from torch.backends.cuda import SDPAParams, can_use_cudnn_attention

    own = key[:, :, -query.shape[2] :], value[:, :, -query.shape[2] :]
    return can_use_cudnn_attention(SDPAParams(query, *own, None, 0.0, True, False))


def _attend_cudnn(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Attention to the new tokens and to those before them, joined by the sums of their softmax.

    cuDNN's causal mask begins with the first key: it knows none of queries behind other tokens.
    """
    num_past = key.shape[2] - query.shape[2]
    own, own_log_sum = _cudnn(query, key[:, :, num_past:], value[:, :, num_past:], scale, is_causal=True)
    if not num_past:
        return own
    past, past_log_sum = _cudnn(query, key[:, :, :num_past], value[:, :, :num_past], scale, is_causal=False)
    return joined_attention(own, own_log_sum, past, past_log_sum)


def joined_attention(own: Tensor, own_log_sum: Tensor, past: Tensor, past_log_sum: Tensor) -> Tensor:
    """Attention over two sets of keys as one.

    Args:
        own, past: (B, H, Q, d) over either set.
        own_log_sum, past_log_sum: (B, H, Q) or (B, H, Q, 1) the logarithm of each softmax's sum.
    """
    share = torch.sigmoid(own_log_sum - past_log_sum).view(*own.shape[:3], 1)
    return past.float().lerp_(own.float(), share).to(own.dtype)


def _cudnn(
    query: Tensor, key: Tensor, value: Tensor, scale: float, *, is_causal: bool
) -> tuple[Tensor, Tensor]:
    """(B, H, Q, d), and the logarithm of the softmax's sum for each query."""
    found = torch.ops.aten._scaled_dot_product_cudnn_attention(
        query, key, value, None, True, 0.0, is_causal, False, scale=scale
    )
    return found[0], found[1]


def _with_sink(
    query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None, sink_H: Tensor
) -> Tensor:
    """Make the sink a key before all others whose value is zero: one more column carries its logit."""
    # With q' = [q, 1] and k'₀ = [0, s / scale] the sink's logit is s for every query, whatever q is; all
    # other keys have 0 in that column. Kernels want the width aligned, so more columns of zeros follow.
    width = query.shape[-1]
    extra = _ALIGN - width % _ALIGN
    ones = F.pad(query.new_ones(*query.shape[:-1], 1), (0, extra - 1))
    key, value = (F.pad(part, (0, extra, 1, 0)) for part in (key, value))
    key[:, :, 0, width] = (sink_H / scale).to(key.dtype)
    return _attend(torch.cat([query, ones], dim=-1), key, value, scale, window, num_sinks=1)[..., :width]


def _capped(
    query: Tensor, key: Tensor, value: Tensor, scale: float, window: int | None, softcap: float
) -> Tensor:
    num_new, num_keys = query.shape[2], key.shape[2]
    parts = []
    for start in range(0, num_new, _CAPPED_ROWS):
        end = min(start + _CAPPED_ROWS, num_new)
        seen = num_keys - num_new + end
        logits = (query[:, :, start:end] @ key[:, :, :seen].transpose(2, 3)) * scale
        logits = torch.tanh(logits / softcap) * softcap
        logits = logits.masked_fill(~_allowed(end - start, seen, window, query.device), float("-inf"))
        weights = torch.softmax(logits, dim=-1, dtype=torch.float32).to(query.dtype)
        parts.append(weights @ value[:, :, :seen])
    return torch.cat(parts, dim=2)


class KVCache:
    """Keys and values of all layers in buffers made once; forgetting the last tokens costs nothing.

    Args:
        capacity: tokens to make room for; more room is made when it is needed.
    """

    def __init__(self, capacity: int) -> None:
        """Buffers come with the first tokens."""
        self.num_tokens = 0
        self._capacity = capacity
        self.buffers: dict[int, tuple[Tensor, Tensor]] = {}

    @property
    def num_bytes(self) -> int:
        """Bytes of all buffers."""
        return sum(part.numel() * part.element_size() for pair in self.buffers.values() for part in pair)

    def update(self, key: Tensor, value: Tensor, layer_idx: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Append a layer's new keys and values (B, G, Q, d); return all of them.

        ``num_tokens`` moves with :meth:`advance`, when all layers have been here.
        """
        end = self.num_tokens + key.shape[2]
        if layer_idx not in self.buffers or self.buffers[layer_idx][0].shape[2] < end:
            self._grow(layer_idx, key, max(end, self._capacity))
        for buffer, new in zip(self.buffers[layer_idx], (key, value), strict=True):
            buffer[:, :, self.num_tokens : end] = new
        keys, values = self.buffers[layer_idx]
        return keys[:, :, :end], values[:, :, :end]

    def _grow(self, layer_idx: int, like: Tensor, capacity: int) -> None:
        old = self.buffers.get(layer_idx)
        fresh = []
        for part in range(2):
            buffer = like.new_empty(*like.shape[:2], capacity, like.shape[3])
            if old is not None:
                buffer[:, :, : self.num_tokens] = old[part][:, :, : self.num_tokens]
            fresh.append(buffer)
        self.buffers[layer_idx] = (fresh[0], fresh[1])

    def advance(self, num_tokens: int) -> None:
        """Count tokens that all layers have seen."""
        self.num_tokens += num_tokens

    def rewind(self, num_tokens: int) -> None:
        """Forget what came after the first ``num_tokens``."""
        self.num_tokens = min(self.num_tokens, num_tokens)

    def get_seq_length(self, *_: Any) -> int:
        """Tokens seen so far."""
        return self.num_tokens
