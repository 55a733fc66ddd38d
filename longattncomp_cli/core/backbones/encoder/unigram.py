"""A SentencePiece Unigram tokenizer with exact offsets into the text as it stands.

Text is normalised as XLM-R's SentencePiece model does (``nmt_nfkc``): control characters go, characters of
compatibility become plain, runs of spaces one. Tokens keep the places of the characters that they were made
from, also where a ligature becomes two letters, or a letter and its accents one.
"""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

# No text has it after normalisation: a piece that begins with it can be spelt in no document.
UNSPELLABLE = "\x01"


def unigram_tokenizer(
    pieces: Sequence[str], scores: Sequence[float], *, unknown: int, special: Sequence[int]
) -> Tokenizer:
    """Build the tokenizer.

    Args:
        pieces: the vocabulary, by id.
        scores: the log probability of each.
        unknown: the id of what no piece covers.
        special: ids that no text may give.
    """
    hidden = {unknown, *special}
    vocabulary = [
        (UNSPELLABLE + piece if number in hidden else piece, float(score))
        for number, (piece, score) in enumerate(zip(pieces, scores, strict=True))
    ]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    return tokenizer
