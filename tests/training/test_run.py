"""The loop: reproducible, resumable, the same over several processes, and the backbone stays as it was."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
import torch

from longattncomp_cli.core.backbones.base import Backbone
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.loading import load_scorer
from longattncomp_cli.data.examples import Document
from longattncomp_cli.errors import CheckpointError, InputError, OutputError
from longattncomp_cli.training.config import preset
from longattncomp_cli.training.pools.features import FeatureStore
from longattncomp_cli.training.stages import Hooks, run_stage
from tests.support.cli import invoke
from tests.support.training import TINY, digest, finish, interrupted_at, losses, make_run, write_examples


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_examples(tmp_path_factory.mktemp("data") / "own.jsonl")


@pytest.fixture(scope="module")
def features(tmp_path_factory) -> Path:
    """What the runs have encoded, so that each document is read once."""
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def finished(data, features, tmp_path_factory) -> Path:
    return finish(make_run(data, tmp_path_factory.mktemp("runs") / "run", features=features))


def test_a_run_leaves_a_checkpoint_that_scores(finished: Path) -> None:
    checkpoint = load_checkpoint(str(finished))
    verdict = load_scorer(checkpoint, device="cpu").score(
        Request((Source("Salt is sold in Riga."),), "Riga salt?")
    )
    assert verdict.confidence is not None
    assert float(verdict.scores.sum() + verdict.sink) == pytest.approx(1, abs=1e-5)
    assert not (finished / "curves.png").exists()  # without the extra `train`
    assert "| data |" in (finished / "README.md").read_text()
    assert checkpoint.config.training["hyperparameters"]["seed"] == 0


@pytest.fixture(scope="module")
def own_pass(data, tmp_path_factory) -> tuple[Path, Backbone]:
    """The same run with a backbone of its own, by which it encodes itself what it needs."""
    backbone = load_scorer(load_checkpoint("untrained"), device="cpu").backbone
    return finish(make_run(data, tmp_path_factory.mktemp("own") / "run", backbone=backbone)), backbone


def fail(progress) -> None:
    raise InputError("a broken step")


def test_one_seed_gives_one_checkpoint_and_another_another(
    data: Path, features: Path, finished: Path, own_pass: tuple[Path, Backbone], tmp_path: Path
) -> None:
    again, _ = own_pass
    assert digest(again) == digest(finished)
    assert losses(again) == losses(finished)
    other = preset("smoke", 1, layers=(6, 0), seed=1, **TINY)
    with pytest.raises(InputError):
        run_stage(make_run(data, tmp_path, config=other, features=features), Hooks(on_step=fail))
    assert losses(tmp_path)[0] != losses(finished)[0]


def test_interrupted_and_resumed_equals_uninterrupted(
    data: Path, features: Path, finished: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_stage(make_run(data, output, features=features), interrupted_at(2))
    assert 0 < len(losses(output)) < len(losses(finished))
    run_stage(make_run(data, output, features=features, resume=True), Hooks())
    assert losses(output) == losses(finished)
    assert digest(output) == digest(finished)


def test_an_output_in_use_is_refused_and_an_empty_one_cannot_be_resumed(data, finished, tmp_path) -> None:
    with pytest.raises(OutputError):
        run_stage(make_run(data, finished), Hooks())
    with pytest.raises(CheckpointError, match="nothing to resume"):
        run_stage(make_run(data, tmp_path / "new", resume=True), Hooks())


def test_a_run_that_failed_before_it_kept_anything_can_be_started_again(
    data: Path, features: Path, finished: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    with pytest.raises(InputError):
        run_stage(make_run(data, output, features=features), Hooks(on_step=fail))
    assert losses(output) == losses(finished)[:1]
    run_stage(make_run(data, output, features=features), Hooks())
    assert losses(output) == losses(finished)
    assert digest(output) == digest(finished)


def test_stage_2_starts_from_stage_1_at_a_lower_rate_with_sub_queries(
    data, features, finished, tmp_path
) -> None:
    init = load_checkpoint(str(finished))
    config = preset("smoke", 2, **TINY)
    assert config.learning_rate == pytest.approx(preset("smoke", 1).learning_rate / 4)
    changes = {"init": init, "config": config, "features": features, "sub_queries": True}
    run_stage(make_run(data, tmp_path / "two", 2, **changes), Hooks())
    made = load_checkpoint(str(tmp_path / "two"))
    assert made.config.layers == init.config.layers
    assert made.config.training["sub_queries"] is True
    assert made.config.training["init"] == "run"
    moved = (made.tensors["w_q"].float() - init.tensors["w_q"].float()).abs().max()
    assert 0 < float(moved) < 0.05


def test_mean_pooling_trains_too(data: Path, features: Path, tmp_path: Path) -> None:
    config = preset("smoke", 1, layers=(6,), pooling="mean", **TINY)
    run_stage(make_run(data, tmp_path / "mean", config=config, features=features), Hooks())
    made = load_checkpoint(str(tmp_path / "mean"))
    assert made.config.pooling == "mean"
    verdict = load_scorer(made, device="cpu").score(Request((Source("Salt is sold in Riga."),), "Riga?"))
    assert float(verdict.scores.sum() + verdict.sink) == pytest.approx(1, abs=1e-5)


def test_training_leaves_every_backbone_parameter_as_it_was(own_pass: tuple[Path, Backbone]) -> None:
    fresh = load_scorer(load_checkpoint("untrained"), device="cpu").backbone.encoder
    used = own_pass[1].encoder
    assert torch.equal(used.token_embeddings, fresh.token_embeddings)
    for layer, other in zip(used.layers, fresh.layers, strict=True):
        for name, value in vars(layer).items():
            for a, b in zip(
                torch.utils._pytree.tree_leaves(value),
                torch.utils._pytree.tree_leaves(vars(other)[name]),
                strict=True,
            ):
                assert torch.equal(a, b)


def test_two_processes_see_the_losses_of_one(
    data: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This process, and another one; each has one of the two pools of a step."""
    output = tmp_path / "two"
    code = (
        "import sys, torch\ntorch.set_num_threads(1)\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from tests.support.training import *\n"
        f"finish(make_run(Path({str(data)!r}), Path({str(output)!r})))\n"
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    other = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **group, "RANK": "1"})
    for name, value in {**group, "RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    finish(make_run(data, output))
    assert other.wait(timeout=300) == 0
    assert losses(output) == pytest.approx(losses(finished), rel=2e-3)


def test_the_store_encodes_once_survives_a_torn_end_and_changes_nothing(tmp_path: Path) -> None:
    scorer = load_scorer(load_checkpoint("untrained"), device="cpu")
    documents = [
        Document("Riga", "Salt is sold here. " * 30),
        Document("", "Tin."),
        Document("Riga", "Salt is sold here. " * 30),
    ]
    store = FeatureStore(scorer, [6, 0], tmp_path)
    assert store.add(documents) == 2
    assert store.add(documents) == 0
    folder = store.folder
    for name in (
        "ids.bin",
        "layer-6.bin",
        "index.jsonl",
    ):  # an interrupted run: bytes that no whole line names
        with (folder / name).open("ab") as file:
            file.write(b"torn")
    again = FeatureStore(scorer, [6, 0], tmp_path)
    memory = FeatureStore(scorer, [6, 0], None)
    memory.add(documents)
    for document in documents:
        one, two = again.get(document), memory.get(document)
        assert torch.equal(one.ids_N, two.ids_N)
        assert torch.equal(one.states[6], two.states[6])
        assert one.spans == two.spans
        assert sum(one.num_tokens) == len(one.ids_N)
    assert again.add([Document("", "New.")]) == 1
    assert len(again.get(Document("", "New.")).ids_N) == 2


def test_the_presets_hold_the_papers_numbers() -> None:
    one, two = preset("paper", 1), preset("paper", 2)
    assert (one.learning_rate, two.learning_rate) == (2e-4, 5e-5)
    assert (one.epochs, one.batch_pools, one.weight_decay, one.dropout, one.clip_norm) == (
        15,
        8,
        0.01,
        0.1,
        1.0,
    )
    assert (one.pools.questions_per_pool, one.pools.min_tokens, one.pools.max_tokens) == (1, 8_000, 48_000)
    assert one.pools.negative_share == 0.25
    assert preset("paper", 1, epochs=2, negative_share=0.5).pools.negative_share == 0.5


OLD_FLAGS = {
    "--questions": ("--questions-per-pool", "5"),
    "--mean-decay": ("--ema-decay", "0.5"),
    "--blend": ("--interpolation", "0.25"),
    "--scalar-rate": ("--scalar-lr-multiplier", "3"),
}


def test_hyperparameters_keep_the_flags_of_their_old_names(data: Path, tmp_path: Path) -> None:
    sizes = ["--min-tokens", "200", "--max-tokens", "300", "--held-out-share", "0.3", "--limit", "data=4"]
    base = ["train-stage1", "--data", str(data), "--preset", "smoke", "--device", "cpu", "--quiet", *sizes]
    old = {name: value for name, (_, value) in OLD_FLAGS.items()}
    recorded = []
    for flags in (old, dict(OLD_FLAGS.values())):
        output = tmp_path / str(len(recorded))
        args = [*base, *chain(*flags.items()), "-o", str(output)]
        done = invoke(*args)
        assert done.exit_code == 0, done.stderr
        recorded.append(load_checkpoint(str(output)).config.training["hyperparameters"])
    assert recorded[0] == recorded[1]
    found = {**recorded[0], **recorded[0]["pools"]}
    for new, value in OLD_FLAGS.values():
        assert found[new.strip("-").replace("-", "_")] == float(value)
