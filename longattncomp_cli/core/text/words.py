"""What a word is, and what an identifier: a name that a query spells out as it stands in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

WORD = re.compile(r"\w+")
"""Letters, digits and underscores."""
_WORD_OR_SIGN = re.compile(r"\w+|[^\w\s]")
_LONGEST_LOOK_BACK = 100
_FEWEST_LETTERS = 3

MAX_IDENTIFIERS = 64
_LONGEST_IDENTIFIER = 200
_JOINED_WORDS = re.compile(r"\w+(?:(?:[.:/-]|::|->)\w+)*")
_QUOTED = re.compile(r"`([^`\n]{1,200})`")
_IDENTIFIER = re.compile(
    r"^_+\w|\w_+\w"  # _create, iter_modules
    r"|[a-z][A-Z]"  # ShareableList
    r"|(?=.*\d)(?=.*[A-Za-z])"  # sha256, RFC-2616, a UUID
    r"|\w(?:\.|::|->)\w"  # os.path, config.json, std::move
)
_QUOTED_TEXT = re.compile(r"[\"“„«]([^\"“”„«»\n]{1,200})[\"”“»]|(?<!\w)['‘]([^'‘’\n]{2,200})['’](?!\w)")
_NUMBER = re.compile(r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?(?!-?\w)")
_CAPITALISED = r"[^\W\d_a-zµß-öø-ÿ][\w'’&-]*\.?"
_BETWEEN = r"(?:(?:of|de|la|van|von|der|du|di|&|\d+) ){0,2}?"
_KEY = re.compile(rf"{_CAPITALISED}(?: {_BETWEEN}{_CAPITALISED}| \d+\b)*")
_MOST_KEY_WORDS = 8
_NAME_LIKE = re.compile(r"[\dA-Z_]")


def word_set(text: str) -> frozenset[str]:
    """The words and numbers of three letters and more, in lower case."""
    return frozenset(word for word in WORD.findall(text.casefold()) if len(word) >= _FEWEST_LETTERS)


def by_word(text: str, starts: Sequence[int]) -> Iterator[tuple[tuple[int, int], list[int]]]:
    """Runs of tokens that lie in one word: its characters, and the tokens' numbers.

    Args:
        text: the text.
        starts: where its tokens begin, ascending; below 0 for a token of a title.
    """
    for span, run in groupby(range(len(starts)), key=lambda number: word_at(text, starts[number])):
        yield span, list(run)


def word_at(text: str, start: int) -> tuple[int, int]:
    """The characters of the word that holds ``text[start]``; -1 twice for a token of a title."""
    if start < 0:
        return -1, -1
    begin = start
    while begin > 0 and text[begin - 1].isalnum() and text[begin].isalnum():
        if start - begin >= _LONGEST_LOOK_BACK:
            break
        begin -= 1
    match = _WORD_OR_SIGN.match(text, begin)
    return match.span() if match else (start, start + 1)


def query_identifiers(query: str) -> list[str]:
    """The identifiers in a query, in order, each once; at most ``MAX_IDENTIFIERS``.

    Identifiers are: what stands between backticks; words with an underscore, an inner capital, letters and
    digits, or parts joined by dots or ``::``; and words joined by hyphens, which count where they are rare.
    """
    found = [(m.start(1), m.group(1).strip()) for m in _QUOTED.finditer(query)]
    words = ((m.start(), m.group()) for m in _JOINED_WORDS.finditer(query))
    found += [
        (start, word)
        for start, word in words
        if len(word) <= _LONGEST_IDENTIFIER and (_IDENTIFIER.search(word) or "-" in word)
    ]
    return list(dict.fromkeys(name for _, name in sorted(found) if name))[:MAX_IDENTIFIERS]


def query_keys(query: str) -> list[list[str]]:
    """What a query may call a row by: each thing with the spellings to look for, the likeliest first.

    Numbers, with and without commas; what stands in quotes; and runs of capitalised words, from the whole
    run down to its single words. Most of the last begin a sentence or are names of other things: they count
    only where a table has them in a cell.
    """
    found = [(m.start(), [(m.group(1) or m.group(2)).strip()]) for m in _QUOTED_TEXT.finditer(query)]
    for number in _NUMBER.finditer(query):
        bare = number.group().rstrip(",").replace(",", "")
        whole, _, decimals = bare.partition(".")
        grouped = f"{int(whole):,}" + (f".{decimals}" if decimals else "")
        found.append((number.start(), [number.group().rstrip(","), bare, grouped]))
    for run in _KEY.finditer(query):
        words = run.group().split()[:_MOST_KEY_WORDS]
        parts = [
            " ".join(words[first : first + length])
            for length in range(len(words), 0, -1)
            for first in range(len(words) - length + 1)
        ]
        found.append((run.start(), [part.rstrip(".") for part in parts if part != part.lower()]))
    unique = (list(dict.fromkeys(spelling for spelling in each if spelling)) for _, each in sorted(found))
    return [spellings for spellings in unique if spellings][:MAX_IDENTIFIERS]


def lower_words(query: str) -> list[str]:
    """Words of a query that may be the name of a row though nothing shows that they are names: ``ospf``."""
    words = (word for word in WORD.findall(query) if len(word) > 1 and word.islower() and word.isalpha())
    return list(dict.fromkeys(words))[:MAX_IDENTIFIERS]


def is_compound(name: str, query: str) -> bool:
    """Whether an identifier is only words joined by hyphens."""
    return "-" in name and not _IDENTIFIER.search(name) and f"`{name}`" not in query


def is_name_like(word: str) -> bool:
    """Whether a word has a digit, a capital or an underscore: it stands in a text as it is, or not at all."""
    return _NAME_LIKE.search(word) is not None


def is_word_character(character: str) -> bool:
    """Whether a character is a letter, a digit or an underscore."""
    return character.isalnum() or character == "_"


def name_places(text: str, name: str, start: int, end: int) -> Iterator[int]:
    """Where a name begins in ``text[start:end]``, no letter, digit or underscore being joined to it."""
    at = text.find(name, start, end)
    while at >= 0:
        after = at + len(name)
        joined_before = at > 0 and is_word_character(text[at - 1]) and is_word_character(name[0])
        joined_after = after < len(text) and is_word_character(text[after]) and is_word_character(name[-1])
        if not joined_before and not joined_after:
            yield at
        at = text.find(name, at + 1, end)
