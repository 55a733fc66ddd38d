"""What a decoder reads before the query, token by token, and how it is cut where it is too long.

Shapes: T all tokens before the query.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from longattncomp_cli.core.backbones.decoder.text import DecoderText
from longattncomp_cli.core.chunking.chunks import ContextTokens

# Of a segment, the share that it has in common with the one before it.
_OVERLAP = 8


@dataclass(frozen=True)
class PromptLayout:
    """What ``full`` reads before the query.

    Attributes:
        ids: (T,) token ids.
        chunk_index: (T,) each token's chunk; -1: none.
        token_index: (T,) its index among the tokens of its source; -1: none, or in a title.
        instruction: where the instruction stands.
        num_opening: tokens before the first source.
    """

    ids: np.ndarray
    chunk_index: np.ndarray
    token_index: np.ndarray
    instruction: slice
    num_opening: int

    def segments(self, capacity: int) -> list[PromptLayout]:
        """Parts of at most ``capacity`` tokens and about equal length, each with the opening.

        Raises:
            ValueError: the opening leaves no room.
        """
        if len(self.ids) <= capacity:
            return [self]
        room = capacity - self.num_opening
        overlap = room // _OVERLAP
        if overlap < 1:
            raise ValueError
        length = len(self.ids) - self.num_opening
        count = -(-(length - overlap) // (room - overlap))
        size = -(-(length + (count - 1) * overlap) // count)
        return [self._segment(number * (size - overlap), size, overlap) for number in range(count)]

    def _segment(self, start: int, size: int, overlap: int) -> PromptLayout:
        """The opening and ``size`` tokens; the first ``overlap`` count in the segment before."""
        head = self.num_opening
        taken = slice(head + start, head + start + size)
        ids, chunk_index, token_index = (
            np.concatenate([part[:head], part[taken]])
            for part in (self.ids, self.chunk_index, self.token_index)
        )
        if start:
            chunk_index[head : head + overlap] = -1
        return PromptLayout(ids, chunk_index, token_index, self.instruction, head)


def prompt_layout(text: DecoderText, context: ContextTokens, instruction: str) -> PromptLayout:
    """The frame's opening, the instruction and each source, with the frame's separator between them."""
    parts = [_frame(text.opening)]
    instruction_ids: Sequence[int] = ()
    if instruction.strip():
        instruction_ids = text.tokenize([instruction])[0].ids.tolist()
        parts += [_frame(instruction_ids), _frame(text.between)]
    num_opening = sum(len(part[0]) for part in parts)
    for source, title in zip(context.sources, context.titles, strict=True):
        first = source.chunks[0].index
        chunk_index = np.repeat([chunk.index for chunk in source.chunks], np.diff(source.bounds))
        parts.append((np.array(title), np.full(len(title), first), np.full(len(title), -1)))
        parts.append((source.tokens.ids, chunk_index, np.arange(len(chunk_index))))
        parts.append(_frame(text.between))
    ids, chunk_index, token_index = (
        np.concatenate(part).astype(np.int64) for part in zip(*parts, strict=True)
    )
    start = len(text.opening)
    return PromptLayout(
        ids, chunk_index, token_index, slice(start, start + len(instruction_ids)), num_opening
    )


def _frame(ids: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids, chunks and token indices of tokens that belong to no source."""
    nothing = np.full(len(ids), -1)
    return np.array(ids, dtype=np.int64), nothing, nothing
