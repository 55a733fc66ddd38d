"""Read single tensors of a GGUF file under transformers' names, dequantised in slabs.

What is not asked for is never touched. The digest is over the bytes as they are stored.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from longattncomp_cli.core.backbones.decoder.gguf.header import GgufHeader, StoredTensor
from longattncomp_cli.core.backbones.decoder.gguf.metadata import damaged
from longattncomp_cli.errors import CheckpointError, ResourceError

_SLAB_BYTES = 1024 * 1024
_PLAIN = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64}


@dataclass(frozen=True)
class Recipe:
    """How a tensor of transformers is made of those in the file.

    Attributes:
        parts: names in the file.
        combine: what is done with them; nothing where ``None``.
        in_float32: whether that needs full precision.
    """

    parts: tuple[str, ...]
    combine: Callable[[Sequence[Tensor]], Tensor] | None = None
    in_float32: bool = False


class GgufReader:
    """The tensors of a GGUF file; the interface is that of ``TensorReader``.

    Args:
        header: of the file.

    Raises:
        ResourceError: the package that knows the quantisations is missing.
        CheckpointError: a tensor does not lie inside the file.
    """

    def __init__(self, header: GgufHeader) -> None:
        """Check where all tensors lie."""
        self.header = header
        self._gguf = _require_gguf()
        self._recipes: Mapping[str, Recipe] = {}
        self._digest = hashlib.sha256()
        self.bytes_read = header.num_bytes
        for name, tensor in header.tensors.items():
            known = self._type_of(tensor)
            if known is not None:
                self._check_place(name, tensor, known)

    def lay_out(self, recipes: Mapping[str, Recipe]) -> None:
        """Say how transformers' tensors are made of those in the file."""
        self._recipes = recipes

    @property
    def names(self) -> Iterable[str]:
        """Names of all tensors of the model, as transformers has them."""
        return self._recipes.keys()

    @property
    def files(self) -> tuple[str, ...]:
        """The name of the file."""
        return (self.header.path.name,)

    @property
    def sha256(self) -> str:
        """Hex sha256 over the tensors read so far, in the order of reading: name, type, shape and bytes."""
        return self._digest.hexdigest()

    def read(
        self, name: str, *, dtype: torch.dtype | None = None, device: torch.device | str = "cpu"
    ) -> Tensor:
        """Read one tensor.

        Args:
            name: as transformers has it.
            dtype: to convert to; the file's own, or float32 where it is quantised, where ``None``.
            device: where to put it.

        Raises:
            CheckpointError: there is no such tensor, its quantisation cannot be read, or it is damaged.
        """
        recipe = self._recipes.get(name)
        if recipe is None:
            raise CheckpointError(
                f"{self.header.path}: no tensor for {name!r}",
                hint="download the file again, or use another one",
                code="bad-weights",
            )
        if recipe.combine is None:
            return self.read_stored(recipe.parts[0], dtype=dtype, device=device)
        between = torch.float32 if recipe.in_float32 else dtype
        parts = [self.read_stored(part, dtype=between, device=device) for part in recipe.parts]
        made = recipe.combine(parts)
        return made if dtype is None else made.to(dtype)

    def read_stored(
        self, name: str, *, dtype: torch.dtype | None = None, device: torch.device | str = "cpu"
    ) -> Tensor:
        """Read one tensor under its own name, dequantised; see :meth:`read`."""
        tensor = self.header.tensors.get(name)
        if tensor is None:
            raise damaged(self.header.path, f"it has no tensor {name}")
        known = self._type_of(tensor)
        if known is None:
            raise self._unreadable(name, f"type {tensor.type_id}")
        type_name, block_values, block_bytes = known
        self._digest.update(f"{name} {type_name} {tensor.shape}".encode())
        target = torch.empty(tensor.shape, dtype=dtype or _PLAIN.get(type_name, torch.float32), device=device)
        flat = target.view(-1)
        step = max(1, _SLAB_BYTES // block_bytes)
        blocks_left = tensor.num_values // block_values
        at = 0
        with self.header.path.open("rb", buffering=0) as file:
            file.seek(tensor.offset)
            while blocks_left:
                count = min(step, blocks_left)
                slab = self._slab(file, count * block_bytes, name)
                flat[at : at + count * block_values].copy_(self._values(slab, type_name, name))
                at, blocks_left = at + count * block_values, blocks_left - count
        return target

    def _slab(self, file: Any, num_bytes: int, name: str) -> bytearray:
        slab = bytearray(num_bytes)
        rest = memoryview(slab)
        while rest:
            count = file.readinto(rest)
            if not count:
                raise damaged(self.header.path, f"it ends inside the tensor {name}: it is cut off")
            rest = rest[count:]
        self._digest.update(slab)
        self.bytes_read += num_bytes
        return slab

    def _values(self, slab: bytearray, type_name: str, name: str) -> Tensor:
        """(values,) the numbers of whole blocks."""
        if type_name in _PLAIN:
            return torch.frombuffer(slab, dtype=_PLAIN[type_name])
        quants: Any = self._gguf
        try:
            values = quants.dequantize(
                np.frombuffer(slab, dtype=np.uint8), quants.GGMLQuantizationType[type_name]
            )
        except NotImplementedError as error:
            raise self._unreadable(name, type_name) from error
        return torch.from_numpy(values)

    def _type_of(self, tensor: StoredTensor) -> tuple[str, int, int] | None:
        """Name, values of a block and bytes of a block; ``None`` for a type that is not known."""
        quants: Any = self._gguf
        try:
            kind = quants.GGMLQuantizationType(tensor.type_id)
            return (kind.name, *map(int, quants.GGML_QUANT_SIZES[kind]))
        except (ValueError, KeyError):
            return None

    def _check_place(self, name: str, tensor: StoredTensor, known: tuple[str, int, int]) -> None:
        type_name, block_values, block_bytes = known
        if tensor.shape[-1] % block_values:
            raise damaged(
                self.header.path, f"rows of {tensor.shape[-1]} in {name} do not fit blocks of {type_name}"
            )
        if tensor.offset + tensor.num_values // block_values * block_bytes > self.header.file_bytes:
            raise damaged(self.header.path, f"it ends before the end of the tensor {name}: it is cut off")

    def _unreadable(self, name: str, type_name: str) -> CheckpointError:
        return CheckpointError(
            f"{self.header.path}: the quantisation of {name} ({type_name}) cannot be read",
            hint="use a file in Q4_K_M, Q8_0 or F16, or upgrade the package gguf",
            code="bad-weights",
        )


def _require_gguf() -> ModuleType:
    try:
        return importlib.import_module("gguf.quants")
    except ImportError as error:
        raise ResourceError(
            f"a GGUF file needs the package gguf ({error})",
            hint="pip install 'longattncomp[llm]'",
            code="no-gguf",
        ) from error
