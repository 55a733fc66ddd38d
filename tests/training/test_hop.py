"""Training the hop: it alone learns, it learns bridges, and what training scores is what scoring scores."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.checkpoint.store import Checkpoint, build_layers, load_checkpoint, save_checkpoint
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.loading import load_scorer
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.data.examples import Document, Example
from longattncomp_cli.data.readers import read_native
from longattncomp_cli.errors import CheckpointError, UsageError
from longattncomp_cli.training.config import preset
from longattncomp_cli.training.losses import cross_entropy
from longattncomp_cli.training.pools.features import FeatureStore
from longattncomp_cli.training.pools.hop_scorer import HOP_RANK, HopScorer
from longattncomp_cli.training.pools.pool import Pool, Question
from longattncomp_cli.training.stages import Hooks, StageRun, run_stage
from tests.support.training import digest, finish, interrupted_at, losses, make_run

FILMS = (
    "Salt Harvest,Iron Meadow,Green Lantern Road,Winter Ferry,Glass Orchard,Amber Tide,Red Loom,Tin Parade"
)
PEOPLE = "Ozolin,Brandt,Castel,Dunmore,Eklund,Farkas,Gallo,Hruska,Ibarra,Jansen,Kovacs,Lindqvist,Moreau,Novak"
TOWNS = "Valmiera,Riga,Oslo,Lima,Quito,Tunis,Dakar,Hanoi,Minsk,Sofia,Turin,Porto,Basel,Leeds,Malmo,Gdansk"


def write_bridges(path: Path, count: int = 16) -> Path:
    """Film, its director and its composer, where each was born; the director's town is asked for."""
    rng = random.Random(5)
    rows = []
    for number in range(count):
        films = rng.sample(FILMS.split(","), 4)
        people = rng.sample(PEOPLE.split(","), 8)
        towns = rng.sample(TOWNS.split(","), 8)
        documents = [
            {"title": "", "text": f"{film} is a film directed by {director}. {composer} wrote its music."}
            for film, director, composer in zip(films, people[:4], people[4:], strict=True)
        ]
        documents += [
            {"title": "", "text": f"{who} grew up as a cooper's child and came from {town}."}
            for who, town in zip(people, towns, strict=True)
        ]
        query = f"In which town was the director of the film {films[0]} born?"
        rows.append({"id": f"b{number}", "query": query, "documents": documents, "relevant": [0, 4]})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def make_hop_run(data: Path, output: Path, **changes) -> StageRun:
    config = preset(
        "smoke",
        2,
        part="hop",
        layers=(6, 0),
        epochs=2,
        questions_per_pool=1,
        questions_per_group=1,
        min_tokens=200,
        max_tokens=300,
        validate_every=4,
        held_out_share=0.3,
        learning_rate=0.01,
        ema_decay=0.5,
    )
    start = {"init": load_checkpoint(DEFAULT_CHECKPOINT), "part": "hop", "config": config}
    return make_run(data, output, 2, **{**start, **changes})


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_bridges(tmp_path_factory.mktemp("data") / "bridges.jsonl")


@pytest.fixture(scope="module")
def features(tmp_path_factory) -> Path:
    """What the runs have encoded, so that each document is read once."""
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def finished(data, features, tmp_path_factory) -> Path:
    return finish(make_hop_run(data, tmp_path_factory.mktemp("runs") / "hop", features=features))


def test_only_the_hop_learns(finished: Path) -> None:
    init, made = load_checkpoint(DEFAULT_CHECKPOINT), load_checkpoint(str(finished))
    own = {name for name in init.tensors if not name.startswith("hop.")}
    assert all(torch.equal(init.tensors[name], made.tensors[name]) for name in own)
    assert made.config.calibration == init.config.calibration
    assert made.config.hop_rank == HOP_RANK
    assert made.config.training["hop"]["part"] == "hop"
    assert float(made.tensors["hop.gate"].abs().max()) > 0
    request = Request((Source("Salt Harvest was directed by Ozolin.\n\nOzolin came from Riga."),), "Salt?")
    one, other = (load_scorer(c, device="cpu", hops=1).score(request) for c in (init, made))
    assert np.array_equal(one.scores, other.scores)
    assert one.confidence == other.confidence


def mean_loss(checkpoint: Checkpoint, store: FeatureStore, data: Path) -> float:
    """Of the scores after the hop, each question asked over its own documents."""
    attention, hop_layer = build_layers(checkpoint)
    pool_scorer = HopScorer(attention, store, hop_layer=hop_layer)
    losses = []
    for example in read_native(data):
        read = pool_scorer.encode(Pool(example.documents, (Question(example, evidence_hidden=False),)))
        (scores,) = pool_scorer.score(read, [np.ones_like(read.relevant[0])])
        relevant_C = torch.from_numpy(read.relevant[0])
        losses.append(cross_entropy(scores.chunks_C, None, relevant_C).item())
    return float(np.mean(losses))


def test_it_learns(data: Path, features: Path, finished: Path, scorer: Scorer) -> None:
    init, made = load_checkpoint(DEFAULT_CHECKPOINT), load_checkpoint(str(finished))
    own = {name: value for name, value in init.tensors.items() if not name.startswith("hop.")}
    untrained = Checkpoint(replace(init.config, hop_rank=0), own)
    store = FeatureStore(scorer, init.config.layers, features)
    store.add(document for example in read_native(data) for document in example.documents)
    assert mean_loss(made, store, data) < 0.95 * mean_loss(untrained, store, data)


def test_interrupted_and_resumed_equals_uninterrupted(
    data: Path, features: Path, finished: Path, tmp_path: Path
) -> None:
    output = tmp_path / "hop"
    with pytest.raises(KeyboardInterrupt):
        run_stage(make_hop_run(data, output, features=features), interrupted_at(3))
    run_stage(make_hop_run(data, output, features=features, resume=True), Hooks())
    assert losses(output) == losses(finished)
    assert digest(output) == digest(finished)


def plain(checkpoint: Checkpoint) -> Checkpoint:
    """Without the steps after the hop, which training leaves out."""
    config = replace(
        checkpoint.config,
        exact_match_weight=0.0,
        length_normalised=False,
        propagation_decay=None,
        coverage=0.0,
        hops=2,
    )
    return Checkpoint(replace(config, calibration=None, sufficiency=None), checkpoint.tensors)


@pytest.mark.parametrize("hide", [False, True])
def test_training_scores_what_scoring_scores(data: Path, finished: Path, hide: bool) -> None:
    made = plain(load_checkpoint(str(finished)))
    scorer = load_scorer(made, device="cpu", chunk_tokens=32, snap="sentence")
    row = json.loads(data.read_text().splitlines()[0])
    documents = tuple(Document(d["title"], d["text"]) for d in row["documents"])
    example = Example("x", row["query"], documents, (0, 4), dataset="data")
    attention, hop_layer = build_layers(made)
    pool_scorer = HopScorer(attention, FeatureStore(scorer, made.config.layers, None), hop_layer=hop_layer)
    read = pool_scorer.encode(Pool(documents, (Question(example, evidence_hidden=hide),)))
    allowed = ~read.relevant[0] if hide else np.ones_like(read.relevant[0])
    (trained,) = pool_scorer.score(read, [allowed])
    seen = [d for i, d in enumerate(documents) if not (hide and i in example.relevant)]
    scored = scorer.score(Request(tuple(Source(d.text, title=d.title) for d in seen), example.query))
    np.testing.assert_allclose(trained.chunks_C.detach().exp().numpy(), scored.scores, rtol=0.05)


def test_a_hop_needs_scores_that_it_can_be_trained_on(data: Path, tmp_path: Path) -> None:
    init = load_checkpoint(DEFAULT_CHECKPOINT)
    mean = Checkpoint(replace(init.config, pooling="mean", calibration=None, sufficiency=None), init.tensors)
    with pytest.raises(UsageError, match="log pooling"):
        run_stage(make_hop_run(data, tmp_path / "hop", init=mean), Hooks())


def test_a_trained_hop_survives_a_round_trip_and_a_broken_one_is_refused(
    finished: Path, tmp_path: Path, scorer: Scorer
) -> None:
    made = load_checkpoint(str(finished))
    save_checkpoint(made, tmp_path / "copy", "")
    again = load_checkpoint(str(tmp_path / "copy"))
    assert again.digest == made.digest
    without = {name: value for name, value in made.tensors.items() if name != "hop.gate"}
    save_checkpoint(Checkpoint(made.config, without), tmp_path / "broken", "")
    with pytest.raises(CheckpointError, match=r"hop\.gate"):
        load_checkpoint(str(tmp_path / "broken"))
    with pytest.raises(CheckpointError, match="hop_rank"):
        replace(made.config, hop_rank=-1)
