"""Chats and transcripts: a unit is a turn, its head the speaker's name."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import quantiles

from longattncomp_cli.core.text.boundaries import sentence_starts
from longattncomp_cli.core.text.structure.units import Structure, Unit, build, heading_span

# "3/14/26, 9:05 PM - " and "[2026-03-14 21:05] ", as programs write them before a name.
_TIME = (
    r"\u200e?[\[(]?(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4},?[ T])?\d{1,2}:\d\d(?::\d\d)?"
    r"(?:[ \u202f][AaPp]\.?[Mm]\.?)?[\])]?(?: [-–])?[ \t]{1,3}"
)
# "Name:", "[00:12] Name:", "**Name**:", "<|im_start|>user": a short label at the beginning of a line.
_LABEL = re.compile(
    r"(?m)^(?:<\|im_start\|>(?P<role>\w{1,20})$"
    rf"|(?:{_TIME})?(?:[-*>] ?)?\*{{0,2}}"
    r"(?P<name>[^\W\d_][\w.'’-]{0,24}(?: [\w.'’()-]{1,24}){0,3})\*{0,2}(?: ?\([^)\n]{1,20}\))?:\*{0,2}(?=\s))"
)


_FEWEST_TURNS = 4
_SHARE_OF_PARAGRAPHS = 0.5
_SAMPLE_CHARS = 60_000
_LOG_LEVELS = frozenset(
    {"TRACE", "DEBUG", "INFO", "NOTE", "NOTICE", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL"}
)


_LONG_TURN_WORDS = 20
_LEAST_OPENNESS = 0.5
_FEWEST_KEYS = 3
_LEAST_KEY_OPENNESS = 0.2
_LONGEST_QUESTION = 300
_ASKED_SHARE = 0.7


def looks_like_chat(sample: str) -> bool:
    """Whether most paragraphs begin with a speaker's label, and speakers come back."""
    labels = Counter(found.group("role") or found.group("name") for found in _LABEL.finditer(sample))
    num_turns = sum(labels.values())
    num_paragraphs = len(re.findall(r"\n[ \t]*\n", sample)) + 1
    lines = sum(1 for line in sample.splitlines() if line.strip())
    blocks = min(lines, num_paragraphs if num_paragraphs > num_turns // 2 else lines)
    return (
        num_turns >= _FEWEST_TURNS
        and 2 <= len(labels) <= num_turns / 2
        and num_turns >= _SHARE_OF_PARAGRAPHS * blocks
        and not _is_of_fields(sample, len(labels))
    )


def _is_of_fields(sample: str, num_labels: int) -> bool:
    """Whether the labels are keys of records: three or more that always follow each other alike."""
    names = [found.group("role") or found.group("name") for found in _LABEL.finditer(sample)]
    return num_labels >= _FEWEST_KEYS and openness(names) < _LEAST_KEY_OPENNESS


def is_conversation(text: str) -> bool:
    """Whether a chat is people talking, rather than a log, a list of questions or of fields.

    Who speaks next is open, no speaker is a level of a log, and at times somebody speaks at length.
    """
    labels = list(_LABEL.finditer(text[:_SAMPLE_CHARS]))
    speakers = [label.group("role") or label.group("name") for label in labels]
    if len(labels) <= _FEWEST_TURNS or _LOG_LEVELS & {speaker.upper() for speaker in speakers}:
        return False
    num_words = [len(text[a.end() : b.start()].split()) for a, b in pairwise(labels)]
    return quantiles(num_words, n=20)[-1] >= _LONG_TURN_WORDS and openness(speakers) >= _LEAST_OPENNESS


def _asks_and_answers(text: str, labels: Sequence[re.Match[str]], turns: Sequence[Unit]) -> bool:
    """Whether two labels take strict turns, and most of the first one's are short questions."""
    names = [label.group("role") or label.group("name") for label in labels]
    if len(set(names)) != 2 or any(one == other for one, other in pairwise(names)):
        return False
    asked = sum(
        text[turn.end - 1] in "?？" and turn.end - turn.start <= _LONGEST_QUESTION for turn in turns[::2]
    )
    return asked >= _ASKED_SHARE * len(turns[::2])


def openness(speakers: Sequence[str]) -> float:
    """Bits of surprise in who follows whom: 0 where two, or the keys of a record, take strict turns."""
    pairs, firsts = Counter(pairwise(speakers)), Counter(speakers[:-1])
    return sum(n * math.log2(firsts[first] / n) for (first, _), n in pairs.items()) / (len(speakers) - 1)


def read(text: str) -> Structure:
    """Each turn from its label to the next; long ones may be cut at sentences."""
    labels = list(_LABEL.finditer(text))
    stops = [label.start() for label in labels[1:]] + [len(text)]
    units = []
    for label, stop in zip(labels, stops, strict=True):
        end = label.start() + len(text[label.start() : stop].rstrip())
        units.append(Unit(label.start(), end, (label.start(), label.end())))
    if _asks_and_answers(text, labels, units):
        pairs = zip(units[::2], units[1::2], strict=False)
        units += [Unit(a.start, b.end, heading_span(text, a.start, a.end), leaf=False) for a, b in pairs]
    return build("chat", units, sentence_starts(text).tolist())
