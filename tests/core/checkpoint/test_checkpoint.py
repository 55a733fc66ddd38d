"""Checkpoints: what is saved is loaded, and what does not fit is refused with a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
import torch
from safetensors.torch import load_file, save_file

from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.checkpoint.config import CheckpointConfig
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT, shipped_checkpoints
from longattncomp_cli.core.checkpoint.store import (
    Checkpoint,
    build_attention,
    load_checkpoint,
    save_checkpoint,
)
from longattncomp_cli.errors import CheckpointError

CONFIG = CheckpointConfig(
    name="tiny",
    backbone=BackboneSpec(id="nowhere/tiny", sha256="0" * 64),
    layers=(1, 0),
    width=4,
    head_width=4,
)


def tiny(**changes: object) -> Checkpoint:
    config = replace(CONFIG, **changes)
    return Checkpoint(
        config, {k: v.detach().clone() for k, v in build_attention(config).state_dict().items()}
    )


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    made = tiny(sink="learned", training={"seed": 0})
    save_checkpoint(made, tmp_path / "c", "# card\n")
    loaded = load_checkpoint(str(tmp_path / "c"))
    assert loaded.config == made.config
    assert loaded.digest == made.digest
    assert all(torch.equal(loaded.tensors[name], value) for name, value in made.tensors.items())


def test_the_digest_changes_with_the_config_and_with_each_tensor() -> None:
    made = tiny()
    changed = {**made.tensors, "floor": made.tensors["floor"] + 1}
    assert len({made.digest, Checkpoint(made.config, changed).digest, tiny(chunk_tokens=64).digest}) == 3


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_checkpoint(tiny(), tmp_path / name, "")
    for file in ("config.json", "model.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_projections_at_the_identity_are_said_and_not_stored(tmp_path: Path) -> None:
    """The checkpoint is the same, and files that store them are read as before."""
    made = tiny()
    assert torch.equal(made.tensors["w_q"][1], torch.eye(4))
    save_checkpoint(made, tmp_path / "said", "")
    said = load_checkpoint(str(tmp_path / "said"))
    assert said.digest == made.digest
    config = orjson.loads((tmp_path / "said" / "config.json").read_bytes())
    assert config["identity"] == ["w_q", "w_k"]
    assert not {"w_q", "w_k"} & set(load_file(tmp_path / "said" / "model.safetensors"))

    old = tmp_path / "old"
    save_checkpoint(made, old, "")
    (old / "config.json").write_bytes(orjson.dumps({k: v for k, v in config.items() if k != "identity"}))
    with pytest.raises(CheckpointError, match="no tensor"):
        load_checkpoint(str(old))
    save_file({k: v.contiguous() for k, v in made.tensors.items()}, old / "model.safetensors")
    assert load_checkpoint(str(old)).digest == made.digest

    (old / "config.json").write_bytes(orjson.dumps({**config, "identity": ["gate"]}))
    with pytest.raises(CheckpointError, match="identity may name w_q and w_k"):
        load_checkpoint(str(old))


@pytest.mark.parametrize("name", shipped_checkpoints())
def test_shipped_checkpoints_load_and_have_a_card(name: str) -> None:
    from longattncomp_cli.core.checkpoint.shipped import SHIPPED_FOLDER

    checkpoint = load_checkpoint(name)
    assert checkpoint.config.name == name
    assert len((SHIPPED_FOLDER / name / "README.md").read_text()) > 200
    assert (SHIPPED_FOLDER / name / "model.safetensors").stat().st_size < 6_000_000


def test_the_default_is_shipped() -> None:
    assert DEFAULT_CHECKPOINT in shipped_checkpoints()


def _break(folder: Path, what: str) -> None:
    config = orjson.loads((folder / "config.json").read_bytes())
    changes = {
        "version": {"format_version": 99},
        "older": {"format_version": 1},
        "field": {"surprise": 1},
        "pooling": {"pooling": "max"},
        "layers": {"layers": []},
        "shape": {"width": 8, "head_width": 8},
    }
    if what == "json":
        (folder / "config.json").write_text("{")
    elif what == "weights":
        (folder / "model.safetensors").write_bytes(b"not a tensor")
    elif what == "nan":
        made = tiny()
        made.tensors["w_q"][0, 0, 0] = float("nan")
        save_checkpoint(made, folder, "")
    else:
        (folder / "config.json").write_bytes(orjson.dumps({**config, **changes[what]}))


@pytest.mark.parametrize(
    "what", ["version", "older", "field", "pooling", "layers", "shape", "json", "weights", "nan"]
)
def test_a_broken_checkpoint_is_refused(tmp_path: Path, what: str) -> None:
    save_checkpoint(tiny(), tmp_path, "")
    _break(tmp_path, what)
    with pytest.raises(CheckpointError):
        load_checkpoint(str(tmp_path))


def test_an_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(CheckpointError, match="neither a directory") as caught:
        load_checkpoint("no-such-checkpoint")
    assert DEFAULT_CHECKPOINT in caught.value.hint
