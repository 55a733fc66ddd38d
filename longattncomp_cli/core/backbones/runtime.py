"""Device, precision and allocator: what the machine gives, asked once."""

from __future__ import annotations

import ctypes
import platform
from functools import lru_cache

import torch

from longattncomp_cli.errors import ResourceError

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEEP_BYTES = 256 * 1024 * 1024


def resolve_device(name: str) -> torch.device:
    """Turn ``auto|cpu|cuda|mps`` into a device.

    Raises:
        ResourceError: this machine has no such device.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if available[kind]))
    if not available.get(name, False):
        usable = ", ".join(kind for kind, there in available.items() if there)
        raise ResourceError(
            f"no {name} device on this machine (usable: {usable})", hint="use --device auto", code="no-device"
        )
    return torch.device(name)


def resolve_dtype(name: str, device: torch.device) -> torch.dtype:
    """Turn ``auto|float32|bfloat16`` into a dtype: bf16 where the processor computes in it, else fp32."""
    if name == "float32":
        return torch.float32
    if name == "bfloat16":
        return torch.bfloat16
    fast = has_fast_bfloat16() if device.type == "cpu" else device.type == "cuda"
    return torch.bfloat16 if fast else torch.float32


@lru_cache(maxsize=1)
def has_fast_bfloat16() -> bool:
    """Whether this processor multiplies bf16 matrices in hardware (AVX512-BF16, AMX or Arm BF16)."""
    capability = getattr(torch.backends.cpu, "get_cpu_capability", lambda: "")()
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported", "_is_arm_sve_supported")
    checks = [getattr(torch.cpu, name)() for name in probes[:2] if hasattr(torch.cpu, name)]
    return any(checks) or (capability == "DEFAULT" and platform.machine() == "arm64")


@lru_cache(maxsize=1)
def keep_freed_memory() -> None:
    """Tell glibc to keep up to 256 MiB of freed memory instead of handing pages back after every layer.

    Each large activation would otherwise be mapped, faulted in page by page and unmapped again.
    Does nothing where the C library is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_THRESHOLD, _KEEP_BYTES)
    libc.mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES)
