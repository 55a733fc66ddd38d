"""QMSum (arXiv:2104.05938): questions about long meetings, answered by ranges of turns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from longattncomp_cli.data.examples import Document, EvidenceSpan, Example
from longattncomp_cli.data.readers.json_records import Record, read_records

TURN_SEPARATOR = "\n"
"""Stands between turns, and between the documents when a meeting is put together again."""


def read_qmsum(path: Path, *, group_chars: int = 1_000) -> Iterator[Example]:
    """Read the specific queries; the documents are groups of consecutive turns, in the meeting's order.

    ``TURN_SEPARATOR.join`` of the documents' texts is the whole meeting, ``Speaker: words`` a line.

    Args:
        path: the JSONL file.
        group_chars: a group ends before the turn that would make it longer; a longer turn stands alone.

    Raises:
        InputError: the file is unreadable or malformed.
    """
    for record in read_records(path):
        meeting = record.identifier("id" if "id" in record.value else "meeting_id", default=record.where)
        turns = [
            f"{turn.text('speaker')}: {turn.text('content')}".replace("\n", " ")
            for turn in record.records("meeting_transcripts")
        ]
        groups = _groups(turns, group_chars)
        documents = tuple(Document("", TURN_SEPARATOR.join(turns[first:last])) for first, last in groups)
        for number, question in enumerate(record.records("specific_query_list")):
            kept = _relevant_turns(question, len(turns))
            evidence = tuple(_evidence(turns, groups, kept))
            query = question.text("query").strip()
            if not query:
                raise question.error("field 'query' is empty")
            yield Example(
                id=f"{meeting}-{number}",
                query=query,
                documents=documents,
                relevant=tuple(sorted({span.document for span in evidence})),
                dataset="qmsum",
                evidence=evidence,
                group=meeting,
                answers=question.strings("answer"),
            )


def _groups(turns: list[str], group_chars: int) -> list[tuple[int, int]]:
    groups: list[tuple[int, int]] = []
    size = 0
    for index, turn in enumerate(turns):
        size += len(TURN_SEPARATOR) + len(turn)
        if groups and size <= group_chars:
            groups[-1] = (groups[-1][0], index + 1)
        else:
            groups.append((index, index + 1))
            size = len(turn)
    return groups


def _relevant_turns(question: Record, num_turns: int) -> set[int]:
    kept: set[int] = set()
    for index, pair in enumerate(question.items("relevant_text_span")):
        bounds = _integers(pair)
        if bounds is None or not 0 <= bounds[0] <= bounds[1] < num_turns:
            raise question.error(f"field 'relevant_text_span[{index}]' is no range of the {num_turns} turns")
        kept.update(range(bounds[0], bounds[1] + 1))
    return kept


def _integers(pair: Any) -> tuple[int, int] | None:
    """Both ends of a range; the official files write them as strings."""
    try:
        first, last = (int(value) for value in pair)
    except (TypeError, ValueError):
        return None
    return first, last


def _evidence(turns: list[str], groups: list[tuple[int, int]], kept: set[int]) -> Iterator[EvidenceSpan]:
    """Yield one span for each run of relevant turns within a group."""
    for document, (first, last) in enumerate(groups):
        at = 0
        start: int | None = None
        for index in range(first, last):
            if index in kept:
                start = at if start is None else start
            elif start is not None:
                yield EvidenceSpan(document, start, at - len(TURN_SEPARATOR))
                start = None
            at += len(turns[index]) + len(TURN_SEPARATOR)
        if start is not None:
            yield EvidenceSpan(document, start, at - len(TURN_SEPARATOR))
