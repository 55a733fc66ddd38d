"""Tokenizers are found offline, count what is printed, and never change the unit in silence."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest
import tiktoken

from longattncomp_cli.core.budget.compact import compact_file, read_compact, write_compact
from longattncomp_cli.core.budget.tokenizers import load_tokenizer
from longattncomp_cli.core.budget.vocabularies import find_bundled_vocabulary
from longattncomp_cli.errors import ResourceError


def test_special_tokens_in_documents_are_plain_text(o200k) -> None:
    assert o200k.count("<|endoftext|>") > 1


def test_counts_equal_tiktoken(o200k) -> None:
    text = "Straße 東京 🙂\r\n\tdef f(): pass  " * 20
    assert o200k.count(text) == len(o200k.encoding.encode(text, disallowed_special=()))
    assert o200k.count_each(["a b", "", "東京"]) == [
        len(o200k.encoding.encode(t)) for t in ("a b", "", "東京")
    ]


def test_a_long_run_of_white_space_is_counted(o200k) -> None:
    """tiktoken itself overflows its stack on it."""
    assert 0 < o200k.count("a" + " " * 1_000_000 + "b") < 1_000_000


def test_bundled_vocabularies_are_found_without_importing_their_package() -> None:
    code = (
        "import sys; from longattncomp_cli.core.budget.tokenizers import load_tokenizer\n"
        "from longattncomp_cli.core.budget.vocabularies import find_bundled_vocabulary\n"
        "for name in ('o200k_base', 'cl100k_base'):\n"
        "    assert find_bundled_vocabulary(name); print(load_tokenizer(name).count('hello world'))\n"
        "assert 'litellm' not in sys.modules and 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "2"]


def test_model_names_are_known() -> None:
    assert load_tokenizer("gpt-4o").name == "o200k_base"


def test_a_vocabulary_is_made_once_a_process(o200k) -> None:
    assert load_tokenizer("gpt-4o").encoding is load_tokenizer("o200k_base").encoding is o200k.encoding


def test_a_local_tokenizer_json(tmp_path, scorer) -> None:
    path = tmp_path / "tokenizer.json"
    scorer.backbone.tokenizer.save(str(path))
    for name in (path, tmp_path):
        tokenizer = load_tokenizer(str(name))
        assert tokenizer.count("The cat sat.") == 4
        assert tokenizer.count_each(["cat", "the cat"]) == [1, 2]


@pytest.mark.parametrize("name", ["no-such-tokenizer", "nobody/no-such-model", "r50k_base"])
def test_what_is_not_there_is_an_error_with_a_way_out(name: str, monkeypatch, tmp_path) -> None:
    def no_network(*args: object, **kwargs: object) -> None:
        raise OSError("network is unreachable")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(tiktoken.registry, "ENCODINGS", {})
    with pytest.raises(ResourceError) as caught:
        load_tokenizer(name)
    assert caught.value.exit_code == 5
    assert name in caught.value.message
    assert caught.value.hint


def test_a_bundled_file_with_another_hash_is_not_used(monkeypatch, tmp_path) -> None:
    found = find_bundled_vocabulary("o200k_base")
    assert found is not None
    package = tmp_path / "litellm" / "litellm_core_utils" / "tokenizers"
    package.mkdir(parents=True)
    (tmp_path / "litellm" / "__init__.py").touch()
    for file in found.iterdir():
        if len(file.name) == 40:
            (package / file.name).write_bytes(b"not a vocabulary")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "litellm", raising=False)
    assert find_bundled_vocabulary("o200k_base") is None


def test_a_vocabulary_read_from_its_compact_file_counts_the_same(o200k, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert read_compact("o200k_base") is None
    assert write_compact(o200k.encoding)
    known = read_compact("o200k_base")
    assert known is not None
    for text in ("Straße 東京 🙂\r\n\tdef f(): pass  ", "<|endoftext|>", "", "a" * 300):
        assert known.encode_ordinary(text) == o200k.encoding.encode_ordinary(text)
    assert known.special_tokens_set == o200k.encoding.special_tokens_set
    assert known.n_vocab == o200k.encoding.n_vocab


def test_a_damaged_compact_file_is_not_used(o200k, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    write_compact(o200k.encoding)
    place = compact_file("o200k_base")
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    for damaged in (bytes(content), bytes(content[:-1]), b""):
        place.write_bytes(damaged)
        assert read_compact("o200k_base") is None
