"""The forms of training data: the paper's haystacks, replay shares, the running mean that is saved."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.checkpoint.untrained_encoder import start_attention
from longattncomp_cli.core.scoring.loading import load_scorer
from longattncomp_cli.data.examples import Document, Example
from longattncomp_cli.errors import InputError, UsageError
from longattncomp_cli.training.config import preset
from longattncomp_cli.training.examples import load_data
from longattncomp_cli.training.memory import memory_estimate
from longattncomp_cli.training.pools.features import FeatureStore
from longattncomp_cli.training.pools.haystack_pools import HaystackPlan
from longattncomp_cli.training.pools.plan import PoolConfig, PoolPlan
from longattncomp_cli.training.pools.scorer import PoolScorer
from longattncomp_cli.training.pools.states import pool_states
from longattncomp_cli.training.stages import Hooks, run_stage
from longattncomp_cli.training.trainables import Trainable
from longattncomp_cli.training.trainer import Trainer
from tests.support.training import TINY, digest, losses, make_run, write_examples


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_examples(tmp_path_factory.mktemp("data") / "own.jsonl")


def examples(count: int) -> list[Example]:
    own = tuple(Document(f"T{i}", f"Own text {i} of the harbour. " * 3) for i in range(10))
    return [Example(f"e{i}", f"What of {i}?", own, (i % 10,), dataset="data") for i in range(count)]


def test_the_papers_haystacks_have_their_length_their_negatives_and_spread_needles() -> None:
    documents = [Document(f"D{i}", f"Random text number {i} about ropes. " * 4) for i in range(300)]
    config = PoolConfig(haystacks=True, min_tokens=1_000, max_tokens=2_000, hard_negatives=5)
    plan = HaystackPlan(examples(24), config, 0, 0, documents)
    report = plan.report()
    assert len(plan) == len(report.tokens) == 24
    assert report.negative_share == 6 / 24  # a quarter
    assert max(report.documents) <= 100
    assert 900 <= min(report.tokens) <= max(report.tokens) <= 2_000
    # Of the 18 needles, turn by turn; one may slip over a border, as documents are not divided.
    assert report.depth_thirds == pytest.approx((6 / 18, 6 / 18, 6 / 18), abs=1.1 / 18)
    pool = plan.pool(3, documents)
    again = HaystackPlan(examples(24), config, 0, 0, documents).pool(3, documents)
    assert pool == again
    assert pool != HaystackPlan(examples(24), config, 0, 1, documents).pool(3, documents)


def test_replay_is_the_share_that_was_asked_for(tmp_path: Path) -> None:
    own = write_examples(tmp_path / "own.jsonl", 60)
    paragraphs = [
        {"context": f"Salt {i} is old.", "qas": [{"id": f"s{i}", "question": f"Is {i} old?", "answers": []}]}
        for i in range(200)
    ]
    for paragraph in paragraphs:
        paragraph["qas"][0]["answers"] = [{"text": "Salt", "answer_start": 0}]
    articles = [{"title": f"A{i}", "paragraphs": [p]} for i, p in enumerate(paragraphs)]
    squad = tmp_path / "squad.json"
    squad.write_text(json.dumps({"version": "1.1", "data": articles}))
    loaded = load_data(
        {"data": [own], "squad": [squad]},
        limits={"squad": 5},
        held_out_share=0.1,
        validation_questions=4,
        replay=0.4,
    )
    counts = {name: sides["train"] for name, sides in loaded.counts.items()}
    assert counts["squad"] == round(counts["data"] * 0.4 / 0.6)


def test_what_is_saved_is_the_running_mean_blended_with_the_start(data: Path, tmp_path: Path) -> None:
    # The mean forgets 1/2, then 1/3, … of itself: it is the plain mean of the start and all weights since.
    scorer = load_scorer(load_checkpoint("untrained"), device="cpu")
    loaded = load_data({"data": [data]}, limits={}, held_out_share=0.3, validation_questions=4)
    store = FeatureStore(scorer, (6, 0), None)
    store.add(loaded.documents)
    config = preset("smoke", 1, layers=(6, 0), interpolation=0.5, **TINY)
    attention = start_attention(scorer.backbone, (6, 0), learned_sink=True)
    start = {name: value.detach().clone() for name, value in attention.named_parameters()}
    scorer_of_pools = PoolScorer(attention, store, config.pooling)
    trainable = Trainable(attention, scorer_of_pools, start, lambda name, record: scorer.checkpoint)
    trainer = Trainer(trainable, loaded, config, tmp_path, lambda step, result: None)
    seen = [attention.gate_bias.detach().clone()]
    trainer.run(lambda progress: seen.append(attention.gate_bias.detach().clone()))
    wanted = torch.stack(seen).mean(dim=0)
    torch.testing.assert_close(trainer.optimizer.ema["gate_bias"], wanted)
    last = attention.gate_bias.detach().clone()
    with trainer.optimizer.averaged():
        torch.testing.assert_close(attention.gate_bias.detach(), (seen[0] + wanted) / 2)
    assert torch.equal(attention.gate_bias.detach(), last)


@pytest.mark.parametrize("wrong", [{"interpolation": 0.0}, {"interpolation": 1.5}, {"ema_decay": 1.0}])
def test_a_mean_that_cannot_be_taken_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        preset("smoke", 1, **wrong)


def test_spread_stays_inside_a_document_unless_the_pool_is_one_text() -> None:
    scorer = load_scorer(load_checkpoint("untrained"), device="cpu")
    store = FeatureStore(scorer, (6, 0), None)
    long = Document("", "The ferry leaves at noon. " * 60)
    store.add([long, Document("", "Tin.")])
    features = [store.get(long), store.get(Document("", "Tin."))]
    assert features[0].continues == (False, True, True)
    attention = start_attention(scorer.backbone, (6, 0), learned_sink=True)
    apart = pool_states(attention, store, features).passage_C.tolist()
    assert apart == [1, 1, 1, 2]
    assert len(set(pool_states(attention, store, features, in_order=True).passage_C.tolist())) == 1


QUAYS = [
    Document(f"Quay {i}", f"{text} {i}")
    for i, text in enumerate(
        ["東京都は日本の首都です。" * 3, "The ferry leaves at noon. " * 4, "0xDEADBEEF 🙂 " * 5] * 30
    )
]


@pytest.fixture(scope="module")
def quays() -> FeatureStore:
    store = FeatureStore(load_scorer(load_checkpoint("untrained"), device="cpu"), (6, 0), None)
    store.add(QUAYS)
    return store


@pytest.mark.parametrize("haystacks", [True, False])
def test_pools_are_bounded_in_the_tokens_that_are_read(quays: FeatureStore, haystacks: bool) -> None:
    """Also in scripts with few characters a token."""
    store, documents = quays, QUAYS
    asked = [
        Example(f"e{i}", "What?", tuple(documents[5 * i : 5 * i + 5]), (i % 5,), dataset="data")
        for i in range(18)
    ]
    unread = FeatureStore(store.scorer, (6, 0), None)
    assert list(map(store.num_tokens, documents)) == list(map(unread.num_tokens, documents))
    small = {"min_tokens": 700, "max_tokens": 800, "negative_share": 0.0}
    config = preset("smoke", 1, layers=(6, 0), haystacks=haystacks, **small)
    attention = start_attention(store.backbone, (6, 0), learned_sink=True)
    pool_scorer = PoolScorer(attention, store, config.pooling)
    if haystacks:
        plan: PoolPlan = HaystackPlan(asked, config.pools, 0, 0, documents, pool_scorer.num_tokens)
    else:
        plan = PoolPlan(asked, config.pools, 0, 0, pool_scorer.num_tokens)
    lengths = [
        len(pool_scorer.encode(plan.pool(number, documents)).states.ids_N) for number in range(len(plan))
    ]
    assert 600 < max(lengths) <= 800

    # A pool's states, once as stored and once normalised, are what is announced for it.
    def announced_bytes(text_tokens: int) -> int:
        bound = config.pools.max_tokens
        return memory_estimate(attention, store, max_tokens=bound, text_tokens=text_tokens)["pool"]

    announced = announced_bytes(sum(map(pool_scorer.num_tokens, documents)))
    item = torch.empty(0, dtype=store.compute_dtype).element_size()
    assert announced >= max(lengths) * 2 * store.backbone.width * (item + 4)
    few = announced_bytes(100)  # no pool holds more than all documents
    assert few == announced / 8


def test_questions_that_no_pool_can_hold_are_left_out_with_a_note(tmp_path: Path) -> None:
    data = write_examples(tmp_path / "own.jsonl")
    rows = [json.loads(line) for line in data.read_text().splitlines()]
    long = {"title": "", "text": "A ferry. " * 300}
    for row in rows[:20]:
        row["documents"] = [long, *row["documents"]]
        row["relevant"] = [0]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows[:20]))
    with pytest.raises(InputError, match="fit into a pool"):
        run_stage(make_run(data, tmp_path / "none"), Hooks())
    short = [{**row, "id": f"short{i}"} for i, row in enumerate(rows[20:] * 4)]
    data.write_text("".join(json.dumps(row) + "\n" for row in [*rows, *short]))
    notes: list[str] = []
    run_stage(make_run(data, tmp_path / "some"), Hooks(on_note=notes.append))
    assert any("questions left out" in note for note in notes)


@pytest.mark.slow
def test_torchrun_trains_over_two_processes(data: Path, tmp_path: Path) -> None:
    command = ["train-stage1", "--data", str(data), "--preset", "smoke", "--quiet"]
    sizes = ["--held-out-share", "0.3", "--min-tokens", "200", "--max-tokens", "300", "--batch-pools", "2"]
    runner = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    module = ["-m", "longattncomp_cli"]
    two, one = tmp_path / "two", tmp_path / "one"
    subprocess.run([*runner, *module, *command, *sizes, "-o", str(two)], check=True, timeout=240)
    subprocess.run([sys.executable, *module, *command, *sizes, "-o", str(one)], check=True, timeout=240)
    assert losses(two) == pytest.approx(losses(one), rel=2e-3)
    assert load_checkpoint(str(two)).config.training["step"] >= 1
    assert digest(two)
    assert all(math.isfinite(loss) for loss in losses(two))
