"""Each family of encoders gives the states of transformers' own forward pass, however windows are packed."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from longattncomp_cli.core.backbones.base import BackboneOptions
from longattncomp_cli.core.backbones.encoder.backbone import load_encoder
from longattncomp_cli.core.backbones.spec import BackboneSpec
from tests.support.encoders import FAMILIES, make_encoder

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
