"""Unpack MXFP4 weights (GPT-OSS): two 4-bit floats a byte, one 8-bit exponent for 32 of them.

OCP Microscaling Formats: value = e2m1 number × 2^(scale − 127).
"""

from __future__ import annotations

import torch
from torch import Tensor

# The e2m1 numbers by their 4 bits: sign, two of exponent, one of mantissa.
_NUMBERS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)


def unpack_mxfp4(blocks_ERGB: Tensor, scales_ERG: Tensor, dtype: torch.dtype) -> Tensor:
    """Return (E, columns, R): expert weights, transposed as the model multiplies with them.

    Args:
        blocks_ERGB: uint8, 16 bytes for a group of 32 numbers; the low half of a byte comes first.
        scales_ERG: uint8, exponents biased by 127.
        dtype: of the result.
    """
    table = torch.tensor(
        [*_NUMBERS, *(-number for number in _NUMBERS)], dtype=dtype, device=blocks_ERGB.device
    )
    experts = []
    for blocks_RGB, scales_RG in zip(blocks_ERGB, scales_ERG, strict=True):
        bytes_RGB = blocks_RGB.long()
        pairs = torch.stack([table[bytes_RGB & 15], table[bytes_RGB >> 4]], dim=-1)
        scaled = torch.ldexp(pairs.flatten(2), (scales_RG.int() - 127)[..., None])
        experts.append(scaled.flatten(1).T.to(dtype))
    return torch.stack(experts)
