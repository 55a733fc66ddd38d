"""Linear layers whose weights never change: ``F.linear`` to the bit, without what it repeats at each call.

On x86 oneDNN multiplies bf16 matrices in a layout of its own. ``F.linear`` brings the weight into it and
copies the bias over the whole output at each call; a weight that was packed once needs neither.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from longattncomp_cli.core.backbones.runtime import has_fast_bfloat16

Linear = Callable[[Tensor], Tensor]


def packed_linear(weight_OI: Tensor, bias_O: Tensor, usual_rows: int) -> Linear:
    """A function from (T, I) to (T, O).

    Args:
        weight_OI, bias_O: must not change afterwards.
        usual_rows: the T to pack for; any T may come.
    """
    if not _can_pack(weight_OI):
        return partial(F.linear, weight=weight_OI, bias=bias_O)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight_OI.contiguous(), usual_rows)
    return partial(_packed_linear, packed=packed, bias_O=bias_O)


def _packed_linear(states_TI: Tensor, packed: Tensor, bias_O: Tensor) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(states_TI, packed, bias_O, "none", [], "")
    return product


def _can_pack(weight: Tensor) -> bool:
    if weight.device.type != "cpu" or weight.dtype != torch.bfloat16:
        return False
    known = all(hasattr(torch.ops.mkldnn, name) for name in ("_reorder_linear_weight", "_linear_pointwise"))
    built_in: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return known and built_in and platform.machine() in ("x86_64", "AMD64") and has_fast_bfloat16()
