"""What a word is, and what an identifier: a name that a query spells out as it stands in the text.

Two spellings are one where Unicode calls their characters compatible: composed or not, wide or narrow, digits
of any script. What nobody sees parts no words, and vowel points may be left out.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np
import regex

from longattncomp_cli.core.text.arrays import IntArray

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


# Joiners, soft hyphens, marks of order, selectors of a variant; the stretch of Arabic, its vowel points and
# those of Hebrew.
_UNSEEN = (
    r"\u00ad\u034f\u0591-\u05bd\u05bf\u05c1\u05c2\u061c\u0640\u064b-\u0652\u0670\u180b-\u180f\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef"
)
_DROPPED = re.compile(f"[{_UNSEEN}]")
_FOREIGN_DIGIT = regex.compile(r"[\p{Nd}--[0-9]]", regex.V1)
_WHOLE_LINE = re.compile(r"[^\n]*\n?")
# What may be written in another way: outside of ASCII, or with a mark on it.
_FAR_CLUSTER = regex.compile(r"(?=[^\x00-\x7f]|.[^\x00-\x7f])\X")


@dataclass(frozen=True, eq=False)
class Spelling:
    """A text as its words are compared, and where its characters stand in the text itself.

    Attributes:
        text: the characters.
        places: (N + 1,) of each its offset in the original, ascending, and the original's length; ``None``
            where all stand where they stood.
    """

    text: str
    places: IntArray | None = None

    @classmethod
    def of(cls, text: str, *, any_case: bool = False) -> Spelling:
        """The spelling of a text; with ``any_case`` without capitals, as Unicode folds them."""
        if text.isascii():
            return cls(text.lower() if any_case else text)
        parts: list[str] = []
        places: list[IntArray] = []
        for line in _WHOLE_LINE.finditer(text):
            plain, own = _spelt(line[0], any_case=any_case)
            parts.append(plain)
            places.append(own + line.start())
        all_places = np.append(np.concatenate(places), len(text))
        is_unmoved = np.array_equal(all_places, np.arange(len(text) + 1))
        return cls("".join(parts), None if is_unmoved else all_places)

    def original(self, at: int) -> int:
        """Where a character of this spelling stands in the text itself."""
        return at if self.places is None else int(self.places[at])

    def here(self, offset: int) -> int:
        """The first character of this spelling that stands at or behind an offset in the text itself."""
        return offset if self.places is None else int(np.searchsorted(self.places, offset))

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The same of a range."""
        return self.here(start), self.here(end)


def _spelt(line: str, *, any_case: bool) -> tuple[str, IntArray]:
    """A line's spelling, and of each of its characters the offset in the line."""
    folded = _without_case(line) if any_case else line
    is_plain = line.isascii() or not (
        not unicodedata.is_normalized("NFKC", line) or _DROPPED.search(line) or _FOREIGN_DIGIT.search(line)
    )
    if is_plain and len(folded) == len(line):
        return folded, np.arange(len(line), dtype=np.int64)
    parts: list[str] = []
    places = array("q")
    at = 0
    for cluster in _FAR_CLUSTER.finditer(line):
        start, end = cluster.span()
        own = _spelt_cluster(cluster[0], any_case=any_case)
        parts += (line[at:start].lower() if any_case else line[at:start], own)
        places.extend((*range(at, start), *[start] * len(own)))
        at = end
    parts.append(line[at:].lower() if any_case else line[at:])
    places.extend(range(at, len(line)))
    return "".join(parts), np.array(places, dtype=np.int64)


@lru_cache(maxsize=4_096)
def _spelt_cluster(cluster: str, *, any_case: bool) -> str:
    plain = unicodedata.normalize("NFKC", _DROPPED.sub("", cluster))
    plain = _FOREIGN_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), plain)
    return unicodedata.normalize("NFKC", _without_case(plain)) if any_case else plain


def _without_case(text: str) -> str:
    """Folded as Unicode does, and a Turkish i with a dot or without one as any other."""
    return text.casefold().replace("i\u0307", "i").replace("ı", "i")


def word_set(text: str) -> frozenset[str]:
    """The words and numbers of three letters and more, in one spelling without capitals."""
    words = WORD.findall(Spelling.of(text, any_case=True).text)
    return frozenset(word for word in words if len(word) >= _FEWEST_LETTERS)


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
