"""How much of a growing conversation is decided anew: its newest part stays whole while it is small.

A provider caches the beginning of a prompt that does not change. So decisions are made for everything up to
an anchor, and what follows the anchor is sent as it is. A third of what the budget has to give away is set
aside for that; when it is full, the anchor moves up to the newest message, or behind it where that alone
would fill the third (then the older part has the whole budget). Anchors follow from the sizes of the messages
alone, one after the other, so a longer conversation has the same ones, and under one question the same bytes
before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from longattncomp_cli.core.budget.tokenizers import TargetTokenizer
from longattncomp_cli.core.inputs.conversations.model import BESIDE, Conversation, Frame, Slot
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.layouts.asking import QUERY_CHARS
from longattncomp_cli.errors import BudgetError

NEWER_SHARE = 3
"""One of so many parts of what is free is for what is newer than the anchor."""
FEWEST_TOKENS = 8
"""A text of fewer tokens is never shortened: the mark of an omission has two or three."""

ALWAYS_KEPT = "system text, tool calls, short texts, the last user turn and a mark for every other text"
"""What a budget must hold, in words."""


@dataclass(frozen=True)
class Sizes:
    """Tokens of the texts of a conversation, each counted alone.

    Attributes:
        texts: of each.
        stub: of what stands where nothing of a text is kept.
        instruction: of what is sent beside the conversation.
    """

    texts: Sequence[int] = ()
    stub: int = 0
    instruction: int = 0

    @property
    def total(self) -> int:
        """All that the budget counts."""
        return sum(self.texts) + self.instruction


NO_SIZES = Sizes()
"""Of what is no conversation."""


def measure(
    conversation: Conversation, tokenizer: TargetTokenizer, stub: str, instruction: str = ""
) -> Sizes:
    """Count every text."""
    texts = tokenizer.count_each([said.text for said in conversation.texts])
    return Sizes(texts, tokenizer.count(stub), tokenizer.count(instruction) if instruction else 0)


def settled(
    sources: Sequence[Source], frame: Frame, sizes: Sizes, budget: int | None
) -> tuple[tuple[Source, ...], Frame]:
    """Leave whole what is too short to shorten, and what is newer than the anchor.

    Args:
        sources, frame: of a request.
        sizes: of the conversation's texts.
        budget: in tokens; without one everything is decided.

    Returns:
        What is left to decide; all of it where the newer part leaves no room.

    Raises:
        BudgetError: what is never shortened does not fit.
    """
    shortened = [
        (source, slot)
        for source, slot in zip(sources, frame.slots, strict=True)
        if sizes.texts[slot.number] >= FEWEST_TOKENS
    ]
    if budget is None:
        return _parts(shortened, frame)
    texts, least = frame.conversation.texts, _least_tokens(sizes, shortened)
    if least > budget and all(slot.end - slot.start == len(texts[slot.number].text) for _, slot in shortened):
        raise BudgetError(
            f"the budget of {budget} tokens cannot hold what is always kept: {ALWAYS_KEPT} have {least}",
            hint=f"use --budget {least} or more"
            f"{_or_asked(frame)}{_or_fewer(frame, sizes, shortened, budget)}",
        )
    whole, floor = _by_message(frame.conversation, sizes)
    anchor = _anchor(whole, floor, budget)
    older = [pair for pair in shortened if texts[pair[1].number].message < anchor]
    newer_tokens = sum(whole[anchor + 1 :])
    step = max(1, (budget - sum(floor[: anchor + 1])) // NEWER_SHARE)
    reserve = -newer_tokens % step
    if older and _least_tokens(sizes, older) + reserve + step <= budget:
        return _parts(older, replace(frame, reserve=reserve))
    return _parts(shortened, frame)


def _least_tokens(sizes: Sizes, pairs: Sequence[tuple[Source, Slot]]) -> int:
    """Tokens of the conversation with nothing kept of some of its texts."""
    return sizes.total - sum(sizes.texts[slot.number] - sizes.stub for _, slot in pairs)


def _or_asked(frame: Frame) -> str:
    """The way out where the last user turn is a long text, and which part of it asks was not found."""
    lengths = [len(said.text) for said in frame.conversation.texts if said.message == frame.asked_at]
    is_long = max(lengths, default=0) > QUERY_CHARS
    return ", or pass what the last user turn asks with -q: the rest of it may be shortened then" * is_long


def _or_fewer(frame: Frame, sizes: Sizes, pairs: Sequence[tuple[Source, Slot]], budget: int) -> str:
    """Another way out of a budget that is too small: how many of the newest messages it can hold.

    They begin with a user's turn, and system text goes before them.
    """
    gone = {slot.number for _, slot in pairs}
    texts = frame.conversation.texts
    least = [sizes.stub if number in gone else size for number, size in enumerate(sizes.texts)]
    room = budget - sizes.instruction - sum(least[i] for i, said in enumerate(texts) if said.is_system)
    first = None
    for number in reversed(range(len(texts))):
        if texts[number].is_system:
            continue
        room -= least[number]
        if room < 0:
            break
        begins = number == 0 or texts[number - 1].message != texts[number].message
        if begins and texts[number].role == "user" and texts[number].kind == "turn":
            first = texts[number].message
    if first is None:
        return ""
    number = frame.conversation.num_messages - first
    return f", or send only the newest {'message' if number == 1 else f'{number:,} messages'}"


def _parts(pairs: Sequence[tuple[Source, Slot]], frame: Frame) -> tuple[tuple[Source, ...], Frame]:
    return tuple(source for source, _ in pairs), replace(frame, slots=tuple(slot for _, slot in pairs))


def _by_message(conversation: Conversation, sizes: Sizes) -> tuple[list[int], list[int]]:
    """Tokens of what stands beside the messages and of each message: whole, and with what may go gone."""
    whole = [0] * (conversation.num_messages + 1)
    whole[0] = sizes.instruction
    floor = whole.copy()
    for said, size in zip(conversation.texts, sizes.texts, strict=True):
        whole[said.message - BESIDE] += size
        stays = said.kind == "fixed" or size < FEWEST_TOKENS
        floor[said.message - BESIDE] += size if stays else sizes.stub
    return whole, floor


def _anchor(whole: Sequence[int], floor: Sequence[int], budget: int) -> int:
    """How many messages are older than the anchor; 0 while all of them fit."""
    anchor, newer, least, room = 0, whole[0], floor[0], budget
    for index in range(1, len(whole)):
        newer += whole[index]
        if newer > room:
            # The newest message begins the newer part, unless it is too large for that part's share.
            room = (budget - least) // NEWER_SHARE
            anchor, newer = (index - 1, whole[index]) if whole[index] <= room else (index, 0)
        least += floor[index]
    return anchor
