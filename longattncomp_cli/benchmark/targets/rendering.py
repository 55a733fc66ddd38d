"""Text from kept places: what a report's rows hold is enough to make it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.core.assembly.kept_spans import KeptSpan
from longattncomp_cli.core.assembly.renderer import Renderer
from longattncomp_cli.core.budget.tokenizers import BackboneTokenizer
from longattncomp_cli.core.chunking.chunks import Chunk


def rendered(item: Item, places: Sequence[Sequence[int]], separator: str, *, unmarked: bool = False) -> str:
    """The text that a selection of these places prints, joined by the renderer of all commands.

    Args:
        item: whose context it is.
        places: ``(source, start, end)`` in source order, neighbours merged.
        separator: between places that were not neighbours.
        unmarked: whether there was no room for the mark of a cut.
    """
    kept = {(source, start) for source, start, _ in places}
    parts = tuple(_parts(item, places))
    renderer = Renderer(
        item.request,
        parts,
        separator,
        BackboneTokenizer(lambda texts: [0] * len(texts)),
        structures=tuple(source.structure for source in item.request.sources),
        cut_marks=not unmarked,
    )
    spans = [KeptSpan(part, part.start, part.end) for part in parts if (part.source, part.start) in kept]
    return renderer.render(spans)


def _parts(item: Item, places: Sequence[Sequence[int]]) -> Iterator[Chunk]:
    """Cut each source's context at the borders of what was kept."""
    index = 0
    for number, source in enumerate(item.request.sources):
        region = source.context_span
        edges = {region.start, region.end}
        edges |= {edge for at, start, end in places if at == number for edge in (start, end)}
        for start, end in pairwise(sorted(edges)):
            yield Chunk(index, number, start, end, 0)
            index += 1
