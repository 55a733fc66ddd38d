"""The embedded backbone's forward pass: a BERT encoder over packed windows, without a padding token.

Every linear layer runs over all tokens of a pack at once; only attention looks at window borders, one
call for each group of equally long windows. States equal those of ``transformers.BertModel``
(tested), at a start-up cost of milliseconds instead of seconds.

Shapes: T tokens of a pack, W windows of one length, L tokens of such a window, D width, A attention heads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from longattncomp_cli.core.backbones.encoder.families import first_position
from longattncomp_cli.core.backbones.encoder.packed_linear import Linear, packed_linear
from longattncomp_cli.core.backbones.windowed import PACK_TOKENS

_MOST_ROWS = 512


def gelu_in_steps(inner_TI: Tensor) -> Tensor:
    """``F.gelu`` to the bit, in place, over row counts that are powers of two.

    oneDNN keeps a kernel for each shape it has met, and what lies between the large tensors in memory keeps
    that from being used again: 200 shapes of at most 220 tokens took 127 MB.
    """
    for start, end in row_steps(len(inner_TI)):
        torch.ops.aten.gelu_(inner_TI[start:end])
    return inner_TI


def row_steps(num_rows: int) -> Iterator[tuple[int, int]]:
    """Ranges that partition ``num_rows``, each as long as a power of two."""
    start = 0
    while start < num_rows:
        size = min(_MOST_ROWS, 1 << ((num_rows - start).bit_length() - 1))
        yield start, start + size
        start += size


@dataclass(frozen=True)
class EncoderLayer:
    """The weights of one transformer block; the three input projections are fused into one."""

    qkv_weight: Tensor
    qkv_bias: Tensor
    out_weight: Tensor
    out_bias: Tensor
    attention_norm: tuple[Tensor, Tensor]
    up_weight: Tensor
    up_bias: Tensor
    down_weight: Tensor
    down_bias: Tensor
    output_norm: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class _Products:
    """The linear layers of one block."""

    qkv: Linear
    out: Linear
    up: Linear
    down: Linear


def _products(layer: EncoderLayer) -> _Products:
    return _Products(
        packed_linear(layer.qkv_weight, layer.qkv_bias, PACK_TOKENS),
        packed_linear(layer.out_weight, layer.out_bias, PACK_TOKENS),
        packed_linear(layer.up_weight, layer.up_bias, PACK_TOKENS),
        packed_linear(layer.down_weight, layer.down_bias, PACK_TOKENS),
    )


class BertEncoder:
    """The frozen first ``num_layers`` blocks of a BERT model.

    Args:
        config: the model's ``config.json``.
        weights: tensors under their names in the model's ``model.safetensors``.
        num_layers: blocks to keep.
        device, dtype: where and in which precision to run.
    """

    def __init__(
        self,
        config: dict[str, Any],
        weights: dict[str, Tensor],
        *,
        num_layers: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """Move the weights of the kept blocks to ``device`` and fuse the input projections."""

        def take(name: str) -> Tensor:
            return weights[name].to(device=device, dtype=dtype)

        def pair(prefix: str) -> tuple[Tensor, Tensor]:
            return take(f"{prefix}.weight"), take(f"{prefix}.bias")

        def block(index: int) -> EncoderLayer:
            base = f"encoder.layer.{index}"
            qkv = [pair(f"{base}.attention.self.{part}") for part in ("query", "key", "value")]
            return EncoderLayer(
                torch.cat([weight for weight, _ in qkv]),
                torch.cat([bias for _, bias in qkv]),
                *pair(f"{base}.attention.output.dense"),
                pair(f"{base}.attention.output.LayerNorm"),
                *pair(f"{base}.intermediate.dense"),
                *pair(f"{base}.output.dense"),
                pair(f"{base}.output.LayerNorm"),
            )

        self.width = int(config["hidden_size"])
        self.num_attention_heads = int(config["num_attention_heads"])
        self.epsilon = float(config["layer_norm_eps"])
        self.first_position = first_position(config)
        self.max_positions = int(config["max_position_embeddings"]) - self.first_position
        self.token_embeddings = take("embeddings.word_embeddings.weight")
        self.position_embeddings = take("embeddings.position_embeddings.weight")
        self.type_embedding = take("embeddings.token_type_embeddings.weight")[0]
        self.embedding_norm = pair("embeddings.LayerNorm")
        self.num_layers = num_layers
        self.layers = [block(index) for index in range(num_layers)]
        self.products = [_products(layer) for layer in self.layers]

    def _norm(self, states_TD: Tensor, parameters: tuple[Tensor, Tensor]) -> Tensor:
        return F.layer_norm(states_TD, (self.width,), *parameters, eps=self.epsilon)

    def _attend(self, qkv_T3D: Tensor, groups: Sequence[tuple[int, int]]) -> Tensor:
        """Return (T, D): self-attention inside each window."""
        mixed_TD = torch.empty_like(qkv_T3D[:, : self.width])
        start = 0
        for num_windows, length in groups:
            end = start + num_windows * length
            # (W·L, 3·D) → (3, W, heads, L, D / heads): windows of one length need no padding and no mask.
            qkv = qkv_T3D[start:end].view(num_windows, length, 3, self.num_attention_heads, -1)
            query_WALd, key_WALd, value_WALd = qkv.permute(2, 0, 3, 1, 4).unbind(0)
            mixed_WALd = F.scaled_dot_product_attention(query_WALd, key_WALd, value_WALd)
            mixed_TD[start:end] = mixed_WALd.transpose(1, 2).reshape(end - start, self.width)
            start = end
        return mixed_TD

    @torch.inference_mode()
    def forward(
        self, ids_T: Tensor, groups: Sequence[tuple[int, int]], layers: Sequence[int]
    ) -> dict[int, Tensor]:
        """Encode one pack.

        Args:
            ids_T: (T,) token ids of all windows, one after the other.
            groups: (number of windows, length) of each run of equally long windows.
            layers: which states to return: 0 is the bare token embedding (no position, no norm),
                ``l`` is the output of block ``l``.

        Returns:
            For each asked layer its states (T, D), in the encoder's dtype.
        """
        wanted: dict[int, Tensor] = {}
        embedded_TD = F.embedding(ids_T, self.token_embeddings)
        if 0 in layers:
            wanted[0] = embedded_TD
        depth = max(layers)
        if depth == 0:
            return wanted
        first = self.first_position
        positions = [torch.arange(first, first + n, device=ids_T.device).repeat(count) for count, n in groups]
        states_TD = embedded_TD + self.type_embedding + self.position_embeddings[torch.cat(positions)]
        states_TD = self._norm(states_TD, self.embedding_norm)
        for number in range(1, depth + 1):
            layer, products = self.layers[number - 1], self.products[number - 1]
            mixed_TD = products.out(self._attend(products.qkv(states_TD), groups))
            states_TD = self._norm(mixed_TD.add_(states_TD), layer.attention_norm)
            output_TD = products.down(gelu_in_steps(products.up(states_TD)))
            states_TD = self._norm(output_TD.add_(states_TD), layer.output_norm)
            if number in layers:
                wanted[number] = states_TD
        return wanted
