"""Where the newest result holds a name that the agent is after, it rises directly behind the best chunk."""

from __future__ import annotations

import numpy as np

from longattncomp_cli.core.assembly.kept_spans import chunk_map
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.pointers import Pointed
from longattncomp_cli.core.text.words import name_places

MOST_CHUNKS = 2
"""A name that stands in more chunks of the newest result leads nowhere."""
MOST_RAISED = 2


def raise_names(pointed: Pointed, scores: ChunkScores, request: Request) -> Pointed:
    """Raise the chunks that hold the names of :attr:`Request.names_after`, by the first of them."""
    after = request.names_after
    if after is None:
        return pointed
    places = chunk_map(request, scores.chunks)
    best = int(pointed.order[0])
    starts: dict[int, int] = {}
    for name in after.names:
        held: dict[int, int] = {}
        for number in after.sources:
            source = request.sources[number]
            for at in name_places(source.text, name, *source.context_span):
                (part,) = places.split_by_chunk(number, at, at + 1)
                held.setdefault(part.chunk.index, max(part.chunk.start, source.text.rfind("\n", 0, at) + 1))
                if len(held) > MOST_CHUNKS:
                    break
            if len(held) > MOST_CHUNKS:
                break
        for index, start in held.items() if len(held) <= MOST_CHUNKS else ():
            if index != best and len(starts) < MOST_RAISED:
                starts.setdefault(index, start)
    if not starts:
        return pointed
    rest = pointed.order[~np.isin(pointed.order, [best, *starts])]
    raised = {**pointed.raised, **dict.fromkeys(starts, best)}
    return Pointed(np.array([best, *starts, *rest], np.int64), raised, {**pointed.starts, **starts})
