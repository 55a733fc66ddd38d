"""What a reader of the output should be warned of: nothing found, text unread, a query guessed."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePath

from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.pointers import corrections_left_out, entry_asked
from longattncomp_cli.core.selection.select import Selection
from longattncomp_cli.core.text.boundaries import sentence_starts, word_starts
from longattncomp_cli.core.text.order_words import order_asked, place_asked
from longattncomp_cli.core.text.words import Spelling

LOW_CONFIDENCE = 0.3
"""Chosen on training questions, half of them answerable: this doubts one in twenty of those, and three in
four of the others."""
MOST_DROPPED = 0.5
"""A source that the query names is expected to keep at least the rest of this share."""
MOST_UNKNOWN = 0.2
"""Above this share of unknown tokens a text counts as one that the backbone cannot read."""
_FEWEST_NAME_CHARS = 4
_FEWEST_WORDS = 8
_MOST_LINES_NAMED = 3
_MOST_FOLDED_NAMED = 3
_GUESSED_LAYOUTS = ("tail", "last-paragraph", "first-paragraph")


@dataclass(frozen=True, slots=True)
class ResultWarning:
    """One warning: a stable code, and a sentence."""

    code: str
    message: str


def find_warnings(
    request: Request,
    scores: ChunkScores,
    selection: Selection | None = None,
    unmatched: tuple[str, ...] = (),
) -> tuple[ResultWarning, ...]:
    """The warnings about one request.

    Args:
        request: what was asked of what.
        scores: with a confidence, where the checkpoint has a sink.
        selection: what was kept, where a choice was made.
        unmatched: the user's rules that hold nothing, each as a sentence.
    """
    found = [ResultWarning("keep-no-match", sentence) for sentence in unmatched]
    if request.num_repaired:
        sentence = f"{request.num_repaired:,} halves of characters (lone surrogates) became U+FFFD"
        found.append(ResultWarning("lone-surrogates", sentence))
    folded = [source for source in request.sources if source.view is not None and source.view.is_folded]
    for source in folded[:_MOST_FOLDED_NAMED]:
        assert source.view is not None
        sentence = f"{source.name or 'the context'}: read as {source.view.what}"
        found.append(ResultWarning("data-folded", sentence))
    if len(folded) > _MOST_FOLDED_NAMED:
        sentence = f"{len(folded) - _MOST_FOLDED_NAMED:,} more texts are read without data in them"
        found.append(ResultWarning("data-folded", sentence))
    if scores.confidence is not None and scores.confidence < LOW_CONFIDENCE:
        sentence = f"confidence {scores.confidence:.2f}: the context may hold no answer to the query"
        found.append(ResultWarning("low-confidence", sentence))
    if request.query_parser.rpartition("+")[2].rpartition(":")[2] in _GUESSED_LAYOUTS:
        sentence = f"the query was guessed ({request.query_parser}): pass it with -q/--query to be sure"
        found.append(ResultWarning("guessed-query", sentence))
    if scores.unknown_share > MOST_UNKNOWN:
        sentence = (
            f"the backbone cannot read {scores.unknown_share:.0%} of the text, for want of its script: "
            "words are matched as they are spelt"
        )
        found.append(ResultWarning("unread-script", sentence))
    asked = order_asked(request.query)
    words = asked[1] if asked is not None else place_asked(request.query)
    if words and entry_asked(request) is None:
        sentence = f"the query asks for {words!r}: position and order in time are not judged, only wording"
        found.append(ResultWarning("order-words", sentence))
    if selection is not None:
        found += _dropped_sources(request, selection)
        found += _corrections_left_out(request, scores, selection)
        found += _fragments(request, selection)
    return tuple(found)


def _corrections_left_out(request: Request, scores: ChunkScores, selection: Selection) -> list[ResultWarning]:
    """Later passages that take back something of what is kept, and did not fit."""
    places = corrections_left_out(scores, request, selection.kept)
    lines = ", ".join(
        f"line {request.sources[number].line_of(start)}"
        + (f" of {request.sources[number].name!r}" if len(request.sources) > 1 else "")
        for number, start, _ in places[:_MOST_LINES_NAMED]
    )
    if not places:
        return []
    sentence = f"what is kept seems to be corrected in {lines}, which is left out: a larger budget holds both"
    return [ResultWarning("correction-left-out", sentence)]


def _fragments(request: Request, selection: Selection) -> list[ResultWarning]:
    """All that is kept is the first words of a sentence or line."""
    if not selection.kept or not selection.kept[-1].is_cut:
        return []
    texts = [request.sources[span.chunk.source].text for span in selection.kept]
    parts = (text[span.start : span.end].strip() for text, span in zip(texts, selection.kept, strict=True))
    num_words = sum(len(word_starts(part)) + 1 for part in parts if part)
    last, text = selection.kept[-1], texts[-1]
    rest = text[last.end : last.chunk.end]
    goes_on = len(rest) - len(rest.lstrip())
    is_whole = "\n" in rest[:goes_on] or (
        last.end + goes_on - last.start in sentence_starts(text[last.start : last.chunk.end])
    )
    if num_words >= _FEWEST_WORDS or not rest.strip() or is_whole:
        return []
    words = "1 word" if num_words == 1 else f"{num_words} words" if num_words else "no word"
    sentence = (
        f"the budget holds {words} of the best passage, and no whole sentence or line: a larger one does"
    )
    return [ResultWarning("fragment", sentence)]


def _dropped_sources(request: Request, selection: Selection) -> list[ResultWarning]:
    """Sources that the query names and of which most was dropped."""
    if len(request.sources) < 2:
        return []
    kept: Counter[int] = Counter()
    for span in selection.kept:
        kept[span.chunk.source] += span.end - span.start
    found = []
    for number, source in enumerate(request.sources):
        dropped = 1 - kept[number] / max(1, source.context_span.num_chars)
        name = _name_in(source, request.query) if dropped > MOST_DROPPED else ""
        if name:
            sentence = f"the query names {name!r}, of which {dropped:.0%} was dropped"
            found.append(ResultWarning("dropped-source", sentence))
    return found


def _name_in(source: Source, query: str) -> str:
    """The file name or title by which the query calls the source, or ``""``."""
    file_name = PurePath(source.name).name if len(source.name) < 1_000 else ""
    for name in (source.title, file_name if PurePath(file_name).suffix else ""):
        if len(name) >= _FEWEST_NAME_CHARS and _is_mentioned(name, query):
            return name
    return ""


def _is_mentioned(name: str, query: str) -> bool:
    """A title of one word is often a plain word too: it must be written alike."""
    name, query = Spelling.of(name).text, Spelling.of(query).text
    flags = re.IGNORECASE if re.search(r"\W", name) else 0
    return bool(name) and re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", query, flags) is not None
