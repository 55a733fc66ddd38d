"""Tokenise texts of any length: in pieces that are cut only where no token can cross."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from longattncomp_cli.core.chunking.chunks import Tokens
from longattncomp_cli.core.text.arrays import IntArray
from longattncomp_cli.errors import CheckpointError

# Begins and ends of the pieces of a text.
Splitter = Callable[[str], Iterator[tuple[int, int]]]

TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model")
"""Any of them will do."""

_PIECE_CHARS = 16_384
_PIECE_BATCH = 64
"""The library holds some 80 bytes for each character of a batch."""
# WordPiece maps words of over 100 characters to one unknown token; shorter runs are read.
_UNKNOWN_CHARS = 4
"""An unknown token that covers more characters counts as several: what cannot be read has a length, too."""
_LONG_WORD = re.compile(r"\w{97,}")
_WORD_CHARS = 96


def read_tokenizer(folder: Path, name: str) -> Tokenizer:
    """A model's tokenizer, without truncation or padding; no text gives its special tokens.

    Args:
        folder: of the model: ``tokenizer.json``, or the older files that transformers makes one from.
        name: of the model, for messages.

    Raises:
        CheckpointError: there is none, or it cannot be read.
    """
    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path)) if path.is_file() else _converted(folder)
    except Exception as error:  # tokenizers raises no other class
        reason = str(error).strip().partition("\n")[0]
        what = f"{path} is damaged" if path.is_file() else f"{folder} has no tokenizer that can be read"
        raise CheckpointError(
            f"backbone {name}: {what} ({reason})",
            hint="save the model with its fast tokenizer (tokenizer.json), or download it again",
            code="bad-tokenizer",
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


def _converted(folder: Path) -> Tokenizer:
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise FileNotFoundError(f"none of {', '.join(TOKENIZER_FILES)}")
    from transformers import AutoTokenizer

    made = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    tokenizer: Tokenizer = made.backend_tokenizer
    return tokenizer


def tokenize_long_texts(
    tokenizer: Tokenizer, texts: Sequence[str], cut: Splitter, unknown: int | None = None
) -> list[Tokens]:
    """Tokenise texts without special tokens; a newline or space is never inside a cut token.

    Args:
        tokenizer: the backbone's.
        texts: of any length.
        cut: into pieces that tokenise apart.
        unknown: the id of the token that stands for what the vocabulary lacks.
    """
    pieces = [(number, start, end) for number, text in enumerate(texts) for start, end in cut(text)]
    ids: list[list[np.ndarray]] = [[] for _ in texts]
    starts: list[list[np.ndarray]] = [[] for _ in texts]
    for at in range(0, len(pieces), _PIECE_BATCH):
        batch = pieces[at : at + _PIECE_BATCH]
        encodings = tokenizer.encode_batch(
            [texts[number][start:end] for number, start, end in batch], add_special_tokens=False
        )
        for (number, start, end), encoding in zip(batch, encodings, strict=True):
            offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
            piece_ids = np.array(encoding.ids, dtype=np.int64)
            piece_starts = text_starts(texts[number][start:end], offsets)
            repeats = np.where(piece_ids == unknown, -(-(offsets[:, 1] - piece_starts) // _UNKNOWN_CHARS), 1)
            ids[number].append(np.repeat(piece_ids, np.maximum(repeats, 1)))
            starts[number].append(_spread(piece_starts, np.maximum(repeats, 1)) + start)
    return [Tokens(_joined(i), _joined(s)) for i, s in zip(ids, starts, strict=True)]


def text_starts(text: str, offsets: IntArray) -> IntArray:
    """Where tokens begin when the white space before a word is not counted to it.

    WordPiece drops that white space; byte-level and Metaspace tokens (``Ġthe``, ``▁the``) begin with it. So
    a word begins at its first token in both.

    Args:
        text: that was tokenised.
        offsets: (N, 2) the characters of each token, begin and end.

    Returns:
        (N,) characters, ascending; a token of nothing but white space keeps its begin.
    """
    characters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<U1")
    places = np.where(np.char.isspace(characters), len(text), np.arange(len(text)))
    # following[i]: the first place from i on that is not white space.
    following = np.minimum.accumulate(np.append(places, len(text))[::-1])[::-1]
    begins, ends = offsets.T
    first: IntArray = following[begins]
    return np.where(first < ends, first, begins)


def _spread(starts: IntArray, repeats: IntArray) -> IntArray:
    """Where each token begins if the ``i``-th is ``repeats[i]`` tokens, ``_UNKNOWN_CHARS`` apart."""
    first = np.repeat(np.cumsum(repeats) - repeats, repeats)
    return np.repeat(starts, repeats) + _UNKNOWN_CHARS * (np.arange(len(first)) - first)


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def split_at_words(text: str) -> Iterator[tuple[int, int]]:
    """Ranges that tokenise apart: cut at line ends, at spaces of long lines, and inside overlong words."""
    start = 0
    for match in _LONG_WORD.finditer(text):
        yield from split_at_lines(text, start, match.start())
        for at in range(match.start(), match.end(), _WORD_CHARS):
            yield at, min(at + _WORD_CHARS, match.end())
        start = match.end()
    yield from split_at_lines(text, start, len(text))


def split_at_lines(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Ranges of at most 16,384 characters, cut before a line end or a space where there is one."""
    end = len(text) if end is None else end
    while end - start > _PIECE_CHARS:
        stop = start + _PIECE_CHARS
        cut = max(text.rfind("\n", start + 1, stop), 0) or max(text.rfind(" ", start + 1, stop), 0) or stop
        yield start, cut
        start = cut
    if end > start:
        yield start, end
