"""Training the gate alone: projections stay what they were, all else learns, and a sink is there."""

from __future__ import annotations

import torch

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from tests.support.training import finish, make_run, write_examples


def test_only_the_gate_learns(tmp_path):
    data = write_examples(tmp_path / "data.jsonl")
    for start in ("untrained", DEFAULT_CHECKPOINT):
        before = load_checkpoint(start)
        finish(make_run(data, tmp_path / start, init=before, part="gate"))
        after = load_checkpoint(str(tmp_path / start))
        assert after.config.layers == before.config.layers
        assert after.config.sink == "learned"
        assert after.config.training["part"] == "gate"
        for name, value in before.tensors.items():
            if name in CrossAttention.PROJECTIONS:
                assert torch.equal(after.tensors[name].float(), value.float()), name
        moved = [name for name in ("log_temperature", "gate_bias", "floor", "gate") if name in before.tensors]
        assert all(not torch.equal(after.tensors[name], before.tensors[name]) for name in moved)
    # Projections that are the identity are named, not stored.
    assert (tmp_path / "untrained" / "model.safetensors").stat().st_size < 20_000
