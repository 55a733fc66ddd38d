"""Scripts that measure and fit: each starts as its usage says, and what they write says how it was made."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from longattncomp_cli.core.checkpoint.store import load_checkpoint

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "benchmarks"
SCRIPTS = sorted(FOLDER.rglob("*.py"))
NAMED = re.compile(r"tests/benchmarks/[\w/]+\.py")


@pytest.fixture
def paths(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The import path, to be changed at will; afterwards it, and what was imported by it, is as before."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield sys.path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(FOLDER)):
            del sys.modules[name]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_starts_and_its_help_says_how_to_call_it(
    script: Path, paths: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths.insert(0, str(script.parent))  # as Python does
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    if "__main__" not in script.read_text(encoding="utf-8"):
        runpy.run_path(str(script))
        return
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(script), run_name="__main__")
    assert stopped.value.code in (0, None)
    assert f"python {script.relative_to(ROOT)}" in capsys.readouterr().out


def test_every_script_that_code_names_is_there() -> None:
    places = [*SCRIPTS, *(ROOT / "longattncomp_cli").rglob("*.py"), ROOT / "Makefile"]
    named = {(place, name) for place in places for name in NAMED.findall(place.read_text(encoding="utf-8"))}
    assert named
    missing = {(str(place.relative_to(ROOT)), name) for place, name in named if not (ROOT / name).is_file()}
    assert not missing


def test_results_say_how_they_were_made_and_have_one_line_a_row(
    tmp_path: Path, paths: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths.insert(0, str(FOLDER))
    monkeypatch.setattr(sys, "argv", [str(FOLDER / "speed.py"), "--data-dir", "/home/somebody/data set"])
    rows = [{"item": 1, "recall": 0.5}, {"item": 2, "recall": 1.0}]
    output = tmp_path / "results.json"
    write_results = import_module("results_file").write_results
    write_results(output, {"mean": 0.75, "rows": rows}, checkpoint="untrained", device="cpu", dtype="float32")
    found = orjson.loads(output.read_bytes())
    assert found["command"] == "python tests/benchmarks/speed.py --data-dir 'data set'"
    assert (found["checkpoint"], found["checkpoint_digest"]) == (
        "untrained",
        load_checkpoint("untrained").digest,
    )
    assert {"commit", "hardware", "versions", "device", "dtype"} <= set(found["environment"])
    assert (found["mean"], found["rows"]) == (0.75, rows)
    lines = output.read_text(encoding="utf-8").splitlines()
    assert [orjson.loads(line.strip().rstrip(",")) for line in lines if '"item"' in line] == rows


def test_the_shipped_untrained_checkpoint_is_the_one_that_its_script_makes(
    tmp_path: Path, paths: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["make_untrained.py", str(tmp_path / "untrained")])
    runpy.run_path(str(FOLDER / "fit" / "make_untrained.py"), run_name="__main__")
    assert load_checkpoint(str(tmp_path / "untrained")).digest == load_checkpoint("untrained").digest


def question(number: int, is_spread: bool) -> dict[str, Any]:
    """A question to 60 chunks of 100 tokens; of evidence that is spread the best two have half."""
    scores = np.array([0.4, 0.3, *[0.005] * 58]) if not is_spread else np.array([0.3, 0.2, *[0.0086] * 58])
    evidence = [0.5, 0.5, *[0.0] * 58] if not is_spread else [0.25, 0.25, 0.25, 0.25, *[0.0] * 56]
    names = ("gap_5", "chunks", "words", "matched_long_words", "similarity_1", "similarity_3")
    noise = np.random.default_rng(number).normal(size=len(names))
    return {
        "kind": ("squad", "musique")[number % 2],
        "label": "answerable",
        "haystack": f"0-{number}",
        "tokens": [100] * 60,
        "evidence": evidence,
        "scores": scores.tolist(),
        "first_hop": scores.tolist(),
        "features": {**dict(zip(names, noise, strict=True)), "entropy": 1.0 + is_spread},
    }


def test_sufficiency_is_learned_from_the_feature_that_tells_it(paths: list[str]) -> None:
    """Where the peak holds all, entropy is 1, else 2: the model must take the peak at 1 and fill at 2."""
    paths.insert(0, str(FOLDER / "fit"))
    rows = [question(number, is_spread=number % 4 >= 2) for number in range(80)]
    model, rule = import_module("fit_sufficiency").fit(rows)
    sure = [model.probability(row["features"]) >= rule.min_sufficiency for row in rows]
    assert sure == [row["features"]["entropy"] == 1.0 for row in rows]
    found = import_module("fit_sufficiency").report(rows, model, rule)
    assert found["lost_by_auto"]["mean"] == 0.0
    everything = next(entry for entry in found["kinds"] if entry["kind"] == "mean of kinds: all")
    assert everything["auto"]["budget_used"] < everything["fill"]["budget_used"] == 1.0
