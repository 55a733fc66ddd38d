"""Each family of encoders gives the states of transformers' own forward pass, however windows are packed."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from longattncomp_cli.core.backbones.base import BackboneOptions
from longattncomp_cli.core.backbones.encoder.backbone import load_encoder
from longattncomp_cli.core.backbones.encoder.families import trained_prefixes
from longattncomp_cli.core.backbones.encoder.late_interaction import late_projection
from longattncomp_cli.core.backbones.files import locate_backbone
from longattncomp_cli.core.backbones.spec import BackboneSpec, UntrainedBackbone
from longattncomp_cli.core.backbones.tokenize import read_tokenizer
from longattncomp_cli.core.checkpoint.store import build_layers, load_checkpoint
from longattncomp_cli.core.checkpoint.untrained_encoder import cone_scale
from longattncomp_cli.core.chunking.cutter import chunk_source
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.scoring.untrained import load_untrained_encoder
from longattncomp_cli.errors import CheckpointError
from tests.support.encoders import FAMILIES, make_colbert, make_encoder
from tests.support.texts import PIECES, SCRIPT_PIECES

CPU = torch.device("cpu")


def options(num_layers: int = 3, window_tokens: int = 40) -> BackboneOptions:
    return BackboneOptions(
        num_layers=num_layers, window_tokens=window_tokens, device=CPU, dtype=torch.float32
    )


@pytest.fixture(scope="module", params=FAMILIES)
def family(request, tmp_path_factory):
    """A model of the family, and its folder."""
    folder = tmp_path_factory.mktemp("encoder") / request.param
    return make_encoder(request.param, folder), folder


def test_states_are_those_of_transformers_in_packs_of_any_lengths(family) -> None:
    model, folder = family
    spec = BackboneSpec(id=str(folder), sha256="", query_prefix="ferry ", context_prefix="clock ")
    backbone = load_encoder(spec, options())
    assert backbone.spec.sha256 == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    rng = np.random.default_rng(0)
    windows = sorted((rng.integers(4, 190, n) for n in (1, 3, 3, 17, 24, 40)), key=len)
    opening, closing = (backbone.tokenizer.encode("", add_special_tokens=True).ids[i] for i in (0, 1))
    layers = [1, 2, 3]
    for read, prefix in ((backbone.read_windows, "clock"), (backbone.read_query_windows, "ferry")):
        before = backbone.tokenizer.encode(prefix, add_special_tokens=False).ids
        found = read(windows, layers)
        start = 0
        for window in windows:
            ids = torch.tensor([[opening, *before, *window, closing]])
            with torch.no_grad():
                expected = model(ids, output_hidden_states=True).hidden_states
            for layer in layers:
                own = found[layer][start : start + len(window)]
                wanted = expected[layer][0, 1 + len(before) : -1]
                torch.testing.assert_close(own, wanted, atol=2e-5, rtol=1e-4)
            start += len(window)


def test_a_part_of_the_blocks_and_the_tokens_alone(family) -> None:
    model, folder = family
    whole, part = (load_encoder(BackboneSpec(id=str(folder), sha256=""), options(n)) for n in (3, 2))
    window = [np.arange(5, 30)]
    torch.testing.assert_close(part.read_windows(window, [2])[2], whole.read_windows(window, [2])[2])
    tokens = whole.read_windows(window, [0, 3])[0]
    torch.testing.assert_close(tokens, model.get_input_embeddings().weight[5:30])
    torch.testing.assert_close(whole.embed(torch.arange(5, 30)), tokens)


@pytest.fixture(scope="module", params=["bert", "xlm-roberta", "modernbert"])
def backbone(request, tmp_path_factory):
    """One of each kind of tokenizer: WordPiece, Unigram, byte-level BPE."""
    folder = tmp_path_factory.mktemp(request.param)
    make_encoder(request.param, folder)
    return load_encoder(BackboneSpec(id=str(folder), sha256=""), options())


@pytest.mark.parametrize("seed", range(20))
def test_tokens_have_exact_places_and_no_text_spells_a_special_one(backbone, seed: int) -> None:
    rng = random.Random(seed)
    spelt = ["[CLS] ", "[SEP]", "<s>", "</s> ", "[PAD]"]
    text = "".join(rng.choice([*PIECES, *SCRIPT_PIECES, *spelt]) for _ in range(rng.randrange(1, 60)))
    tokens = backbone.tokenize([text])[0]
    starts = tokens.starts.tolist()
    assert starts == sorted(starts)
    assert not starts or (starts[0] >= 0 and starts[-1] < len(text))
    assert not set(backbone.tokenizer.encode("", add_special_tokens=True).ids) & set(tokens.ids.tolist())
    for snap in ("none", "sentence", "auto"):
        source = Source(text)
        made = chunk_source(source, tokens, source_index=0, first_index=0, chunk_tokens=8, snap=snap)
        assert "".join(text[chunk.start : chunk.end] for chunk in made.chunks) == text


@pytest.mark.parametrize("files", [("vocab.txt",), ()])
def test_older_tokenizer_files_will_do_and_none_will_not(files, tmp_path) -> None:
    make_encoder("bert", tmp_path)
    vocabulary = read_tokenizer(tmp_path, "x").get_vocab()
    expected = read_tokenizer(tmp_path, "x").encode("the clock", add_special_tokens=False).ids
    (tmp_path / "tokenizer.json").unlink()
    for name in files:
        (tmp_path / name).write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)) + "\n")
    if files:
        found = read_tokenizer(tmp_path, "x").encode("the clock", add_special_tokens=False).ids
        assert found == expected
    else:
        with pytest.raises(CheckpointError, match="no tokenizer"):
            read_tokenizer(tmp_path, "x")


@pytest.mark.parametrize(
    ("name", "said", "expected"),
    [
        ("multilingual-e5-small", {}, ("query: ", "passage: ")),
        ("e5-small-q4.bin", {}, ("query: ", "passage: ")),
        ("bge-small-en-v1.5", {}, ("Represent this sentence for searching relevant passages: ", "")),
        ("bge-base-zh", {}, ("为这个句子生成表示以用于检索相关文章：", "")),
        ("bge-m3", {}, ("", "")),
        ("gte-small", {}, ("", "")),
        ("all-MiniLM-L12-v2", {}, ("", "")),
        ("modele5", {}, ("", "")),
        ("mine", {"prompts": {"query": "Q: ", "document": "D: "}}, ("Q: ", "D: ")),
        ("GTE-ModernColBERT-v1", {"query_prefix": "[Q] ", "document_prefix": "[D] "}, ("[Q] ", "[D] ")),
        ("e5-base", {"prompts": {"query": "", "document": ""}}, ("query: ", "passage: ")),
        ("e5-base", {"prompts": None}, ("query: ", "passage: ")),
        ("e5-base", [], ("query: ", "passage: ")),
    ],
)
def test_prefixes_are_those_that_the_files_or_the_name_say(name: str, said, expected, tmp_path) -> None:
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(said))
    assert trained_prefixes((name,), tmp_path) == expected


def test_a_marker_of_the_vocabulary_is_one_token(tmp_path) -> None:
    make_encoder("modernbert", tmp_path, vocab_size=301)
    tokenizer = read_tokenizer(tmp_path, "x")
    tokenizer.add_tokens(["[Q] "])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    backbone = load_encoder(BackboneSpec(id=str(tmp_path), sha256="", query_prefix="[Q] "), options())
    assert backbone.num_frame_tokens == 3


def test_a_colbert_model_compares_what_its_projection_gives(tmp_path) -> None:
    weight_KD = make_colbert(tmp_path)
    made, backbone = load_untrained_encoder(
        UntrainedBackbone(name=str(tmp_path), device="cpu", dtype="float32")
    )
    attention, _ = build_layers(made)
    states = {layer: backbone.read_windows([np.arange(5, 30)], [3, 0])[layer] for layer in (3, 0)}
    logits_NHM = attention.logits(attention.queries(states), states)
    scale = cone_scale(backbone, 3, weight_KD.T)
    projected = F.normalize(states[3] @ weight_KD.T, dim=-1)
    torch.testing.assert_close(logits_NHM[:, 0], 20 * scale * projected @ projected.T, atol=1e-3, rtol=1e-4)
    tokens = F.normalize(states[0] - backbone.token_mean(), dim=-1)
    torch.testing.assert_close(logits_NHM[:, 1], 30 * tokens @ tokens.T, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("what", ["activation", "bias", "width", "no file", "three modules", "outside"])
def test_what_is_no_plain_projection_is_left_out(what: str, tmp_path) -> None:
    weight_KD = make_colbert(tmp_path)
    assert late_projection(tmp_path, 64) is not None
    weights, modules = tmp_path / "1_Dense" / "model.safetensors", tmp_path / "modules.json"
    if what == "activation":
        (tmp_path / "1_Dense" / "config.json").write_text('{"activation_function": "torch.nn.Tanh"}')
    elif what == "bias":
        save_file({"linear.weight": weight_KD, "linear.bias": weight_KD[:, 0].contiguous()}, weights)
    elif what == "no file":
        weights.unlink()
    elif what == "three modules":
        modules.write_text(
            json.dumps([*json.loads(modules.read_text()), {"path": "2_Normalize", "type": "Normalize"}])
        )
    elif what == "outside":
        modules.write_text(modules.read_text().replace("1_Dense", "../elsewhere"))
    assert late_projection(tmp_path, 65 if what == "width" else 64) is None


def test_of_the_embedded_model_it_is_the_shipped_untrained_checkpoint() -> None:
    shipped = load_checkpoint("untrained")
    place = str(locate_backbone(shipped.config.backbone))
    made, _ = load_untrained_encoder(UntrainedBackbone(name=place, device="cpu", dtype="float32"))
    spec = replace(made.config.backbone, id=shipped.config.backbone.id)
    expected = replace(shipped.config.backbone, package="", package_path="")
    assert replace(made.config, backbone=spec) == replace(shipped.config, backbone=expected)
    for name, value in shipped.tensors.items():
        torch.testing.assert_close(made.tensors[name], value, atol=1e-6, rtol=0)
