"""SQuAD v1.1 and v2.0 (Rajpurkar et al., arXiv:1606.05250, arXiv:1806.03822): one question, one paragraph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from longattncomp_cli.data.examples import Document, EvidenceSpan, Example
from longattncomp_cli.data.readers.json_records import Record, read_whole


def read_squad(path: Path) -> Iterator[Example]:
    """Read every question, with all paragraphs of its article as documents.

    The documents have no titles (an article's paragraphs share one); ``group`` is the article. An
    unanswerable question of v2.0 has no relevant document. ``evidence`` is the first answer's span.

    Raises:
        InputError: the file is unreadable or malformed.
    """
    whole = Record(read_whole(path), path, "top level")
    for article_number, article in enumerate(whole.records("data")):
        article = Record(article.value, path, f"article {article_number}")
        title = article.text("title", default=f"article {article_number}")
        paragraphs = article.records("paragraphs")
        documents = tuple(Document("", paragraph.text("context")) for paragraph in paragraphs)
        for index, paragraph in enumerate(paragraphs):
            for question in paragraph.records("qas"):
                yield _example(question, documents, index, title)


def _example(question: Record, documents: tuple[Document, ...], index: int, title: str) -> Example:
    answers = question.records("answers", optional=True)
    is_answerable = bool(answers) and not question.value.get("is_impossible", False)
    query = question.text("question").strip()
    if not query:
        raise question.error("field 'question' is empty")
    return Example(
        id=question.identifier("id"),
        query=query,
        documents=documents,
        relevant=(index,) if is_answerable else (),
        dataset="squad",
        evidence=_evidence(answers[0], documents, index) if is_answerable else (),
        group=title,
        answers=tuple(dict.fromkeys(answer.text("text") for answer in answers)) if is_answerable else (),
    )


def _evidence(answer: Record, documents: tuple[Document, ...], index: int) -> tuple[EvidenceSpan, ...]:
    text, start = answer.text("text"), answer.value.get("answer_start")
    if type(start) is not int:
        raise answer.error(f"field 'answer_start' is {start!r}, not an integer")
    paragraph = documents[index].text
    if start < 0 or paragraph[start : start + len(text)] != text:
        start = paragraph.find(text)
    if not text or start < 0:
        return ()
    return (EvidenceSpan(index, start, start + len(text)),)
