"""Our own JSONL: ``{"id", "query", "documents": [{"title"?, "text"}], "relevant": [0], "sub_queries"?}``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from longattncomp_cli.data.examples import Document, Example
from longattncomp_cli.data.readers.json_records import Record, read_records


def read_native(path: Path) -> Iterator[Example]:
    """Read our own format; the id is the line's name where a record has none.

    Raises:
        InputError: the file is unreadable or malformed.
    """
    for record in read_records(path):
        documents = tuple(
            Document(document.text("title", default=""), document.text("text"))
            for document in record.records("documents")
        )
        if not documents:
            raise record.error("field 'documents' is empty")
        query = record.text("query").strip()
        if not query:
            raise record.error("field 'query' is empty")
        yield Example(
            id=record.identifier("id", default=record.where),
            query=query,
            documents=documents,
            relevant=_relevant(record, len(documents)),
            sub_queries=tuple(record.texts("sub_queries", optional=True)),
            dataset="data",
        )


def _relevant(record: Record, num_documents: int) -> tuple[int, ...]:
    indices = record.items("relevant")
    for index in indices:
        if type(index) is not int or not 0 <= index < num_documents:
            raise record.error(f"field 'relevant' holds {index!r}, not an index of {num_documents} documents")
    return tuple(sorted(set(indices)))
