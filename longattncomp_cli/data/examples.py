"""A question, its candidate documents, and which of them answer it: what every reader returns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.errors import InputError

_CHARS_PER_TOKEN = 4.4  # of English prose in WordPieces


@dataclass(frozen=True, slots=True)
class Document:
    """One candidate: a title, ``""`` where the data has none, and its text."""

    title: str
    text: str

    @property
    def titled_text(self) -> str:
        """The title on a line of its own, then the text; the text alone where there is no title."""
        return f"{self.title}\n{self.text}" if self.title else self.text


def render(documents: Sequence[Document], separator: str = "\n\n") -> tuple[str, list[Span]]:
    """Put documents together as one text, each after its title.

    Returns:
        The text, and the span of each document's text in it (titles left out).
    """
    parts: list[str] = []
    spans: list[Span] = []
    at = 0
    for number, document in enumerate(documents):
        part = (separator if number else "") + document.titled_text
        parts.append(part)
        at += len(part)
        spans.append(Span(at - len(document.text), at))
    return "".join(parts), spans


def normal_text(text: str) -> str:
    """The words of a text, so that copies which differ in case or white space compare equal."""
    return " ".join(text.split()).casefold()


def estimate_tokens(document: Document) -> int:
    """About how many tokens a document and its title are, before any tokenizer was asked; at least 1."""
    return max(1, math.ceil((len(document.title) + len(document.text)) / _CHARS_PER_TOKEN))


@dataclass(frozen=True, slots=True)
class EvidenceSpan:
    """A half-open character range ``[start, end)`` of the text of ``documents[document]``."""

    document: int
    start: int
    end: int


@dataclass(frozen=True)
class Example:
    """One question over its candidate documents.

    Attributes:
        id: unique within its data set; splits are made by it.
        query: the question.
        documents: the candidates, relevant or not, in the data set's order.
        relevant: ascending indices of the documents that are needed; empty where nothing answers.
        sub_queries: the single-hop questions that the query decomposes into, in order; may be empty.
        dataset: the reader's name, such as ``squad``.
        evidence: where the data says so, the parts of the relevant documents that answer.
        group: what must not be divided between splits (an article, a meeting); the id where ``""``.
        answers: the strings that the data accepts as an answer, the first one first; may be empty.
    """

    id: str
    query: str
    documents: tuple[Document, ...]
    relevant: tuple[int, ...]
    sub_queries: tuple[str, ...] = ()
    dataset: str = ""
    evidence: tuple[EvidenceSpan, ...] = ()
    group: str = ""
    answers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse indices and spans that point nowhere."""
        name = f"example {self.id}"
        if not self.query.strip():
            raise InputError(f"{name}: the query is empty")
        num_documents = len(self.documents)
        if list(self.relevant) != sorted(set(self.relevant)):
            raise InputError(f"{name}: relevant {list(self.relevant)} is not ascending and distinct")
        if any(not 0 <= index < num_documents for index in self.relevant):
            raise InputError(f"{name}: relevant {list(self.relevant)} outside 0…{num_documents - 1}")
        for span in self.evidence:
            if span.document not in self.relevant:
                raise InputError(f"{name}: evidence in document {span.document}, which is not relevant")
            if not 0 <= span.start < span.end <= len(self.documents[span.document].text):
                raise InputError(f"{name}: evidence {span.start}:{span.end} is outside its document")

    @property
    def relevant_documents(self) -> tuple[Document, ...]:
        """The documents that are needed."""
        return tuple(self.documents[index] for index in self.relevant)

    @property
    def distractors(self) -> tuple[Document, ...]:
        """The candidates that are not needed: hard negatives."""
        needed = set(self.relevant)
        return tuple(document for index, document in enumerate(self.documents) if index not in needed)
