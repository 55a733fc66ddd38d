"""What a run draws where matplotlib is installed: curves, and of the paper's haystacks what is in them."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.training.config import preset
from longattncomp_cli.training.stages import Hooks, run_stage
from tests.support.training import TINY, make_run, write_examples


def test_a_run_on_haystacks_draws_its_curves_and_reports_their_composition(tmp_path: Path) -> None:
    data = write_examples(tmp_path / "own.jsonl")
    config = preset("paper", 1, **{**TINY, "batch_pools": 4, "held_out_share": 0.3})
    notes: list[str] = []
    run_stage(make_run(data, tmp_path / "run", config=config), Hooks(on_note=notes.append))
    report = orjson.loads((tmp_path / "run" / "composition.json").read_bytes())
    made = load_checkpoint(str(tmp_path / "run"))
    assert report["num_haystacks"] == made.config.training["examples"]["data"]["train"]
    assert report["negative_share"] == pytest.approx(0.25, abs=0.05)
    for drawing in ("composition.png", "curves.png"):
        assert (tmp_path / "run" / drawing).read_bytes().startswith(b"\x89PNG")
    assert any(note.startswith("needles in front / middle / end") for note in notes)
