"""Grapheme clusters are those of Unicode, and no word or cut lies inside of one."""

from __future__ import annotations

import random
import time

import pytest
import regex

from longattncomp_cli.core.text.boundaries import word_starts
from longattncomp_cli.core.text.graphemes import cluster_ends, inside_clusters
from tests.support.texts import PIECES, SCRIPT_PIECES

CLUSTERS = [
    *("a", " ", "\n", "\r\n", "\r", "é", "漢", "”", "각"),
    *("e\u0301", "👨‍👩‍👧‍👦", "🇫🇮", "🇩", "👍🏽", "1️⃣", "\u200d", "\u0301"),
    *("ที่", "น้ำ", "क्षि", "க்ஷி", "\u1100\u1161\u11a8", "\u0600\u0661"),
]


def test_ends_are_those_of_unicode_in_any_mixture() -> None:
    for seed in range(200):
        rng = random.Random(seed)
        text = "".join(rng.choice([*CLUSTERS, *PIECES, *SCRIPT_PIECES]) for _ in range(30))
        slow = [match.end() for match in regex.finditer(r"\X", text)]
        assert cluster_ends(text).tolist() == slow, text
        assert not set(inside_clusters(text).tolist()) & set(slow)
        assert not set(word_starts(text).tolist()) & set(inside_clusters(text).tolist())


@pytest.mark.parametrize("piece", ["The ledger. ", "नदी है। ", "\u0301", "🇫🇮"])
def test_time_grows_with_the_length(piece: str) -> None:
    def seconds(times: int) -> float:
        began = time.process_time()
        inside_clusters(piece * times)
        return time.process_time() - began

    small, large = seconds(4_000), seconds(40_000)
    assert large < 40 * small + 0.5
