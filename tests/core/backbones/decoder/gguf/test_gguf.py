"""GGUF files as backbones: their states are those of the same weights in a folder of safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Kind

from longattncomp_cli.core.backbones.base import BackboneOptions
from longattncomp_cli.core.backbones.decoder.backbone import DecoderBackbone, load_decoder
from longattncomp_cli.core.backbones.decoder.gguf.header import read_header
from longattncomp_cli.core.backbones.decoder.gguf.open import open_gguf
from longattncomp_cli.core.backbones.decoder.gguf.reader import GgufReader
from longattncomp_cli.core.backbones.decoder.prefill import KVCache
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.checkpoint.store import save_checkpoint
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.choice import ScorerChoice
from longattncomp_cli.errors import CheckpointError
from tests.support.decoders import FAMILIES, TEXT, decoder_scorer, make_decoder, reference_states
from tests.support.gguf_files import FAMILY_CHANGES, write_gguf

CPU = torch.device("cpu")
CLOSE = {"atol": 2e-4, "rtol": 1e-3}
QUANTISATIONS = [Kind.F16, Kind.BF16, Kind.Q4_0, Kind.Q4_1, Kind.Q5_0, Kind.Q5_1, Kind.Q8_0]


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path, Any]]:
    made = {}
    for family in FAMILIES:
        folder = tmp_path_factory.mktemp(family)
        model = make_decoder(family, folder, **FAMILY_CHANGES.get(family, {}))
        write_gguf(folder, folder / "model.gguf")
        made[family] = (folder, folder / "model.gguf", model)
    return made


def load(place: Path, **changes: Any) -> DecoderBackbone:
    spec = BackboneSpec(id=str(place), sha256=changes.pop("sha256", ""), kind="decoder")
    fields = {"num_layers": 5, "window_tokens": 40, "device": CPU, "dtype": torch.float32}
    return load_decoder(spec, BackboneOptions(**{**fields, "encoding": "full", **changes}))


def states(backbone: DecoderBackbone, ids: torch.Tensor) -> dict[int, torch.Tensor]:
    return backbone.model.forward(ids[None], range(backbone.num_layers + 1), KVCache(0))


@pytest.mark.parametrize("family", FAMILIES)
def test_states_of_every_layer_are_the_folders(family: str, families) -> None:
    folder, path, model = families[family]
    ids = torch.from_numpy(load(folder).tokenize([TEXT * 2])[0].ids[:90])
    found = states(load(path), ids)
    for layer, wanted in states(load(folder), ids).items():
        torch.testing.assert_close(found[layer], wanted, **CLOSE)
    torch.testing.assert_close(found[4][0], reference_states(model, ids, 4), **CLOSE)


@pytest.mark.parametrize("kind", QUANTISATIONS, ids=lambda kind: kind.name)
def test_quantised_states_are_those_of_the_dequantised_weights(kind: Kind, families, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder, _, _ = families["qwen3"]
    read_back = write_gguf(folder, tmp_path / "model.gguf", kind)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN3, 5)
    tensors = load_file(folder / "model.safetensors")
    for name in tensors:
        stem, _, leaf = name.rpartition(".")
        tensors[name] = read_back[f"{names.get_name(stem)}.{leaf}"]
    (tmp_path / "folder").mkdir()
    save_file(tensors, tmp_path / "folder" / "model.safetensors")
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "folder" / name).write_bytes((folder / name).read_bytes())
    ids = torch.arange(20, 60)
    wanted = states(load(tmp_path / "folder"), ids)
    for layer, found in states(load(tmp_path / "model.gguf"), ids).items():
        torch.testing.assert_close(found, wanted[layer], atol=1e-5, rtol=1e-4)


def test_every_quantisation_of_the_package_is_read_as_the_package_reads_it(tmp_path: Path) -> None:
    """Random bytes are blocks of any kind."""
    generator = torch.Generator().manual_seed(0)
    for kind in sorted(gguf.quants._type_traits):
        rows, size = gguf.GGML_QUANT_SIZES[kind]
        packed = torch.randint(0, 60, (3, 2 * size), dtype=torch.uint8, generator=generator).numpy()
        wanted = torch.from_numpy(gguf.quants.dequantize(packed, kind))
        path = tmp_path / f"{kind.name}.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_tensor("any", packed, raw_dtype=kind)
        for step in (
            writer.write_header_to_file,
            writer.write_kv_data_to_file,
            writer.write_tensors_to_file,
            writer.close,
        ):
            step()
        found = GgufReader(read_header(path)).read_stored("any", dtype=torch.float32)
        assert found.shape == (3, 2 * rows)
        torch.testing.assert_close(found, wanted, rtol=0, atol=0, equal_nan=True, msg=kind.name)


@pytest.mark.parametrize("family", ["llama", "phi3", "gpt_oss"])
def test_only_the_tensors_of_the_first_layers_are_read(family: str, families) -> None:
    _, path, _ = families[family]
    backbone = load(path, num_layers=2)
    header = backbone.weights.reader.header
    wanted = sum(
        tensor.num_values * 4
        for name, tensor in header.tensors.items()
        if name == "token_embd.weight" or name.startswith(("blk.0.", "blk.1."))
    )
    assert backbone.weights.reader.bytes_read == wanted + header.num_bytes
    assert wanted + header.num_bytes < path.stat().st_size / 2


def test_one_layer_of_the_weights_has_one_hash_and_another_is_refused(families, tmp_path: Path) -> None:
    folder, path, _ = families["llama"]
    first = load(path).spec.sha256
    assert load(path, sha256=first).spec.sha256 == first
    assert load(path, num_layers=2).spec.sha256 != first
    write_gguf(folder, tmp_path / "other.gguf", Kind.Q8_0)
    with pytest.raises(CheckpointError) as caught:
        load(tmp_path / "other.gguf", sha256=first)
    assert caught.value.code == "backbone-hash"


def test_scores_are_the_folders_and_a_checkpoint_takes_the_file_from_elsewhere(families, tmp_path) -> None:
    folder, path, _ = families["llama"]
    request = Request((Source(TEXT), Source(TEXT[::-1])), "Where is the spare key?")
    first = decoder_scorer(path, 3, chunk_tokens=16)
    wanted = decoder_scorer(folder, 3, chunk_tokens=16).score(request).scores.tolist()
    assert first.score(request).scores.tolist() == pytest.approx(wanted, rel=1e-3)
    save_checkpoint(first.checkpoint, tmp_path / "c", "")
    moved = tmp_path / "sha256-1234"  # ollama's files have no suffix
    moved.write_bytes(path.read_bytes())
    again = ScorerChoice(
        checkpoint=str(tmp_path / "c"), backbone=str(moved), chunk_tokens=16, device="cpu", dtype="float32"
    )
    assert again.load().score(request).scores.tolist() == first.score(request).scores.tolist()


def test_the_frame_is_the_files_first_token_and_chat_template(families) -> None:
    folder, path, _ = families["llama"]
    for chat in (False, True):
        assert (
            load(path, chat_template=chat).model.text.opening
            == load(folder, chat_template=chat).model.text.opening
        )


def test_llama_3s_stretched_frequencies_come_from_the_file(tmp_path: Path) -> None:
    """The file has a divisor for each frequency instead of the four numbers they follow from."""
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    stretch = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0}
    stretch |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    model = make_decoder("llama", tmp_path, rope_parameters=stretch)
    stretched, _ = ROPE_INIT_FUNCTIONS["llama3"](model.config, CPU)
    plain = 500.0 ** -(torch.arange(0, 16, 2) / 16)
    divisors = (plain / stretched).numpy()
    assert divisors.max() > 2
    write_gguf(
        tmp_path, tmp_path / "m.gguf", change=lambda writer: writer.add_tensor("rope_freqs.weight", divisors)
    )
    ids = torch.arange(20, 220)
    torch.testing.assert_close(
        states(load(tmp_path / "m.gguf"), ids)[5], states(load(tmp_path), ids)[5], **CLOSE
    )


@pytest.mark.parametrize("kind", ["linear", "yarn"])
def test_other_stretched_frequencies_are_read(kind: str, tmp_path: Path) -> None:
    stretch = {"rope_type": kind, "rope_theta": 500.0, "factor": 4.0, "original_max_position_embeddings": 128}
    make_decoder("qwen3", tmp_path, rope_parameters=stretch)

    def change(writer: gguf.GGUFWriter) -> None:
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(4.0)
        writer.add_rope_scaling_orig_ctx_len(128)

    write_gguf(tmp_path, tmp_path / "m.gguf", change=change)
    ids = torch.arange(20, 220)
    torch.testing.assert_close(
        states(load(tmp_path / "m.gguf"), ids)[5], states(load(tmp_path), ids)[5], **CLOSE
    )


def test_phi_3s_two_lists_of_divisors_are_read(tmp_path: Path) -> None:
    short, long = [1.0 + number / 8 for number in range(8)], [2.0 + number for number in range(8)]
    stretch = {"rope_type": "longrope", "rope_theta": 500.0, "short_factor": short, "long_factor": long}
    stretch |= {"original_max_position_embeddings": 128, "partial_rotary_factor": 1.0}
    make_decoder("phi3", tmp_path, rope_parameters=stretch, original_max_position_embeddings=128)

    def change(writer: gguf.GGUFWriter) -> None:
        writer.add_rope_scaling_orig_ctx_len(128)
        for name, divisors in (("short", short), ("long", long)):
            writer.add_tensor(f"rope_factors_{name}.weight", np.array(divisors, dtype=np.float32))

    write_gguf(tmp_path, tmp_path / "m.gguf", change=change)
    for length in (100, 200):  # on either side of the original context
        ids = torch.arange(20, 20 + length)
        found, wanted = (states(load(place), ids)[5] for place in (tmp_path / "m.gguf", tmp_path))
        torch.testing.assert_close(found, wanted, **CLOSE)


def test_a_config_is_the_folders(families) -> None:
    """In what the blocks read."""
    for family, (folder, path, _) in families.items():
        found, wanted = open_gguf(path).config, load(folder).weights.config
        assert found.model_type == wanted.model_type
        for name in ("hidden_size", "num_key_value_heads", "sliding_window", "layer_types", "rms_norm_eps"):
            mine, theirs = getattr(found, name, None), getattr(wanted, name, None)
            assert mine == (pytest.approx(theirs) if isinstance(theirs, float) else theirs), (family, name)
