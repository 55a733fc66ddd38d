"""A decoder through both stages: the layer learns, the backbone stays, the checkpoint scores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from longattncomp_cli.core.backbones.base import POSITIONS
from longattncomp_cli.core.backbones.decoder import backbone as decoder_module
from longattncomp_cli.core.backbones.decoder.weights import build_decoder
from longattncomp_cli.core.backbones.spec import BackboneSpec, UntrainedBackbone
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.loading import load_scorer, load_untrained_decoder
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.data.examples import Document, Example
from longattncomp_cli.training.pools.features import FeatureStore
from longattncomp_cli.training.pools.pool import Pool, Question
from longattncomp_cli.training.pools.whole_pools import pool_scorer
from longattncomp_cli.training.trainables import INSTRUCTION, initial_attention
from tests.support.cli import invoke
from tests.support.decoders import decoder_scorer, make_decoder, make_remote_decoder
from tests.support.training import GOODS, PLACES, write_examples


def untrained_scorer(folder: Path, encoding: str, dtype: str = "auto") -> Scorer:
    return decoder_scorer(folder, 2, encoding=encoding, dtype=dtype)


SENTENCES = (
    " ".join(f"What does the market of {place} trade? Which market is in {place}?" for place in PLACES)
    + " "
    + " ".join(f"trades {good} in autumn. Its harbour is 12 miles away." for good in GOODS)
)
NUMBERS = {"--epochs": "8", "--batch-pools": "2", "--learning-rate": "0.003", "--validate-every": "40"}
NUMBERS |= {"--min-tokens": "250", "--max-tokens": "350", "--patience": "20", "--held-out-share": "0.3"}
NUMBERS |= {"--negative-share": "0.1", "--dropout": "0"}
FEW = {**NUMBERS, "--epochs": "1", "--validate-every": "100", "--limit": "data=12", "--patience": "1"}


def recall(scorer: Scorer, data: Path) -> float:
    """How often the chunk with the answer is the best of all documents' chunks; by chance 1/16."""
    found = 0
    rows = [json.loads(line) for line in data.read_text().splitlines()]
    for row in rows[:16]:
        sources = tuple(Source(document["text"], title=document["title"]) for document in row["documents"])
        scores = scorer.score(Request(sources, row["query"]))
        found += scores.chunks[int(scores.order[0])].source in row["relevant"]
    return found / 16


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("decoder")
    shape = {"max_position_embeddings": 2048, "noise": 0.05, "embedding_scale": 20.0}
    make_decoder("qwen3", folder / "model", text=SENTENCES, **shape)
    return folder / "model", write_examples(folder / "own.jsonl", 96)


def train(*args: str) -> Any:
    done = invoke(*args, "--preset", "smoke", "--device", "cpu")
    assert done.exit_code == 0, done.stderr
    return done


def flat(numbers: dict[str, str]) -> list[str]:
    return [part for pair in numbers.items() for part in pair]


def both_stages(
    encoding: str, setting: tuple[Path, Path], folder: Path, numbers: dict[str, str]
) -> list[Scorer]:
    """Train through both stages; a scorer with what each left."""
    model, data = setting
    base = ["--data", str(data), *flat(numbers)]
    start = ["train-stage1", *base, "--backbone", str(model), "--layers", "2", "--encoding", encoding]
    notes = train(*start, "-o", str(folder / "one")).stderr
    assert "memory: about" in notes
    train("train-stage2", *base, "--init", str(folder / "one"), "-o", str(folder / "two"), "--sub-queries")
    return [load_scorer(load_checkpoint(str(folder / name)), device="cpu") for name in ("one", "two")]


@contextmanager
def counted_loads() -> Iterator[list[str]]:
    """The id of each decoder whose blocks are built, in order."""
    loads: list[str] = []

    def counted(spec: BackboneSpec, *args: Any, **kwargs: Any) -> Any:
        loads.append(spec.id)
        return build_decoder(spec, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoder_module, "build_decoder", counted)
        yield loads


@dataclass(frozen=True)
class Trained:
    """A short run through both stages."""

    encoding: str
    stages: list[Scorer]
    """The untrained scorer, and what each stage left."""
    loads: list[str]
    """The decoders that were loaded for the two stages, and for the two scorers of what they left."""


@pytest.fixture(scope="module", params=["windowed", "full"])
def trained(
    request: pytest.FixtureRequest, setting: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    # Its matching heads are found here, and known to the stages.
    untrained = Scorer(
        *load_untrained_decoder(
            UntrainedBackbone(name=str(setting[0]), layers="2", encoding=request.param, device="cpu")
        )
    )
    with counted_loads() as loads:
        made = both_stages(request.param, setting, tmp_path_factory.mktemp(request.param), FEW)
    return Trained(request.param, [untrained, *made], loads)


def test_both_stages_move_the_layer_and_leave_the_backbone(trained: Trained) -> None:
    untrained = trained.stages[0].backbone.model.module.state_dict()
    for stage, (before, after) in enumerate(pairwise(trained.stages), start=1):
        assert after.checkpoint.config.training["stage"] == stage
        assert after.checkpoint.config.encoding == trained.encoding
        assert after.checkpoint.config.pooling == "mean"
        moved = before.checkpoint.tensors["w_q"].float() - after.checkpoint.tensors["w_q"].float()
        assert 0 < float(moved.abs().max()) < 0.5
        for name, value in untrained.items():
            assert torch.equal(value, after.backbone.model.module.state_dict()[name])


def test_a_stage_loads_its_decoder_once(trained: Trained, setting: tuple[Path, Path]) -> None:
    """Two stages, and two scorers of what they left."""
    assert trained.loads == [str(setting[0])] * 4


def test_other_instructions_give_other_scores_of_a_trained_decoder(trained: Trained) -> None:
    """The instruction is the sink, as published; a request without one reads that of the training."""
    scorer = load_scorer(trained.stages[1].checkpoint, device="cpu", dtype="float32")
    config = scorer.checkpoint.config
    assert (config.sink, config.instruction) == ("instruction", INSTRUCTION)
    source = (Source("Salt is sold in Riga. The ferry carries letters."),)
    sinks = [
        scorer.score(Request(source, "Riga salt?", instruction=instruction)).sink
        for instruction in ("", INSTRUCTION, "Sum up the text.", "Which market trades salt?")
    ]
    assert sinks[0] == sinks[1]
    assert len(set(sinks)) == 3


@pytest.mark.parametrize("preset", ["smoke", "paper"])
def test_pools_are_no_longer_than_the_model_reads_in_one_pass(preset: str, tmp_path: Path) -> None:
    """Presets are made for long contexts; a short model trains on what it can read, and leaves a scorer."""
    model, data, output = tmp_path / "model", write_examples(tmp_path / "own.jsonl", 24), tmp_path / "one"
    make_decoder("llama", model, text=SENTENCES, max_position_embeddings=300)
    options = [
        "train-stage1",
        "--data",
        str(data),
        "--backbone",
        str(model),
        "--layers",
        "2",
        "--epochs",
        "1",
    ]
    options += ["--preset", preset, "--held-out-share", "0.3", "--device", "cpu", "-o", str(output)]
    done = invoke(*options)
    assert done.exit_code == 0, done.stderr
    config = load_checkpoint(str(output)).config
    # The paper's layer has neither.
    assert (config.rotary, config.null_query) == ((False, "") if preset == "paper" else (True, "N/A"))
    made = config.training["hyperparameters"]["pools"]
    assert 200 < made["max_tokens"] < 300  # but for the instruction and the query
    assert f"pools of at most {made['max_tokens']} tokens" in done.stderr
    steps = [json.loads(line)["step"] for line in (output / "log.jsonl").read_text().splitlines()]
    assert max(steps) > 2
    scorer = load_scorer(load_checkpoint(str(output)), device="cpu")
    assert scorer.score(Request((Source("Salt is sold in Riga."),), "Riga salt?")).confidence is not None


def test_a_model_with_code_of_its_own_trains_where_that_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    model, data = tmp_path / "model", write_examples(tmp_path / "own.jsonl", 24)
    make_remote_decoder(model, text=SENTENCES, max_position_embeddings=2048)
    base = ["--data", str(data), *flat(FEW), "--preset", "smoke", "--device", "cpu"]
    start = ["train-stage1", *base, "--backbone", str(model), "--layers", "2", "-o", str(tmp_path / "one")]
    refused = invoke(*start)
    assert refused.exit_code == 4
    assert "--trust-remote-code" in refused.stderr
    again = ["train-stage2", *base, "--init", str(tmp_path / "one"), "-o", str(tmp_path / "two")]
    with counted_loads() as loads:
        train(*start, "--trust-remote-code")
        assert invoke(*again).exit_code == 4
        train(*again, "--trust-remote-code")
    assert loads == [str(model)] * 3  # once more to find its heads
    made = load_scorer(load_checkpoint(str(tmp_path / "two")), device="cpu", trust_remote_code=True)
    assert type(made.backbone.model.module).__name__ == "HarbourModel"
    assert made.score(Request((Source("Salt is sold in Riga."),), "Riga salt?")).confidence is not None


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["windowed", "full"])
def test_both_stages_raise_evidence_recall_above_the_untrained_decoder(
    encoding: str, setting: tuple[Path, Path], tmp_path: Path
) -> None:
    before = recall(untrained_scorer(setting[0], encoding), setting[1])
    after = [recall(scorer, setting[1]) for scorer in both_stages(encoding, setting, tmp_path, NUMBERS)]
    assert min(after) >= before + 0.5, (before, after)


@pytest.mark.parametrize(("family", "null_query"), [("qwen3", ""), ("llama", "N/A")])
@pytest.mark.parametrize("encoding", ["windowed", "full"])
def test_what_training_scores_is_what_the_scorer_scores(
    encoding: str, family: str, null_query: str, tmp_path: Path
) -> None:
    """A pool's scores for its questions are the scorer's over the same documents in the same order.

    With QK-norm; with positions and a null query. States are stored in bf16, and multiplied in it where the
    processor can.
    """
    make_decoder(family, tmp_path, text=SENTENCES, max_position_embeddings=2048)
    scorer = decoder_scorer(tmp_path, 2, encoding=encoding, dtype="float32", null_query=null_query)
    assert scorer.checkpoint.config.rotary == (family == "llama")
    documents = tuple(
        Document(place, f"The market of {place} trades {GOODS[i]}.") for i, place in enumerate(PLACES)
    )
    queries = [f"What does the market of {place} trade?" for place in PLACES[:3]]
    examples = [Example(f"q{i}", query, documents, (i,), "data") for i, query in enumerate(queries)]
    pool = Pool(documents, tuple(Question(example, False) for example in examples))
    instruction = "Answer by what the texts say."
    store = FeatureStore(scorer, scorer.checkpoint.config.layers, None, instruction=instruction)
    scorer_of_pools = pool_scorer(
        initial_attention(scorer.checkpoint), store, pooling="mean", null_query=null_query
    )
    encoded = scorer_of_pools.encode(pool)
    everything = [np.ones(len(encoded.states.sizes_C), dtype=bool) for _ in examples]
    found = scorer_of_pools.score(encoded, everything)
    sources = tuple(Source(document.text, title=document.title) for document in documents)
    for query, scores in zip(queries, found, strict=True):
        wanted = scorer.score(Request(sources, query, instruction=instruction))
        assert scores.chunks_C.detach().numpy() == pytest.approx(wanted.scores, rel=0.05, abs=4e-3)
        assert float(scores.sink.detach()) == pytest.approx(wanted.sink, rel=0.05)


def test_positions_are_kept_with_the_states_on_disk(tmp_path: Path) -> None:
    make_decoder("llama", tmp_path / "model", text=SENTENCES)
    scorer = untrained_scorer(tmp_path / "model", "windowed")
    assert scorer.checkpoint.config.rotary
    documents = [Document(place, f"The market of {place} trades salt.\n\nIt is old.") for place in PLACES]
    memory = FeatureStore(scorer, scorer.checkpoint.config.layers, None)
    FeatureStore(scorer, scorer.checkpoint.config.layers, tmp_path / "states").add(documents)
    again = FeatureStore(scorer, scorer.checkpoint.config.layers, tmp_path / "states")
    assert not again.missing(documents)
    for document in documents:
        kept, made = again.get(document).states, memory.get(document).states
        assert kept[POSITIONS].tolist() == made[POSITIONS].tolist()
        assert len(set(kept[POSITIONS].flatten().tolist())) > 4
