"""Find what stands word for word in text that was kept before, whatever its case, line ends and times.

Words are compared by their letters and digits without regard to case, numbers with their sign and decimals.
White space, common punctuation and the time that a line of a log begins with say nothing. A copy is a run of
words that stands in one kept place in the same order without a gap: another number or name ends it.

Shapes: N words of all texts.
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from longattncomp_cli.core.text.arrays import Int32Array, IntArray
from longattncomp_cli.core.text.spans import SourceSpan

SHORTEST_RUN = 8
"""Words; fewer in a row are a phrase, not a copy."""
_DOUBLINGS = 3  # 2 ** 3 words are SHORTEST_RUN
_MOST_PLACES = 16
"""Kept places that are tried for each run."""
_TIME = (
    r"(?m:^[\[(<\"]?(?:\d{4}[-/.]\d\d[-/.]\d\d[T ]+|[A-Z][a-z]{2} {1,2}\d{1,2} )?\d\d:\d\d(?::\d\d)?"
    r"(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?[\])>\"]?(?=[ \t]))"
)
_NUMBER = r"(?:(?<![\w)])[-+−])?\d+(?:[.,:/]\d+)+(?!\w)|(?:(?<![\w)])[-+−])?\d\w*"
_WORDS = re.compile(rf"(?P<time>{_TIME})|{_NUMBER}|\w+|[^\w\s.,;:!?'\"“”‘’«»…()\[\]{{}}*#>|–—•·-]")
_CODE_WORDS = re.compile(r"(?P<time>(?!))|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Run:
    """Words that stand elsewhere too.

    Attributes:
        start, end: the words' numbers.
        place: the number of the first of the words that they repeat.
    """

    start: int
    end: int
    place: int

    @property
    def num_words(self) -> int:
        """Words of the run."""
        return self.end - self.start


class WordRuns:
    """The words of several texts, and which runs of them stand in several places.

    Time and memory are linear in the words; nothing is random.

    Args:
        texts: ranges of texts, as (text, start, end).
        is_code: of each, whether every sign counts.
    """

    def __init__(self, texts: Sequence[tuple[str, int, int]], is_code: Sequence[bool]) -> None:
        """Number the words and all runs of ``SHORTEST_RUN`` words."""
        numbers: dict[str, int] = {}
        ids, starts = array("i"), array("i")  # half of the memory of 8 bytes a number
        self.bounds = [0]
        for number, (text, start, end) in enumerate(texts):
            pattern = _CODE_WORDS if is_code[number] else _WORDS
            for match in pattern.finditer(text, start, end):
                if match.lastgroup != "time":
                    starts.append(match.start())
                    ids.append(numbers.setdefault(match[0].casefold(), len(numbers)))
            ids.append(-1 - number)  # like no word: no run goes on from one text to the next
            starts.append(end)
            self.bounds.append(len(ids))
        self.ids_N = np.frombuffer(ids, dtype=np.int32)
        self.starts_N = np.frombuffer(starts, dtype=np.int32)
        self.runs_N, self.num_runs = _numbered_runs(self.ids_N)
        self.repeats_N = np.bincount(self.runs_N, minlength=self.num_runs)[self.runs_N] > 1
        self.before_N = _places_before(self.runs_N)

    def words_of(self, spans: Sequence[SourceSpan]) -> IntArray:
        """(S, 2) the numbers of the first word that begins in each range, and of the first one behind it."""
        numbers_S2 = np.zeros((len(spans), 2), dtype=np.int64)
        spans_S3 = np.array(spans, dtype=np.int64).reshape(-1, 3)
        for source in np.unique(spans_S3[:, 0]).tolist():
            low, high = self.bounds[source], self.bounds[source + 1] - 1
            own = spans_S3[:, 0] == source
            places = spans_S3[own, 1:].astype(np.int32)  # of another type than theirs all starts are copied
            numbers_S2[own] = low + np.searchsorted(self.starts_N[low:high], places)
        return numbers_S2


class CopyFinder:
    """Which words were kept, and what of others stands there.

    Args:
        words: of the texts; not changed, so several may share them.
    """

    def __init__(self, words: WordRuns) -> None:
        """Nothing is kept yet."""
        self._words = words
        self._ids_N, self._runs_N = words.ids_N, words.runs_N
        self._is_kept_N = np.zeros(len(self._ids_N), dtype=np.bool_)
        self._is_known = np.zeros(words.num_runs, dtype=np.bool_)
        self._places: defaultdict[int, list[int]] = defaultdict(list)

    @property
    def has_repeats(self) -> bool:
        """Whether any ``SHORTEST_RUN`` words stand in two places."""
        return bool(self._words.repeats_N.any())

    def words(self, low: int, high: int) -> tuple[int, ...]:
        """What stands at these numbers, comparable."""
        return tuple(self._ids_N[low:high].tolist())

    def offset(self, word: int) -> int:
        """The character at which a word begins; the end of its text behind the last."""
        return int(self._words.starts_N[word])

    def keep(self, low: int, high: int) -> None:
        """Say that these words are kept."""
        self._is_kept_N[low:high] = True
        words = low + np.flatnonzero(self._words.repeats_N[low:high])
        runs = self._runs_N[words]
        self._is_known[runs] = True
        for word, run in zip(words.tolist(), runs.tolist(), strict=True):
            places = self._places[run]
            if len(places) < _MOST_PLACES:
                places.append(word)

    def runs(self, low: int, high: int) -> list[Run]:
        """The runs of these words that stand in what is kept, or before them in the same range; in order.

        Of several kept places the one with the longest run counts, and of those the one kept first.
        """
        found: list[Run] = []
        at = low
        last = max(low, high - SHORTEST_RUN + 1)
        runs_N = self._runs_N[low:last]
        is_own_N = self._words.before_N[low:last] >= low
        for word in (low + np.flatnonzero(self._is_known[runs_N] | is_own_N)).tolist():
            if word < at:
                continue
            run = int(self._runs_N[word])
            own = [low + int(np.argmax(runs_N == run))] if is_own_N[word - low] else []
            best = self._longest(word, high, [*self._places.get(run, ()), *own], low)
            if best.num_words >= SHORTEST_RUN:
                found.append(best)
                at = best.end
        return found

    def _longest(self, word: int, high: int, places: Sequence[int], low: int) -> Run:
        """The longest run from a word on that stands at one of these places, of equals at the first."""
        place_P = np.array([place for place in places if place != word], dtype=np.int64)
        if not len(place_P):
            return Run(word, word, word)
        # Behind the last text's end stands nothing that a word is equal to.
        at_PN = np.minimum(place_P[:, None] + np.arange(high - word), len(self._ids_N) - 1)
        same_PN = self._ids_N[at_PN] == self._ids_N[word:high]
        is_own_P = (low <= place_P) & (place_P < word)
        same_PN &= self._is_kept_N[at_PN] | is_own_P[:, None]
        length_P = np.where(same_PN.all(axis=1), high - word, same_PN.argmin(axis=1))
        best = int(length_P.argmax())
        return Run(word, word + int(length_P[best]), int(place_P[best]) if length_P[best] else word)


def _places_before(runs_N: Int32Array) -> Int32Array:
    """(N,) the word before each one that begins the same run; -1 where there is none."""
    order_N = np.argsort(runs_N, kind="stable")
    before_N = np.full(len(runs_N), -1, dtype=np.int32)
    is_same = runs_N[order_N[1:]] == runs_N[order_N[:-1]]
    before_N[order_N[1:][is_same]] = order_N[:-1][is_same]
    return before_N


def _numbered_runs(ids_N: Int32Array) -> tuple[Int32Array, int]:
    """(N,) a number for the ``SHORTEST_RUN`` words from each one on, equal where they are, and how many.

    Exact, by doubling: the number of a pair, of a pair of pairs, and so on.
    """
    runs_N = _numbered(ids_N)
    for doubling in range(_DOUBLINGS):
        step = 2**doubling
        pairs_N = runs_N * np.int64(len(runs_N) + 1)
        pairs_N[:-step] += runs_N[step:] + 1
        runs_N = _numbered(pairs_N)
    return runs_N, int(runs_N.max(initial=-1)) + 1


def _numbered(keys_N: Int32Array | IntArray) -> Int32Array:
    """(N,) the place of each key among the distinct ones."""
    return np.unique(keys_N, return_inverse=True)[1].astype(np.int32)


_KEY = re.compile(r"[ \t]*(?:[-*] )?([A-Za-z_\"'][\w.\"' -]{0,40}?)[ \t]*[:=](?:\s|$)")
_CELLS = re.compile(r"\S(?:[ \t]*\|[ \t]*|\t| {2,}|[,;](?=\S))(?=\S)")
_FEWEST_KEYS = 3


def is_record_like(text: str) -> bool:
    """Whether most lines are rows of a table, or fields with names of their own.

    Rows and records look alike and differ in a value, or stand for different things with equal values.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    keys = [match[1].strip("\"' ").casefold() for match in map(_KEY.match, lines) if match]
    different = len(set(keys))
    if different >= _FEWEST_KEYS and 2 * different >= len(lines):
        return True
    rows = sum(line.startswith("|") or len(_CELLS.findall(line)) >= 2 for line in lines)
    return bool(lines) and 2 * rows > len(lines)
