"""HotpotQA (arXiv:1809.09600, distractor setting) and 2WikiMultiHopQA (arXiv:2011.01060)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from longattncomp_cli.data.examples import Document, EvidenceSpan, Example
from longattncomp_cli.data.readers.json_records import Record, read_records


def read_hotpotqa(path: Path) -> Iterator[Example]:
    """Read HotpotQA: relevant are the paragraphs of the supporting facts, evidence their sentences.

    Raises:
        InputError: the file is unreadable or malformed, or a supporting paragraph is missing.
    """
    for record in read_records(path):
        yield _example(record, "hotpotqa")


def read_2wiki(path: Path) -> Iterator[Example]:
    """Read 2WikiMultiHopQA, whose form is HotpotQA's; sub-queries from ``qa_pairs`` where present.

    Raises:
        InputError: as :func:`read_hotpotqa`.
    """
    for record in read_records(path):
        yield _example(record, "2wikimultihopqa")


def read_paragraphs(path: Path) -> Iterator[Document]:
    """Read a pool of paragraphs, JSONL of ``{"title", "sentences"}`` or ``{"title"?, "text"}``.

    Raises:
        InputError: the file is unreadable or malformed.
    """
    for record in read_records(path):
        title = record.text("title", default="")
        text = record.text("text") if "text" in record.value else join_sentences(record.texts("sentences"))[0]
        yield Document(title, text)


def join_sentences(sentences: list[str]) -> tuple[str, list[tuple[int, int]]]:
    """Join sentences with a space where the data has none, as HotpotQA has and 2WikiMultiHopQA has not.

    Returns:
        The text, and the ``(start, end)`` of each sentence in it, outer white space left out.
    """
    text = ""
    spans = []
    for sentence in sentences:
        if text and not text[-1].isspace() and not sentence[:1].isspace():
            text += " "
        start = len(text) + len(sentence) - len(sentence.lstrip())
        text += sentence
        spans.append((min(start, len(text.rstrip())), len(text.rstrip())))
    return text, spans


def _example(record: Record, dataset: str) -> Example:
    field = "context" if "context" in record.value else "gold_paragraphs"
    titles: list[str] = []
    documents: list[Document] = []
    sentence_spans: list[list[tuple[int, int]]] = []
    for index, pair in enumerate(record.items(field)):
        title, sentences = _titled(record, pair, f"{field}[{index}]")
        text, spans = join_sentences(sentences)
        titles.append(title)
        documents.append(Document(title, text))
        sentence_spans.append(spans)
    facts = _facts(record)
    for title, _ in facts:
        if title not in titles:
            raise record.error(f"field 'supporting_facts' names {title!r}, which is not in {field!r}")
    wanted = dict.fromkeys(
        (document, sentence)
        for title, sentence in facts
        for document, name in enumerate(titles)
        if name == title
    )
    evidence = [
        EvidenceSpan(document, *sentence_spans[document][sentence])
        for document, sentence in sorted(wanted)
        # A few official records count past the last sentence; their paragraph is still known.
        if 0 <= sentence < len(sentence_spans[document])
    ]
    query = record.text("question").strip()
    if not query:
        raise record.error("field 'question' is empty")
    return Example(
        id=record.identifier("_id" if "_id" in record.value else "id"),
        query=query,
        documents=tuple(documents),
        relevant=tuple(sorted({document for document, _ in wanted})),
        sub_queries=tuple(pair.text("question") for pair in record.records("qa_pairs", optional=True)),
        dataset=dataset,
        evidence=tuple(span for span in evidence if span.start < span.end),
        answers=record.strings("answer"),
    )


def _titled(record: Record, pair: Any, name: str) -> tuple[str, list[str]]:
    match pair:
        case [str(title), list(sentences)] if all(isinstance(sentence, str) for sentence in sentences):
            return title, sentences
    raise record.error(f"field {name!r} is not [title, [sentence, …]]")


def _facts(record: Record) -> list[tuple[str, int]]:
    facts = []
    for index, pair in enumerate(record.items("supporting_facts")):
        match pair:
            case [str(title), int(sentence)] if not isinstance(sentence, bool):
                facts.append((title, sentence))
            case _:
                raise record.error(f"field 'supporting_facts[{index}]' is not [title, sentence number]")
    return facts
