"""Awkward texts, and a tokenizer whose tokens are bytes."""

from __future__ import annotations

import random
from collections.abc import Sequence

import tiktoken

from longattncomp_cli.core.budget.tokenizers import TiktokenTokenizer

BYTES = TiktokenTokenizer(
    "bytes",
    tiktoken.Encoding(
        "bytes",
        pat_str=r"\w+|\s+|[^\w\s]+",
        mergeable_ranks={bytes([i]): i for i in range(256)},
        special_tokens={},
    ),
)
"""Counts bytes."""

PIECES = [
    "The harbour master signed the ledger at noon.",
    " It rained; nobody minded!",
    "\n",
    "\n\n",
    "\r\n",
    " ",
    "\t",
    "naïve café ",
    "東京都は日本の首都です。",
    "🙂🙃",
    "e\u0301",
    "def f(x):\n    return x + 1\n",
    "0xDEADBEEF ",
    "a" * 40 + " ",
    "Mr. Smith met Dr. Wu. ",
    "[bold]x[/bold] ",
    "<|endoftext|>",
    "\u200b",
    "...",
    "¿Qué? ",
]

SCRIPT_PIECES = [
    "👩🏽\u200d🚀🇵🇹",
    "แม่น้ำ",
    "नदी है।",
    "ﬁ ㍿ ｶﾞ ",
    "\u1112\u1161\u11ab",
]
"""Grapheme clusters of several characters, and what normalisation makes longer or shorter."""


def random_text(rng: random.Random, num_pieces: int, pieces: Sequence[str] = PIECES) -> str:
    """Text with every kind of trouble: scripts, combining marks, line ends, special tokens."""
    return "".join(rng.choice(pieces) for _ in range(num_pieces))
