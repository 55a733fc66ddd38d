"""Tokenizers that GGUF files carry: the ids and offsets of the tokenizer.json that they were made of."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from longattncomp_cli.core.backbones.decoder.gguf.metadata import Metadata
from longattncomp_cli.core.backbones.decoder.gguf.tokenizer import build_tokenizer
from longattncomp_cli.errors import CheckpointError
from tests.support.decoders import TEXT

PIECES = [
    "é",
    "e\u0301",
    "東京",
    "🙂",
    "\r\n",
    "\n",
    " ",
    "   ",
    "1987",
    "½",
    "harbour",
    " the",
    "'s",
    "N'T",
    "\t",
    "</s>",
]
QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
SPLITS = {
    "gpt-2": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "smollm": pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    ),
    "llama-bpe": pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(QWEN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")), "isolated"), BYTES]
    ),
    "qwen2": pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN), "isolated"), BYTES]),
}


def texts() -> list[str]:
    rng = random.Random(0)
    return [TEXT, "", *("".join(rng.choices(PIECES, k=12)) for _ in range(200))]


def metadata(**fields: object) -> Metadata:
    read = {"general.architecture": "llama"}
    read |= {f"tokenizer.ggml.{key}": value for key, value in fields.items()}
    return Metadata(Path("x.gguf"), read)


def assert_same(found: Tokenizer, wanted: Tokenizer) -> None:
    for text in texts():
        mine, theirs = (each.encode(text, add_special_tokens=False) for each in (found, wanted))
        assert (mine.ids, mine.offsets) == (theirs.ids, theirs.offsets), text
        assert all(0 <= start <= end <= len(text) for start, end in mine.offsets)


@pytest.mark.parametrize("name", SPLITS)
def test_byte_level_ids_and_offsets_are_the_originals(name: str) -> None:
    original = Tokenizer(models.BPE(ignore_merges=name == "llama-bpe"))
    original.pre_tokenizer = SPLITS[name]
    original.decoder = decoders.ByteLevel()
    if name == "qwen2":
        original.normalizer = normalizers.NFC()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    original.train_from_iterator(texts() * 2, trainer)
    original.add_tokens([AddedToken("harbour", normalized=False)])
    model = json.loads(original.to_str())["model"]
    vocabulary = original.get_vocab(with_added_tokens=True)
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    types = np.array([{"<s>": 3, "</s>": 3, "harbour": 4}.get(token, 1) for token in tokens], dtype=np.int32)
    merges = [" ".join(merge) for merge in model["merges"]]
    found = build_tokenizer(metadata(model="gpt2", pre=name, merges=merges, token_type=types), tokens)
    assert_same(found, original)


def sentencepiece_vocabulary() -> tuple[list[str], list[float], np.ndarray]:
    """Special tokens, bytes, and pieces learnt from a text; the score falls with the id, as when trained."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Metaspace()
    learner.train_from_iterator([TEXT] * 3, trainers.BpeTrainer(vocab_size=350, show_progress=False))
    learnt = learner.get_vocab()
    pieces = sorted(learnt, key=learnt.__getitem__)
    letters = [piece for piece in pieces if len(piece) == 1]
    longer = [piece for piece in pieces if len(piece) > 1]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *longer, *letters]
    types = np.array([2, 3, 3] + [6] * 256 + [1] * len(pieces), dtype=np.int32)
    return tokens, [0.0] * 259 + [-float(number) for number in range(len(pieces))], types


@pytest.mark.parametrize("prefixed", [True, False])
def test_sentencepiece_ids_and_offsets_are_those_that_transformers_makes(prefixed: bool) -> None:
    """Its tokenizer.json of Llama 2: merges from scores, a space before the text, bytes for the unknown."""
    from transformers.tokenization_utils_base import generate_merges

    tokens, scores, types = sentencepiece_vocabulary()
    vocabulary = {token: number for number, token in enumerate(tokens)}
    merges = generate_merges(vocabulary, dict(zip(tokens, scores, strict=True)))
    original = Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    replace = normalizers.Replace(" ", "\u2581")
    original.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), replace] if prefixed else [replace]
    )
    original.add_special_tokens([AddedToken(token, normalized=False) for token in tokens[:3]])
    fields = {"model": "llama", "scores": np.array(scores), "token_type": types}
    found = build_tokenizer(metadata(**fields, add_space_prefix=prefixed), tokens)
    assert_same(found, original)
    assert found.decode(found.encode(TEXT).ids) == TEXT


def test_sentencepiece_merges_the_pair_of_the_highest_score_first() -> None:
    """SentencePiece's own rule, written naively."""
    tokens, scores, types = sentencepiece_vocabulary()
    found = build_tokenizer(metadata(model="llama", scores=np.array(scores), token_type=types), tokens)
    score_of = dict(zip(tokens[259:], scores[259:], strict=True))
    for word in TEXT.replace("\n", " ").split():
        parts = list("\u2581" + word)
        while True:
            pairs = [(score_of.get(a + b, -1e9), -at) for at, (a, b) in enumerate(pairwise(parts))]
            best, at = max(pairs, default=(-1e9, 0))
            if best <= -1e9:
                break
            parts[-at : -at + 2] = ["".join(parts[-at : -at + 2])]
        if all(part in score_of for part in parts):
            assert found.encode(word).tokens == parts


def test_gemmas_spaces_are_tokens_of_their_own_and_its_merges_go_by_id() -> None:
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "  ", "   ", "ab", "bc", "a", "b", "c", "\u2581"]
    types = np.array([3, 3, 3, 2, 4, 4, 1, 1, 1, 1, 1, 1])
    fields = {"model": "llama", "scores": np.zeros(12), "token_type": types}
    meta = metadata(**fields)
    gemma = Metadata(meta.path, {**meta.fields, "general.architecture": "gemma3"})
    encoded = build_tokenizer(gemma, tokens).encode("abc   abc", add_special_tokens=False)
    assert encoded.tokens == ["ab", "c", "   ", "ab", "c"]
    assert encoded.offsets == [(0, 2), (2, 3), (3, 6), (6, 8), (8, 9)]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"model": "bert"}, "kind 'bert'"),
        ({"model": "gpt2", "pre": "harbour", "merges": []}, "splits texts as 'harbour'"),
        ({"model": "gpt2", "pre": "gpt-2"}, "no field tokenizer.ggml.merges"),
        ({"model": "gpt2", "pre": "gpt-2", "merges": ["a z"]}, "damaged"),
        ({"model": "gpt2", "pre": "gpt-2", "merges": [], "token_type": np.ones(1)}, "makes no sense"),
        ({"model": "llama"}, "no field tokenizer.ggml.scores"),
        ({"model": "llama", "scores": np.zeros(2), "unknown_token_id": 9}, "unknown_token_id = 9"),
        ({}, "no field tokenizer.ggml.model"),
    ],
)
def test_a_tokenizer_that_cannot_be_read_is_told(fields: dict[str, object], said: str) -> None:
    with pytest.raises(CheckpointError, match=said) as caught:
        build_tokenizer(metadata(**fields), ["a", "b"])
    assert caught.value.hint
