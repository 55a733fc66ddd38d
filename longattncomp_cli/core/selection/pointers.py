"""What the best chunks point to rises directly behind them: "see section 9.2", "Table 3", ``[x](#calm)``.

So does what corrects them ("Erratum: …").

So does, before all, the newest or oldest entry of a changelog or diary where the query asks for it. Only the
few best chunks are followed, and no further: what the target points to stays where it is. So the order is the
same at every budget, and a larger one keeps a superset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from longattncomp_cli.core.assembly.kept_spans import ChunkMap, KeptSpan, chunk_map
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.cutting import FindStart
from longattncomp_cli.core.text.arrays import IntArray
from longattncomp_cli.core.text.order_words import Entry, end_of_order, entries, order_asked
from longattncomp_cli.core.text.pointers import pointers, targets
from longattncomp_cli.core.text.references.by_name import named_pointers, named_targets
from longattncomp_cli.core.text.references.by_place import asks_for_place, item_asked
from longattncomp_cli.core.text.references.corrections import Correction, corrections, corrects, sentence_end
from longattncomp_cli.core.text.spans import SourceSpan
from longattncomp_cli.core.text.structure.asked_lines import asked_words, matched
from longattncomp_cli.core.text.structure.kinds import CODE_KINDS, ENTRY_KINDS

BEST_CHUNKS = 2
"""Chunks whose pointers are followed."""
MOST_TARGETS = 2
"""Targets that one chunk raises; of more the best-scored."""
_FEWEST_ASKED = 2
"""Words of the query that a correction has which is kept with what it corrects."""


@dataclass(frozen=True)
class Pointed:
    """An order in which what is pointed to has risen.

    Attributes:
        order: all chunks, best first.
        raised: for each chunk that has risen, the chunk that points to it.
        starts: for each, the character at which the target begins.
    """

    order: IntArray
    raised: dict[int, int] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)

    def with_first(self, chunks: ChunkMap, place: SourceSpan) -> Pointed:
        """The same with the chunk that holds a place before all others, and entered there."""
        (part,) = chunks.split_by_chunk(*place)
        index, best = part.chunk.index, int(self.order[0])
        order = np.concatenate([[index], self.order[self.order != index]])
        return Pointed(order, {**self.raised, index: best}, {**self.starts, index: place.start})

    def focus(self, focus: FindStart) -> FindStart:
        """A focus that finds the target in a chunk that has risen."""
        return lambda chunk: self.starts[chunk.index] if chunk.index in self.starts else focus(chunk)


def entry_asked(request: Request) -> SourceSpan | None:
    """The entry, item or row that the query asks for by its place in time or order; its first character.

    ``None`` where it asks for none, or where not exactly one source has it.
    """
    asked = order_asked(request.query)
    if asked is None:
        return request.once(("item asked", request.query), lambda: _item_asked(request))
    ordered = request.once("entries", lambda: _ordered_entries(request.sources))
    if len(ordered) != 1:
        return request.once(("item asked", request.query), lambda: _item_asked(request))
    number, found = ordered[0]
    start = end_of_order(found, asked[0]).start
    return SourceSpan(number, start, start + 1)


def _item_asked(request: Request) -> SourceSpan | None:
    if not asks_for_place(request.query):
        return None
    found = [
        (number, item_asked(source.text, source.context_span, source.structure, request.query))
        for number, source in enumerate(request.sources)
        if source.kind not in CODE_KINDS
    ]
    places = [SourceSpan(number, at, at + 1) for number, at in found if at is not None]
    return places[0] if len(places) == 1 else None


def _ordered_entries(sources: Sequence[Source]) -> list[tuple[int, list[Entry]]]:
    """The sources that entries order, by number, and the entries."""
    found = enumerate(entries(source.text, *source.context_span) for source in sources)
    return [(number, own) for number, own in found if own]


def raise_entry(pointed: Pointed, scores: ChunkScores, request: Request) -> Pointed:
    """Put the chunk with the entry that is asked for before all others."""
    place = entry_asked(request)
    if place is None:
        return pointed
    return pointed.with_first(chunk_map(request, scores.chunks), place)


def follow_pointers(scores: ChunkScores, request: Request) -> Pointed:
    """Raise what the best chunks point to.

    Args:
        scores: of every chunk.
        request: theirs; a pointer is followed within its source, else to the only other that has a target.
    """
    places = _Places(
        request.sources,
        _targets(request),
        chunk_map(request, scores.chunks),
    )
    order = scores.order.tolist()
    raised: dict[int, int] = {}
    starts: dict[int, int] = {}
    for index in order[:BEST_CHUNKS]:
        chunk = scores.chunks[index]
        found = {each.index: at for each, at in places.of(chunk) if each.index not in (index, *raised)}
        best = sorted(found, key=lambda each: (-scores.scores[each], each))[:MOST_TARGETS]
        for each in best:
            if scores.ranks[each] > scores.ranks[index]:
                raised[each], starts[each] = index, found[each]
    if not raised:
        return Pointed(scores.order)
    new: list[int] = []
    waiting = [index for index in order[::-1] if index not in raised]
    while waiting:  # a chunk that points may itself have risen behind a better one
        new.append(waiting.pop())
        waiting += [each for each, by in reversed(raised.items()) if by == new[-1]]
    return Pointed(np.array(new, dtype=np.int64), raised, starts)


def corrections_of_best(scores: ChunkScores, request: Request) -> dict[int, list[KeptSpan]]:
    """Of each of the best chunks the sentences that correct it in what the query asks for.

    They are kept with it, so that nothing but its own answer comes before them.
    """
    asked = asked_words(request.query)
    chunks = chunk_map(request, scores.chunks)
    found: dict[int, list[KeptSpan]] = {}
    for index in scores.order[:BEST_CHUNKS].tolist():
        chunk = scores.chunks[index]
        source = request.sources[chunk.source]
        if source.kind in CODE_KINDS | ENTRY_KINDS:
            continue
        for each in _targets(request).corrections[chunk.source]:
            end = sentence_end(source.text, each.start)
            if (
                each.start > chunk.start
                and len(matched(asked, source.text[each.start : end])) >= _FEWEST_ASKED
                and corrects(each, source.text, chunk.start, min(chunk.end, each.start))
            ):
                found.setdefault(index, []).extend(
                    chunks.split_by_chunk(chunk.source, each.start, end, "head")
                )
    return {index: spans[-MOST_TARGETS:] for index, spans in found.items()}


def corrections_left_out(scores: ChunkScores, request: Request, kept: Sequence[KeptSpan]) -> list[SourceSpan]:
    """What corrects something that is kept of the best chunks, and is not kept itself; first characters."""
    found: list[SourceSpan] = []
    best = set(scores.order[:BEST_CHUNKS].tolist())
    known = _targets(request).corrections
    for number, source in enumerate(request.sources):
        own = [span for span in kept if span.chunk.source == number]
        judged = [span for span in own if span.chunk.index in best]
        if not judged or source.kind in CODE_KINDS | ENTRY_KINDS:
            continue
        found += [
            SourceSpan(number, each.start, each.start + 1)
            for each in known[number]
            if not any(span.start <= each.start < span.end for span in own)
            and any(
                span.end <= each.start and corrects(each, source.text, span.start, span.end)
                for span in judged
            )
        ]
    return found


def _targets(request: Request) -> _Targets:
    return request.once("targets", lambda: _Targets(request.sources))


class _Targets:
    """What may be pointed to in some sources, and what corrects their text."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources

    @cached_property
    def by_source(self) -> list[dict[str, list[int]]]:
        """Of each source, the places that a pointer may name."""
        return [
            {
                **targets(source.text, *source.context_span),
                **named_targets(source.text, *source.context_span, _heading_lines(source)),
            }
            for source in self._sources
        ]

    @cached_property
    def names(self) -> frozenset[str]:
        """What pointers may name."""
        return frozenset(key for found in self.by_source for key in found)

    @cached_property
    def corrections(self) -> list[list[Correction]]:
        """Of each source."""
        return [corrections(source.text, *source.context_span) for source in self._sources]


@dataclass(frozen=True)
class _Places:
    """Finds the chunks that hold what a chunk points to."""

    sources: tuple[Source, ...]
    targets: _Targets
    chunk_map: ChunkMap

    def of(self, chunk: Chunk) -> Iterator[tuple[Chunk, int]]:
        """The chunks that hold what ``chunk`` points to or what corrects it, and where that begins."""
        text = self.sources[chunk.source].text
        own = text[chunk.start : chunk.end]
        keys = dict.fromkeys([*pointers(own), *named_pointers(own, self.targets.names)])
        places = [place for key in keys for place in self._place(chunk, key)]
        for each in self.targets.corrections[chunk.source]:
            if each.start >= chunk.end and corrects(each, text, chunk.start, chunk.end):
                places.append((chunk.source, each.start))
        for source, at in places:
            for part in self.chunk_map.split_by_chunk(source, at, at + 1):
                yield part.chunk, at

    def _place(self, chunk: Chunk, key: str) -> Iterator[tuple[int, int]]:
        own = self.targets.by_source[chunk.source].get(key)
        if own:
            if not any(chunk.start <= at < chunk.end for at in own):
                yield chunk.source, own[-1]
            return
        sources = enumerate(self.targets.by_source)
        others = [(number, found[key][-1]) for number, found in sources if key in found]
        if len(others) == 1:
            yield others[0]


def _heading_lines(source: Source) -> list[tuple[int, int]]:
    """The lines over sections; of records, rows and definitions of code none is pointed to by name."""
    if source.structure is None or source.kind in CODE_KINDS | ENTRY_KINDS:
        return []
    return [unit.heading for unit in source.structure.units if unit.heading is not None and not unit.leaf]
