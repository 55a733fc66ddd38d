"""Chunks partition the text, never exceed their size, and end where the reader would end them."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from longattncomp_cli.core.backbones.decoder.text import DecoderText
from longattncomp_cli.core.backbones.encoder.unigram import unigram_tokenizer
from longattncomp_cli.core.backbones.tokenize import split_at_lines, tokenize_long_texts
from longattncomp_cli.core.chunking.chunks import Tokens
from longattncomp_cli.core.chunking.cutter import WHOLE_UNIT_CHUNKS, chunk_bounds, chunk_source
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.text.graphemes import inside_clusters
from longattncomp_cli.core.text.spans import Span
from tests.support.texts import PIECES, SCRIPT_PIECES, random_text

SENTENCES = (
    "The cat sat on the mat by the door. ",
    "We met Dr. Wu and Mr. Lee at no. 5 today before the rain came down. ",
    "value_1 = compute(1, scale=2)\n",
)


@pytest.fixture(
    scope="module", params=["WordPiece", "byte-level", "byte-level, trimmed", "Metaspace", "Unigram"]
)
def tokenize(request, scorer):
    """The tokenizers of the kinds that backbones have: with and without the space before a word."""
    if request.param == "WordPiece":
        return scorer.backbone.tokenize
    if request.param == "Unigram":
        texts = [*PIECES, *SCRIPT_PIECES, *SENTENCES]
        words = {"▁" + word for text in texts for word in text.split()}
        pieces = sorted(words | set("".join(texts)) - {" "})
        scores = [-1.0 if piece in words else -9.0 for piece in pieces]
        unigram = unigram_tokenizer(["<unk>", "▁", *pieces], [0.0, -3.0, *scores], unknown=0, special=[])
        return lambda texts: tokenize_long_texts(unigram, texts, split_at_lines, 0)
    metaspace = request.param == "Metaspace"
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    lines = pre_tokenizers.Split("\n", "isolated")
    tokenizer.pre_tokenizer = (
        pre_tokenizers.Sequence([lines, pre_tokenizers.Metaspace(prepend_scheme="first")])
        if metaspace
        else pre_tokenizers.ByteLevel(add_prefix_space=False)
    )
    if request.param.endswith("trimmed"):
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=["<unk>"],
        initial_alphabet=[] if metaspace else pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*PIECES, *(3 * text for text in SENTENCES)] * 3, trainer)
    return DecoderText(tokenizer, (0,), ()).tokenize


def chunked(tokenize, text: str, chunk_tokens: int, snap: str, region: Span | None = None):
    source = Source(text, context_region=region)
    context = source.context_span
    tokens = tokenize([text[context.start : context.end]])[0]
    shifted = Tokens(tokens.ids, tokens.starts + context.start)
    return chunk_source(source, shifted, source_index=0, first_index=0, chunk_tokens=chunk_tokens, snap=snap)


def chunks_of(*args):
    return chunked(*args).chunks


@pytest.mark.parametrize("snap", ["none", "word", "line", "sentence", "structure", "auto"])
def test_spans_partition_any_text(tokenize, snap: str) -> None:
    rng = random.Random(snap)
    for case in range(20):
        text = random_text(rng, rng.randrange(1, 80), [*PIECES, *SCRIPT_PIECES]) + "end"
        chunk_tokens = rng.choice([1, 2, 7, 32, 128])
        source = chunked(tokenize, text, chunk_tokens, snap)
        chunks = source.chunks
        assert "".join(text[c.start : c.end] for c in chunks) == text, case
        assert all(c.start < c.end for c in chunks)
        most = chunk_tokens * (WHOLE_UNIT_CHUNKS if snap in ("structure", "auto") else 1)
        # A grapheme cluster is in one chunk, even where it is more tokens than a chunk may have.
        inside = set(inside_clusters(text).tolist())
        assert not inside & {c.start for c in chunks}, case
        begins = [set(source.tokens.starts[a:b].tolist()) - inside for a, b in pairwise(source.bounds)]
        assert all(len(begun) <= most for begun in begins), case
        assert [c.num_backbone_tokens for c in chunks] == np.diff(source.bounds).tolist()
        assert [c.index for c in chunks] == list(range(len(chunks)))


def test_region_is_partitioned_and_nothing_else(tokenize) -> None:
    text = "Keep me. " + "One sentence here. " * 40 + "And keep me too."
    region = Span(9, len(text) - 16)
    chunks = chunks_of(tokenize, text, 16, "sentence", region)
    assert chunks[0].start == region.start
    assert chunks[-1].end == region.end
    assert "".join(text[c.start : c.end] for c in chunks) == text[region.start : region.end]


def test_white_space_alone_is_one_chunk_without_tokens(scorer) -> None:
    chunks = chunks_of(scorer.backbone.tokenize, " \n\n ", 8, "sentence")
    assert [(c.start, c.end, c.num_backbone_tokens) for c in chunks] == [(0, 4, 0)]


def test_sentences_are_not_cut_where_one_ends_in_reach(tokenize) -> None:
    text = SENTENCES[0] * 30
    for chunk in chunks_of(tokenize, text, 32, "sentence")[:-1]:
        assert text[: chunk.end].rstrip().endswith("door.")


def test_abbreviations_do_not_end_a_sentence(tokenize) -> None:
    text = SENTENCES[1] * 10
    for chunk in chunks_of(tokenize, text, 24, "sentence")[:-1]:
        assert text[: chunk.end].rstrip().endswith("down.")


def test_lines_are_kept_whole_in_code(tokenize) -> None:
    text = "".join(f"value_{i} = compute({i}, scale=2)\n" for i in range(60))
    for chunk in chunks_of(tokenize, text, 40, "line"):
        assert text[: chunk.end].endswith("\n")


def random_levels(rng: random.Random) -> tuple[np.ndarray, int]:
    levels = np.array(
        [rng.choice([0, 0, 0, 1, 1, 2, 3, 4]) for _ in range(rng.randrange(0, 200))], dtype=np.int64
    )
    levels[:1] = 0
    return levels, rng.randrange(1, 40)


def test_bounds_are_ascending_and_no_chunk_is_too_long() -> None:
    rng = random.Random(1)
    for _ in range(300):
        levels, size = random_levels(rng)
        bounds = chunk_bounds(levels, size)
        assert (bounds[0], bounds[-1]) == (0, len(levels))
        lengths = np.diff(bounds)
        assert (lengths > 0).all() or len(levels) == 0
        assert (lengths <= size).all()


def test_a_chunk_holds_whole_paragraphs_or_part_of_one() -> None:
    """Whole ones may follow a part of less than half a chunk; a part may follow less than a quarter."""
    rng = random.Random(2)
    for _ in range(300):
        levels, size = random_levels(rng)
        edges = {0, len(levels), *np.flatnonzero(levels == 4).tolist()}
        for start, end in pairwise(chunk_bounds(levels, size)):
            inside = [edge for edge in edges if start < edge < end]
            if inside and end in edges:
                assert start in edges or min(inside) - start < size / 2
            elif inside:
                assert max(inside) - start < max(1, size / 4)


def test_without_levels_chunks_have_a_fixed_size() -> None:
    assert chunk_bounds(np.zeros(300, dtype=np.int64), 128) == [0, 128, 256, 300]


def test_a_long_paragraph_is_cut_into_equal_parts() -> None:
    levels = np.ones(400, dtype=np.int64)
    levels[[150, 190]] = 4
    # 150 → 75 + 75; 40; 210 → 105 + 105.
    assert chunk_bounds(levels, 128) == [0, 75, 150, 190, 295, 400]


def test_token_starts_are_where_the_tokens_are(scorer) -> None:
    """Long texts are tokenised in pieces; the pieces change nothing."""
    rng = random.Random(5)
    text = random_text(rng, 6000)
    tokens = scorer.backbone.tokenize([text])[0]
    whole = scorer.backbone.tokenizer.encode(text, add_special_tokens=False)
    # An unknown token that covers many characters is several.
    unknown = scorer.backbone.unknown_id
    known = tokens.ids != unknown
    expected = [(number, start) for number, (start, _) in zip(whole.ids, whole.offsets, strict=True)]
    assert list(zip(tokens.ids[known].tolist(), tokens.starts[known].tolist(), strict=True)) == [
        pair for pair in expected if pair[0] != unknown
    ]
    assert {start for number, start in expected if number == unknown} <= set(tokens.starts[~known].tolist())


def test_a_word_longer_than_any_token_is_still_read(scorer) -> None:
    """WordPiece maps words of over 100 characters to one unknown token; ours are read in parts."""
    tokens = scorer.backbone.tokenize(["x" * 5000])[0]
    assert len(tokens.ids) > 50
    assert scorer.backbone.tokenizer.token_to_id("[UNK]") not in tokens.ids


@pytest.mark.parametrize("name", ["a.java", "a.kt", "a.js"])
def test_what_closes_a_class_stays_with_it(name: str, scorer) -> None:
    method = "  int seen() {\n    int a = 1;\n    int b = 2;\n    return a + b;\n  }\n"
    text = "".join(f"class Auk{i} {{\n{method * 3}}}\n\n" for i in range(6))
    source = Source(text, name)
    (tokens,) = scorer.backbone.tokenize([text])
    for chunk_tokens in (24, 40, 64, 100):
        cut = chunk_source(
            source, tokens, source_index=0, first_index=0, chunk_tokens=chunk_tokens, snap="auto"
        )
        assert not any(text[chunk.start : chunk.end].lstrip().startswith("}") for chunk in cut.chunks)


@pytest.mark.parametrize("size", [1, 5, 12])
def test_a_heading_stays_with_the_list_under_it(tokenize, size: int) -> None:
    entry = " On the first of March the lamp was mended by the warden and paid for at once."
    log = "\n\n".join(f"{number}." + entry for number in range(101, 112))
    text = "# Report\n\n## School\n\n" + SENTENCES[0] * size + f"\n\n## Log 5\n\n{log}\n"
    source = Source(text)
    cut = chunk_source(
        source, tokenize([text])[0], source_index=0, first_index=0, chunk_tokens=128, snap="auto"
    )
    assert len(cut.chunks) > 1
    assert not [chunk for chunk in cut.chunks if text[chunk.start : chunk.end].rstrip().endswith("Log 5")]
