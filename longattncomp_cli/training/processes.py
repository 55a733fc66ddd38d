"""The processes of one run, as ``torchrun`` starts them: one where there is no group of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist


@contextmanager
def joined() -> Iterator[None]:
    """Join the group that ``torchrun`` announces in the environment, if there is one; leave it at the end."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or dist.is_initialized():
        yield
        return
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """This process among them; the first one, 0, writes."""
    return dist.get_rank() if dist.is_initialized() else int(os.environ.get("RANK", "0"))


def num_processes() -> int:
    """How many share the work."""
    return dist.get_world_size() if dist.is_initialized() else 1


def wait_for_all() -> None:
    """Go on when all processes have come here."""
    if dist.is_initialized():
        dist.barrier()
