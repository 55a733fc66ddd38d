"""``--backbone`` with an encoder: every command, and every way in which its files can be wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support.cli import folder, invoke, lines_of, story, write_records
from tests.support.encoders import make_colbert, make_encoder, make_tokenizer

__all__ = ["folder"]
QUERY = "Who repaired the clock?"


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("models")
    made = {
        "xlm-roberta": place / "multilingual-e5-tiny",
        "modernbert": place / "modern",
        "bert": place / "bge-small-en",
    }
    for family, path in made.items():
        make_encoder(family, path)
    made["colbert"] = place / "modern-colbert"
    make_colbert(made["colbert"])
    return made


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "modernbert", "colbert"])
def test_it_scores_and_compresses_untrained(folder: Path, models, family: str) -> None:
    scored = invoke("score", "story.txt", "-q", QUERY, "--backbone", str(models[family]), "--json")
    assert scored.exit_code == 0, scored.stderr
    chunks = lines_of(scored.stdout_bytes)[0]["chunks"]
    assert len(chunks) > 10
    text = story()
    assert "".join(text[chunk["start"] : chunk["end"]] for chunk in chunks) == text
    out = invoke("compress", "story.txt", "-q", QUERY, "-b", "60", "--backbone", str(models[family]))
    assert out.exit_code == 0, out.stderr
    assert "clock in the north tower" in out.stdout


def test_the_prefixes_of_its_family_are_read_and_said(folder: Path, models) -> None:
    out = invoke("compress", "story.txt", "-q", QUERY, "-b", "60", "--backbone", str(models["xlm-roberta"]))
    assert "'query: ' is read before the query, 'passage: ' is read before each window" in out.stderr
    out = invoke("compress", "story.txt", "-q", QUERY, "-b", "60", "--backbone", str(models["bert"]))
    assert "'Represent this sentence for searching relevant passages: '" in out.stderr


def test_batches_caches_resume_and_shards(folder: Path, models) -> None:
    write_records(folder / "in.jsonl")
    common = ("compress", "in.jsonl", "-b", "60", "--backbone", str(models["modernbert"]))
    assert invoke(*common, "-o", "whole.jsonl").exit_code == 0
    whole = (folder / "whole.jsonl").read_bytes()
    for number in (1, 2):
        assert (
            invoke(*common, "-o", "part.jsonl", "--shard", f"{number}/2", "--cache", "cache").exit_code == 0
        )
    assert invoke(*common, "-o", "part.jsonl", "--shard", "all/2").exit_code == 0
    assert (folder / "part.jsonl").read_bytes() == whole
    (folder / "torn.jsonl").write_bytes(whole[: len(whole) // 2])
    resumed = invoke(*common, "-o", "torn.jsonl", "--resume")
    assert resumed.exit_code == 0, resumed.stderr
    assert (folder / "torn.jsonl").read_bytes() == whole
    other = invoke(*common[:-1], str(models["bert"]), "-o", "torn.jsonl", "--resume")
    assert other.exit_code == 3, other.stderr


def test_bench_measures_it_beside_the_baselines(folder: Path, models) -> None:
    methods = ("--method", "longattncomp", "--method", "bm25", "--method", "maxsim")
    out = invoke(
        *("bench", "kv", "--context-tokens", "600", "--budget", "25%", "--limit", "2", *methods),
        *("--backbone", str(models["modernbert"]), "-o", "report.json"),
    )
    assert out.exit_code == 0, out.stderr
    assert "untrained-modern" in (folder / "report.json").read_text()


@pytest.mark.parametrize("family", ["xlm-roberta", "modernbert", "colbert"])
def test_stage_1_trains_on_it_and_the_checkpoint_names_it(folder: Path, models, family: str) -> None:
    documents = [
        {"text": f"{fact} It was written down in the book of the harbour."} for fact in story(1).split("\n\n")
    ]
    examples = [
        {"id": str(i), "query": f"{QUERY} {i}", "documents": documents, "relevant": [i % len(documents)]}
        for i in range(24)
    ]
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, examples)) + "\n")
    out = invoke(
        *("train-stage1", "--backbone", str(models[family]), "--data", "train.jsonl", "--preset", "smoke"),
        *("-o", "mine"),
    )
    assert out.exit_code == 0, out.stderr
    config = json.loads((folder / "mine" / "config.json").read_text())
    assert config["backbone"]["id"] == str(models[family])
    assert config["layers"] == ([3, 0] if family == "colbert" else [3, 3, 3, 0])
    assert config["backbone"].get("query_prefix", "") == ("query: " if family == "xlm-roberta" else "")
    used = invoke("compress", "story.txt", "-q", QUERY, "-b", "60", "--checkpoint", "mine")
    assert used.exit_code == 0, used.stderr
    shutil.copytree(models[family], folder / "moved")
    moved = invoke(
        "compress", "story.txt", "-q", QUERY, "-b", "60", "--checkpoint", "mine", "--backbone", "moved"
    )
    assert moved.exit_code == 0, moved.stderr
    assert moved.stdout == used.stdout
    make_encoder("bert", folder / "other")
    refused = invoke(
        "compress", "story.txt", "-q", QUERY, "-b", "60", "--checkpoint", "mine", "--backbone", "other"
    )
    assert refused.exit_code == 4
    assert "sha256" in refused.stderr


def _break(path: Path, what: str) -> None:
    config = json.loads((path / "config.json").read_text())
    weights = path / "model.safetensors"
    changes = {
        "family": {"model_type": "tapas"},
        "no family": {"model_type": None},
        "wider": {"hidden_size": 128},
        "deeper": {"num_hidden_layers": 9},
        "heads": {"num_attention_heads": 7},
        "no number": {"num_attention_heads": "many"},
    }
    if what in changes:
        (path / "config.json").write_text(json.dumps({**config, **changes[what]}))
    elif what == "config":
        (path / "config.json").write_text("{")
    elif what == "no config":
        (path / "config.json").unlink()
    elif what == "half":
        weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    elif what == "empty":
        weights.write_bytes(b"")
    elif what == "no weights":
        weights.unlink()
    elif what == "pickle":
        weights.rename(path / "pytorch_model.bin")
    elif what == "no tokenizer":
        (path / "tokenizer.json").unlink()
    elif what == "tokenizer":
        (path / "tokenizer.json").write_text('{"model": 1}')
    elif what == "vocabulary":
        tokenizer = make_tokenizer(path)
        tokenizer.add_tokens([f"word{number}" for number in range(300)])
        tokenizer.save(str(path / "tokenizer.json"))


@pytest.mark.parametrize("family", ["bert", "modernbert"])
@pytest.mark.parametrize(
    ("what", "said", "next_step"),
    [
        ("family", "'tapas'", "modernbert"),
        ("no family", "", ""),
        ("wider", "", "download the model again"),
        ("deeper", "", "download the model again"),
        ("config", "config.json", "download the model again"),
        ("heads", "", "download the model again"),
        ("no number", "", "download the model again"),
        ("no config", "config.json", "hub id"),
        ("half", "model.safetensors", "download the model again"),
        ("empty", "model.safetensors", "download the model again"),
        ("no weights", "model.safetensors", "name the folder of a model"),
        ("pickle", "model.safetensors", "save_pretrained"),
        ("no tokenizer", "tokenizer", "tokenizer.json"),
        ("tokenizer", "tokenizer.json", "tokenizer.json"),
        ("vocabulary", "tokens", "tokenizer of another model"),
    ],
)
def test_what_is_wrong_with_its_files_is_said(
    folder: Path, models, family: str, what: str, said: str, next_step: str
) -> None:
    shutil.copytree(models[family], folder / "model")
    _break(folder / "model", what)
    out = invoke("compress", "story.txt", "-q", QUERY, "-b", "60", "--backbone", "model")
    assert out.exit_code == 4, (out.stdout, out.stderr)
    assert out.stdout == ""
    message = " ".join(out.stderr.split())
    assert said in message
    assert next_step in message


def test_untrained_may_be_said(folder: Path, models) -> None:
    common = ("compress", "story.txt", "-q", QUERY, "-b", "60", "--backbone", str(models["bert"]))
    said = invoke(*common, "--checkpoint", "untrained")
    assert said.exit_code == 0, said.stderr
    assert said.stdout == invoke(*common).stdout


def test_a_hub_id_without_network_names_the_next_step(folder: Path) -> None:
    out = invoke(
        *("compress", "story.txt", "-q", QUERY, "-b", "60", "--backbone", "someone/some-encoder"),
        env={"HF_HUB_OFFLINE": "1"},
    )
    assert out.exit_code == 5
    assert "someone/some-encoder" in out.stderr
    assert "name a folder on this machine" in " ".join(out.stderr.split())


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--encoding", "full"), 4, "reads both ways"),
        (("--chat-template",), 2, "is an encoder"),
        (("--layers", "9"), 2, "the model has 3 layers"),
        (("--layers", "2"), 0, ""),
        (("--layers", "50%"), 0, ""),
        (("--as-published",), 0, ""),
    ],
)
def test_options_of_decoders(folder: Path, models, options: tuple[str, ...], code: int, said: str) -> None:
    out = invoke(
        "compress", "story.txt", "-q", QUERY, "-b", "60", "--backbone", str(models["modernbert"]), *options
    )
    assert out.exit_code == code, out.stderr
    assert said in " ".join(out.stderr.split())


def test_an_encoder_has_no_retrieval_heads(folder: Path, models) -> None:
    out = invoke("train-stage1", "--part", "heads", "--backbone", str(models["bert"]), "-o", "heads")
    assert out.exit_code == 2
    assert "is an encoder" in " ".join(out.stderr.split())
