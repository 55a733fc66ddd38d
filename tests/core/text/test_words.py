"""What a word is, and which words of a query are names that stand in the text as they are."""

from __future__ import annotations

import time
import unicodedata

import pytest

from longattncomp_cli.core.text.words import (
    MAX_IDENTIFIERS,
    Spelling,
    is_compound,
    is_name_like,
    query_identifiers,
    word_at,
    word_set,
)
from tests.support.texts import PIECES, SCRIPT_PIECES


@pytest.mark.parametrize(
    ("text", "start", "word"),
    [
        ("the naïve ledger", 4, "naïve"),
        ("the naïve ledger", 7, "naïve"),  # from inside: where a token begins in the middle of a word
        ("Who signed it?", 13, "?"),
        ("a_b", 0, "a_b"),
        ("a_b", 2, "b"),  # looking back stops at a sign, the underscore too
        ("x  y", 1, " "),
        ("東京都", 1, "東京都"),
        ("9" * 300, 250, "9" * 150),  # looking back stops after 100 characters
    ],
)
def test_the_word_that_holds_a_character(text: str, start: int, word: str) -> None:
    first, last = word_at(text, start)
    assert text[first:last] == word
    assert first <= start


def test_a_token_of_a_title_has_no_word_in_the_text() -> None:
    assert word_at("text", -1) == (-1, -1)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("`two words` and `x`", ["two words", "x"]),
        ("the _x, x_y and xY", ["_x", "x_y", "xY"]),
        ("sha256, RFC-2616 or 2616", ["sha256", "RFC-2616"]),
        ("config.json, a->b, a::b, a/b, a:b", ["config.json", "a->b", "a::b"]),
        ("END. Then merry-harbour", ["merry-harbour"]),
        ("f_1 and f_1 again", ["f_1"]),
        ("x_" + "y" * 300, []),
        (" ".join(f"f_{i}" for i in range(99)), [f"f_{i}" for i in range(MAX_IDENTIFIERS)]),
    ],
)
def test_identifiers_in_order_each_once(query: str, names: list[str]) -> None:
    assert query_identifiers(query) == names


def test_words_joined_by_hyphens_are_only_a_compound_unless_quoted() -> None:
    assert is_compound("merry-harbour", "the merry-harbour")
    assert not is_compound("merry-harbour", "the `merry-harbour`")
    assert not is_compound("RFC-2616", "the RFC-2616")
    assert not is_compound("iter_modules", "iter_modules")


def test_a_name_has_a_digit_a_capital_or_an_underscore() -> None:
    assert all(map(is_name_like, ("x1", "Ada", "a_b", "B")))
    assert not any(map(is_name_like, ("plain", "naïve", "東京")))


SAME = [
    ("café", "cafe\u0301"),
    ("항구", unicodedata.normalize("NFD", "항구")),
    ("ＡＢＣ－１２３", "ABC-123"),
    ("バス", "ﾊﾞｽ"),
    ("21050", "٢١٠٥٠"),
    ("21050", "२१०५०"),
    ("محمد", "مُحَمَّد"),
    ("محمد", "مـحـمـد"),
    ("שלום", "שָׁלוֹם"),
    ("میرود", "می\u200cرود"),
    ("softhyphen", "\ufeffsoft\u00adhy\u200bphen"),
]
SAME_BUT_FOR_CASE = [
    ("STRASSE", "Straße"),
    ("ΟΔΟΣ", "οδος"),
    ("istanbul", "İstanbul"),
    ("ISPARTA", "ısparta"),
    ("ПАРОМ", "паром"),
    *SAME,
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_compatible_spellings_are_one(one: str, other: str) -> None:
    assert Spelling.of(one).text == Spelling.of(other).text


@pytest.mark.parametrize(("one", "other"), SAME_BUT_FOR_CASE)
def test_case_is_folded_in_every_script(one: str, other: str) -> None:
    assert Spelling.of(one, any_case=True).text == Spelling.of(other, any_case=True).text
    assert word_set(one) == word_set(other)


@pytest.mark.parametrize("any_case", [False, True])
def test_a_spelling_knows_where_its_characters_stand(any_case: bool) -> None:
    text = "".join([*PIECES, *SCRIPT_PIECES, *(word for pair in SAME_BUT_FOR_CASE for word in pair)])
    for each in (text, unicodedata.normalize("NFD", text), text.replace(" ", "\n")):
        spelling = Spelling.of(each, any_case=any_case)
        places = [spelling.original(at) for at in range(len(spelling.text) + 1)]
        assert places == sorted(places) and places[-1] == len(each)
        assert all(spelling.original(spelling.here(place)) == place for place in places)
    spelling = Spelling.of("x cafe\u0301 y", any_case=any_case)
    at = spelling.text.index("café")
    assert (spelling.original(at), spelling.original(at + 4)) == (2, 7)


def test_letters_that_differ_stay_apart() -> None:
    texts = ["й", "и", "é", "e", "ガ", "カ", "ß", "b", "Σ", "σ"]
    assert len({Spelling.of(text).text for text in texts}) == len(texts)


def test_time_grows_with_the_length() -> None:
    def seconds(times: int) -> float:
        began = time.process_time()
        Spelling.of("น้ำ e\u0301 ＡＢ ferry " * times)
        return time.process_time() - began

    small, large = seconds(2_000), seconds(20_000)
    assert large < 40 * small + 0.5
