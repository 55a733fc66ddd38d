"""Decoders: the first layers alone are the whole model's first layers, however the prompt is cut."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from longattncomp_cli.core.backbones.base import BackboneOptions
from longattncomp_cli.core.backbones.decoder.backbone import DecoderBackbone, load_decoder
from longattncomp_cli.core.backbones.decoder.model import DecoderModel, cache_argument
from longattncomp_cli.core.backbones.decoder.mxfp4 import unpack_mxfp4
from longattncomp_cli.core.backbones.decoder.prompt_layout import PromptLayout, prompt_layout
from longattncomp_cli.core.backbones.decoder.tensor_reader import TensorReader
from longattncomp_cli.core.backbones.decoder.weights import open_weights
from longattncomp_cli.core.backbones.files import model_file
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.chunking.chunks import ContextTokens
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.errors import CheckpointError, InputError
from tests.support.decoders import FAMILIES, TEXT, decoder_scorer, make_decoder, reference_states

CPU = torch.device("cpu")
LAYER = 3
CLOSE = {"atol": 2e-4, "rtol": 1e-3}


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    made = {}
    for family in FAMILIES:
        folder = tmp_path_factory.mktemp(family)
        made[family] = (folder, make_decoder(family, folder))
    return made


def load(folder: Path, **changes: Any) -> DecoderBackbone:
    spec = BackboneSpec(id=str(folder), sha256=changes.pop("sha256", ""), kind="decoder")
    fields = {"num_layers": LAYER, "window_tokens": 40, "device": CPU, "dtype": torch.float32}
    return load_decoder(spec, BackboneOptions(**{**fields, "encoding": "full", **changes}))


@pytest.mark.filterwarnings("error")  # transformers' own would reach the user
@pytest.mark.parametrize("family", FAMILIES)
def test_states_in_one_pass_in_parts_and_in_batches_equal_the_whole_models(family: str, families) -> None:
    folder, model = families[family]
    backbone = load(folder)
    ids = torch.from_numpy(backbone.tokenize([TEXT * 2])[0].ids[:90])
    from longattncomp_cli.core.backbones.decoder.prefill import KVCache

    wanted = reference_states(model, ids, LAYER)
    once = backbone.model.forward(ids[None], [LAYER], KVCache(0))[LAYER][0]
    torch.testing.assert_close(once, wanted, **CLOSE)
    cache = KVCache(16)  # too small: it must grow
    parts = [backbone.model.forward(part[None], [LAYER], cache)[LAYER][0] for part in ids.split(37)]
    torch.testing.assert_close(torch.cat(parts), wanted, **CLOSE)

    opening = list(backbone.model.text.opening)
    windows = [ids[:40].numpy(), ids[40:51].numpy(), ids[51:52].numpy()]
    framed = [torch.tensor([*opening, *window]) for window in windows]
    alone = torch.cat([reference_states(model, window, LAYER)[len(opening) :] for window in framed])
    torch.testing.assert_close(backbone._run(windows, [LAYER])[LAYER], alone, **CLOSE)


def test_the_cache_is_passed_by_the_name_that_the_model_has_for_it() -> None:
    class Renamed(torch.nn.Module):
        def forward(self, input_ids: Any, cache: Any = None) -> None: ...

    class Before(torch.nn.Module):
        def forward(self, input_ids: Any, past_key_values: Any = None) -> None: ...

    assert (cache_argument(Renamed()), cache_argument(Before())) == ("cache", "past_key_values")


@pytest.mark.parametrize("family", FAMILIES)
def test_only_the_tensors_of_the_first_layers_are_read(family: str, families, tmp_path: Path) -> None:
    from transformers import AutoModel

    folder, model = families[family]
    backbone = load(folder)
    wanted = sum(
        parameter.numel() * 4
        for name, parameter in model.named_parameters()
        if name == "model.embed_tokens.weight"
        or any(name.startswith(f"model.layers.{i}.") for i in range(LAYER))
    )
    header = int.from_bytes((folder / "model.safetensors").read_bytes()[:8], "little") + 8
    assert backbone.weights.reader.bytes_read == wanted + header
    assert wanted < sum(p.numel() * 4 for p in AutoModel.from_pretrained(folder).parameters())
    assert sum(p.numel() * 4 for p in backbone.model.module.parameters()) == wanted


def test_shards_that_hold_nothing_of_it_are_never_opened(tmp_path: Path) -> None:
    make_decoder("llama", tmp_path, shard_size="100KB")
    backbone = load(tmp_path, num_layers=1)
    shards = {path.name for path in tmp_path.glob("*.safetensors")}
    assert 0 < len(backbone.weights.reader.files) < len(shards)
    for name in shards - set(backbone.weights.reader.files):
        (tmp_path / name).unlink()
    assert load(tmp_path, num_layers=1).spec.sha256 == backbone.spec.sha256


def test_one_layer_of_the_weights_has_one_hash_and_another_is_refused(families, tmp_path: Path) -> None:
    folder, _ = families["llama"]
    first = load(folder).spec.sha256
    assert load(folder, sha256=first).spec.sha256 == first
    assert load(folder, num_layers=2).spec.sha256 != first
    make_decoder("llama", tmp_path, seed=1)
    with pytest.raises(CheckpointError) as caught:
        load(tmp_path, sha256=first)
    assert caught.value.code == "backbone-hash"


def test_packed_experts_are_unpacked_as_transformers_does() -> None:
    from transformers.integrations.mxfp4 import convert_moe_packed_tensors

    generator = torch.Generator().manual_seed(0)
    blocks = torch.randint(0, 256, (2, 6, 3, 16), dtype=torch.uint8, generator=generator)
    scales = torch.randint(110, 140, (2, 6, 3), dtype=torch.uint8, generator=generator)
    wanted = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)
    assert torch.equal(unpack_mxfp4(blocks, scales, torch.float32), wanted)


def test_packed_weights_on_disk_give_the_states_of_unpacked_ones(families, tmp_path: Path) -> None:
    """GPT-OSS is published with its experts in MXFP4: blocks and scales instead of one tensor."""
    from safetensors.torch import load_file, save_file

    folder, model = families["gpt_oss"]
    tensors = load_file(folder / "model.safetensors")
    generator = torch.Generator().manual_seed(0)
    for name in [n for n in tensors if n.endswith(("gate_up_proj", "down_proj"))]:
        experts, columns, rows = tensors.pop(name).shape
        blocks = torch.randint(
            0, 256, (experts, rows, columns // 32, 16), dtype=torch.uint8, generator=generator
        )
        scales = torch.full((experts, rows, columns // 32), 122, dtype=torch.uint8)
        tensors |= {f"{name}_blocks": blocks, f"{name}_scales": scales}
        with torch.no_grad():
            model.get_parameter(name).copy_(unpack_mxfp4(blocks, scales, torch.float32))
    save_file(tensors, tmp_path / "model.safetensors")
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    backbone = load(tmp_path)
    ids = torch.arange(20, 60)
    found = backbone.model.forward(ids[None], [LAYER], None)[LAYER][0]
    torch.testing.assert_close(found, reference_states(model, ids, LAYER), **CLOSE)


def request_of(text: str, query: str = "Where is the key?", instruction: str = "Read it.") -> Request:
    return Request((Source(text),), query, instruction=instruction)


@pytest.mark.parametrize("instruction", ["", "Read the text and answer."])
def test_segments_of_a_long_context_count_each_token_once_and_fit(instruction: str, families) -> None:
    """Each segment repeats the opening, is no longer than the model reads, and overlaps the one before it."""
    model = load(families["llama"][0]).model
    context = decoder_scorer(families["llama"][0]).tokenize(request_of(TEXT * 40))
    layout = prompt_layout(model.text, context, instruction)
    segments = layout.segments(300)
    assert len(segments) > 5
    counted: list[tuple[int, int]] = []
    for segment in segments:
        assert len(segment.ids) <= 300
        assert segment.ids[: layout.num_opening].tolist() == layout.ids[: layout.num_opening].tolist()
        own = segment.chunk_index >= 0
        counted += zip(segment.token_index[own].tolist(), segment.ids[own].tolist(), strict=True)
    own = layout.chunk_index >= 0
    assert counted == list(zip(layout.token_index[own].tolist(), layout.ids[own].tolist(), strict=True))
    sizes = [len(segment.ids) for segment in segments]
    assert max(sizes) - min(sizes) <= len(segments)


def test_a_long_context_is_scored_by_one_softmax_over_segments_with_their_own_queries(families) -> None:
    """Against passes made by hand: each segment, the query behind it, all logits in one softmax."""
    scorer = decoder_scorer(families["llama"][0], chunk_tokens=24)
    backbone, attention = scorer.backbone, scorer.attention
    request = request_of(TEXT * 12)
    found = scorer.score(request)
    context = scorer.tokenize(request)
    query = torch.from_numpy(backbone.tokenize([request.query])[0].ids)
    segments = prompt_layout(backbone.model.text, context, request.instruction).segments(512 - len(query))
    assert len(segments) > 1
    logits, owners = [], []
    for number, segment in enumerate(segments):
        ids = torch.cat([torch.from_numpy(segment.ids), query])
        found_states = backbone.model.forward(ids[None], attention.reads, None)
        states = {layer: value[0] for layer, value in found_states.items()}
        asked = attention.queries({layer: value[-len(query) :] for layer, value in states.items()})
        instruction = torch.arange(segment.instruction.start, segment.instruction.stop)
        wanted = torch.from_numpy(segment.chunk_index >= 0).nonzero().flatten()
        own = wanted if number else torch.cat([instruction, wanted])
        logits.append(attention.logits(asked, {layer: value[own] for layer, value in states.items()}))
        owners.append(torch.from_numpy(segment.chunk_index)[own])
    mass_N = torch.cat(logits).softmax(dim=0).mean(dim=(1, 2))
    owner = torch.cat(owners)
    expected = [float(mass_N[owner == chunk].sum()) for chunk in range(len(found.chunks))]
    assert found.scores.tolist() == pytest.approx(expected, rel=1e-3)
    assert found.sink == pytest.approx(float(mass_N[owner < 0].sum()), rel=1e-3)


def test_a_query_that_fills_the_positions_names_the_other_encoding(families) -> None:
    folder, _ = families["llama"]
    request = request_of(TEXT * 12, query=TEXT * 12)
    with pytest.raises(InputError, match="512 positions") as caught:
        decoder_scorer(folder).score(request)
    assert "--encoding windowed" in caught.value.hint
    windowed = decoder_scorer(folder, encoding="windowed")
    assert windowed.score(request).scores.sum() <= 1 + 1e-5


def test_the_frame_is_the_familys_first_token_or_its_chat_template(families) -> None:
    folder, _ = families["llama"]
    plain, chat = load(folder), load(folder, chat_template=True)
    assert plain.model.text.opening == (1,)
    assert chat.model.text.opening[0] == 1
    assert chat.model.text.tokenizer.decode(list(chat.model.text.opening[1:])) == "[user] "


def test_memory_that_runs_out_makes_the_parts_smaller_and_changes_nothing(families, monkeypatch) -> None:
    folder, _ = families["llama"]
    backbone = load(folder)
    monkeypatch.setattr(backbone.model, "part_tokens", 256)
    ids = np.arange(20, 320)
    forward = DecoderModel.forward

    def little_memory(self, ids_BT, layers, cache):
        if ids_BT.shape[1] > 100:
            raise torch.OutOfMemoryError("out of memory")
        return forward(self, ids_BT, layers, cache)

    layout = PromptLayout(ids, np.zeros(300, dtype=np.int64), np.arange(300), slice(0, 0), 0)
    wanted = backbone.full_pass.read(layout.ids, 4, [LAYER]).states[LAYER]
    monkeypatch.setattr(DecoderModel, "forward", little_memory)
    found = backbone.full_pass.read(layout.ids, 4, [LAYER]).states[LAYER]
    torch.testing.assert_close(found, wanted, **CLOSE)


def test_an_unsupported_family_and_missing_weights_are_told(families, tmp_path: Path) -> None:
    folder, _ = families["llama"]
    (tmp_path / "config.json").write_text('{"model_type": "bloom"}')
    with pytest.raises(CheckpointError, match="bloom"):
        open_weights("x", partial(model_file, str(tmp_path)), trust_remote_code=False)
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(CheckpointError, match=r"no model\.safetensors"):
        open_weights("x", partial(model_file, str(tmp_path)), trust_remote_code=False)
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-100_000])
    reader = TensorReader(partial(model_file, str(tmp_path)))
    with pytest.raises(CheckpointError, match="ends inside"):
        for name in sorted(reader.names):
            reader.read(name)


def test_layer_0_is_the_embedding_and_several_layers_come_together(families) -> None:
    folder, model = families["gemma3_text"]
    backbone = load(folder)
    ids = torch.arange(20, 50)
    states = backbone.model.forward(ids[None], [0, 2, 3], None)
    torch.testing.assert_close(states[2][0], reference_states(model, ids, 2), **CLOSE)
    torch.testing.assert_close(states[0][0], backbone.embed(ids))
    assert backbone.encode(ContextTokens((), ()), "key?", "", [0, 3]).query.states[0].shape[1] == 64
