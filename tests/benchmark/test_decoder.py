"""The benchmark on a decoder: untrained or trained, every method that can run runs, the others are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longattncomp_cli.benchmark.methods.registry import MethodChoice, build_methods
from longattncomp_cli.benchmark.methods.spec_prefill.draft_model import DraftModel, draft_files
from longattncomp_cli.benchmark.plan import make_plan
from longattncomp_cli.benchmark.request import BenchRequest
from longattncomp_cli.benchmark.setup.settings import BenchSettings
from longattncomp_cli.benchmark.setup.workbench import Workbench
from longattncomp_cli.core.checkpoint.store import save_checkpoint
from longattncomp_cli.core.scoring.choice import ScorerChoice
from longattncomp_cli.errors import ResourceError, UsageError
from tests.support.cli import run_bench as run
from tests.support.decoders import make_decoder

SMALL = ["kv", "--context-tokens", "400", "--limit", "1", "--budget", "30%", "--device", "cpu"]
QUICK = [
    "longattncomp",
    "attncomp",
    "spec-prefill",
    "bm25",
    "maxsim",
    "cosine",
    "random",
    "oracle",
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "decoder"
    folder.mkdir()
    make_decoder("llama", folder, max_position_embeddings=4096)
    return folder


@pytest.fixture(scope="module")
def checkpoint(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "mine"
    made, _ = ScorerChoice(backbone=str(model), layers="2", device="cpu").load_parts()
    save_checkpoint(made, folder, "A card.")
    return folder


def named(*names: str) -> list[str]:
    return [part for name in names for part in ("--method", name)]


@pytest.mark.parametrize("encoding", ["full", "windowed"])
def test_an_untrained_decoder_is_compared_with_every_method(
    model: Path, encoding: str, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    decoder = ["--backbone", model, "--layers", "2", "--encoding", encoding]
    done = run(*SMALL, *decoder, *named(*QUICK), "-o", report)
    assert done.exit_code == 0, done.output
    found = json.loads(report.read_bytes())
    assert {row["method"] for row in found["rows"]} == set(QUICK)
    assert all("error" not in row for row in found["rows"])
    assert found["settings"]["backbone"] == "decoder"
    assert (found["settings"]["layers"], found["settings"]["encoding"]) == ("2", encoding)
    assert found["settings"]["chunk_tokens"] == 128
    assert "draft model decoder, 8 steps of look-ahead" in found["methods"]["spec-prefill"]
    assert "spec-prefill" not in found["caveats"]
    assert set(found["checkpoints"]) == {"untrained-decoder"}
    assert str(model.parent) not in report.read_text()


def test_a_decoders_checkpoint_stops_no_method(model: Path, checkpoint: Path, tmp_path: Path) -> None:
    """Also where its backbone has moved."""
    moved = tmp_path / "moved"
    model.rename(moved)
    try:
        report = tmp_path / "report.json"
        done = run(*SMALL, "--checkpoint", checkpoint, "--backbone", moved, "-o", report)
        assert done.exit_code == 0, done.output
    finally:
        moved.rename(model)
    found = json.loads(report.read_bytes())
    methods = {row["method"] for row in found["rows"] if "error" not in row}
    assert {"longattncomp", "untrained", "attncomp", "spec-prefill", "maxsim", "random", "full"} <= methods


def test_a_draft_that_is_not_whole_is_left_out_with_the_reason(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **options: Any) -> Any:
        raise OSError("no file of layer 4")

    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", broken)
    decoder = ["--backbone", model, "--layers", "2"]
    report, page = tmp_path / "report.json", tmp_path / "report.html"
    done = run(*SMALL, *decoder, "-o", report, "--html", page)
    assert done.exit_code == 0, done.output
    found = json.loads(report.read_bytes())
    assert "no file of layer 4" in found["left_out"]["spec-prefill"]
    assert "longattncomp" in {row["method"] for row in found["rows"]}
    assert "spec-prefill is left out" in done.stderr
    for shown in (done.stdout, page.read_text()):
        assert "spec-prefill is left out" in " ".join(shown.split())
    quiet = run(*SMALL, *decoder, *named("spec-prefill"))
    assert quiet.exit_code == ResourceError.exit_code
    assert "no file of layer 4" in quiet.stderr
    monkeypatch.undo()
    again = run(*SMALL, *decoder, *named("spec-prefill"), "-o", report, "--resume")
    assert again.exit_code == 0, again.output
    assert json.loads(report.read_bytes())["left_out"] == {}


def test_the_backbone_as_draft_scores_as_the_same_model_named(model: Path) -> None:
    from longattncomp_cli.benchmark.tasks.item import item_of_text

    made, backbone = ScorerChoice(backbone=str(model), layers="2", device="cpu").load_parts()
    bench = Workbench(BenchSettings(device="cpu"), [made], backbone=backbone)
    item = item_of_text("1", "what burns?", "The harbour is deep. The lamp burns oil. " * 20, [])
    scores = []
    for folder in (None, model):
        choice = MethodChoice(names=("spec-prefill",), is_explicit=True, spec_model=folder)
        ((method,), _) = build_methods(choice, bench)
        assert isinstance(method, DraftModel)
        scores.append(method.score(item, bench.chunk(item.request)).scores.scores)
    np.testing.assert_array_equal(scores[0], scores[1])
    assert np.ptp(scores[0]) > 0


def test_a_draft_is_a_folder_a_hub_id_a_file_or_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "some_weights" / "tiny.gguf"
    file.parent.mkdir()
    file.write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(str(tmp_path))
    wanted = (str(file.parent), {"gguf_file": "tiny.gguf"}, file)
    assert draft_files(str(file)) == wanted
    assert draft_files("some-weights") == wanted
    assert draft_files(str(tmp_path))[:2] == (str(tmp_path), {})
    assert draft_files("someone/some-model")[:2] == ("someone/some-model", {})


def test_options_of_a_decoder_are_checked_before_anything_is_loaded() -> None:
    with pytest.raises(UsageError, match="without --backbone"):
        make_plan(BenchRequest(tasks=["kv"], layers="2"))
    with pytest.raises(UsageError, match="--layers and --checkpoint"):
        make_plan(BenchRequest(tasks=["kv"], layers="2", backbone="x", checkpoint=["stage1"]))
    plan = make_plan(BenchRequest(preset="paper-code-debug", backbone="x", limit=1))
    assert plan.checkpoints == ()
    assert not plan.methods.is_explicit
