"""Shared fixtures: the real default scorer, loaded once, and a seeded source of awkward text."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest

pytest_plugins = ["support.cli"]

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

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


def random_text(rng: random.Random, num_pieces: int) -> str:
    """Text with every kind of trouble: scripts, combining marks, line ends, special tokens."""
    return "".join(rng.choice(PIECES) for _ in range(num_pieces))


@pytest.fixture(scope="session")
def make_text() -> Callable[[random.Random, int], str]:
    return random_text


@pytest.fixture(scope="session")
def scorer():
    from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
    from longattncomp_cli.core.checkpoint.store import load_checkpoint
    from longattncomp_cli.core.scoring.loading import load_scorer

    return load_scorer(load_checkpoint(DEFAULT_CHECKPOINT), device="cpu")


@pytest.fixture(scope="session")
def o200k():
    from longattncomp_cli.core.budget.tokenizers import load_tokenizer

    return load_tokenizer("o200k_base")
