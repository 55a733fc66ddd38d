"""Text from kept places: what a report's rows hold is enough to make it again."""

from __future__ import annotations

from collections.abc import Sequence

from longattncomp_cli.benchmark.items import Item
from longattncomp_cli.core.assembly import Renderer
from longattncomp_cli.core.tokenization import BackboneTokenizer


def rendered(item: Item, places: Sequence[Sequence[int]], separator: str) -> str:
    """The text that a selection of these places prints, as the renderer of all commands joins it.

    Args:
        item: whose context it is.
        places: ``(source, start, end)`` in source order, neighbours merged.
        separator: between places that were not neighbours.
    """
    request = item.request
    renderer = Renderer(request, (), separator, BackboneTokenizer(lambda texts: [0] * len(texts)))
    parts = [request.prefix]
    previous: Sequence[int] | None = None
    for place in places:
        source, start, end = place
        if previous is not None:
            ends_source = previous[2] == request.sources[previous[0]].context.end
            begins_source = start == request.sources[source].context.start
            if source == previous[0] + 1 and ends_source and begins_source:
                parts.append(renderer.source_gap(previous[0]))
            else:
                parts.append(separator)
        parts.append(request.sources[source].text[start:end])
        previous = place
    return "".join([*parts, request.suffix])
