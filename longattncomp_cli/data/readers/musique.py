"""MuSiQue (arXiv:2108.00573): two to four hops, with the single-hop questions they were made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from longattncomp_cli.data.examples import Document, Example
from longattncomp_cli.data.readers.json_records import Record, read_records

_EARLIER_ANSWER = re.compile(r"#(\d+)")


def read_musique(path: Path) -> Iterator[Example]:
    """Read MuSiQue: relevant are the paragraphs with ``is_supporting``; ``#1`` in sub-queries is filled.

    A file without distractors (``gold_paragraphs`` instead of ``paragraphs``) is read alike. A question
    that is marked as not answerable has no relevant document.

    Raises:
        InputError: the file is unreadable or malformed.
    """
    for record in read_records(path):
        paragraphs = record.records("paragraphs" if "paragraphs" in record.value else "gold_paragraphs")
        documents = tuple(Document(p.text("title", default=""), p.text("paragraph_text")) for p in paragraphs)
        is_answerable = record.value.get("answerable", True)
        query = record.text("question").strip()
        if not query:
            raise record.error("field 'question' is empty")
        yield Example(
            id=record.identifier("id"),
            query=query,
            documents=documents,
            relevant=tuple(i for i, p in enumerate(paragraphs) if _is_supporting(p)) if is_answerable else (),
            sub_queries=_sub_queries(record),
            dataset="musique",
            answers=(*record.strings("answer"), *record.strings("answer_aliases")) if is_answerable else (),
        )


def _is_supporting(paragraph: Record) -> bool:
    value = paragraph.value.get("is_supporting")
    if not isinstance(value, bool):
        raise paragraph.error(f"field 'is_supporting' is {value!r}, not true or false")
    return value


def _sub_queries(record: Record) -> tuple[str, ...]:
    steps = record.records("question_decomposition", optional=True)
    answers = [step.text("answer", default="") for step in steps]
    queries = []
    for number, step in enumerate(steps):
        question = step.text("question")
        for reference in _EARLIER_ANSWER.findall(question):
            if not 1 <= int(reference) <= number:
                raise step.error(f"field 'question' refers to #{reference}, which is no earlier step")
        queries.append(_EARLIER_ANSWER.sub(lambda match: answers[int(match[1]) - 1], question))
    return tuple(queries)
