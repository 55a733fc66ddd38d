"""Chroma's chunking evaluation (Smith and Troynikov 2024): questions with excerpts of five corpora.

A folder with one text a corpus, ``NAME.md``, and ``questions.jsonl``: ``{"corpus", "question", "references":
[{"start", "end"}]}``, in characters of the corpus; each plain or compressed. The whole corpus is the context.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from longattncomp_cli.core.files.compressed import open_bytes
from longattncomp_cli.core.files.encodings import decode
from longattncomp_cli.core.files.paths import read_bounded, shown_name
from longattncomp_cli.data.examples import Document, EvidenceSpan, Example
from longattncomp_cli.data.readers.json_records import Record, read_records
from longattncomp_cli.errors import InputError

_SUFFIXES = ("", ".gz", ".zst")


def read_chroma(folder: Path) -> Iterator[Example]:
    """Read the questions of a folder, in order; one whose references are empty has no evidence.

    Raises:
        InputError: a file is missing, unreadable or malformed.
    """
    read_corpus = lru_cache(maxsize=None)(_read_corpus)
    asked = Counter[str]()
    for record in read_records(_find(folder, "questions.jsonl")):
        name = record.text("corpus")
        if not name or Path(name).name != name:
            raise record.error(f"field 'corpus' is {name!r}, not the name of a text in the folder")
        document = Document("", read_corpus(folder, name))
        evidence = tuple(_evidence(record, len(document.text)))
        query = record.text("question").strip()
        if not query:
            raise record.error("field 'question' is empty")
        asked[name] += 1
        yield Example(
            id=f"{name}-{asked[name]}",
            query=query,
            documents=(document,),
            relevant=(0,) if evidence else (),
            dataset="chroma",
            evidence=evidence,
        )


def _read_corpus(folder: Path, name: str) -> str:
    path = _find(folder, f"{name}.md")
    with open_bytes(path) as stream:
        return decode(read_bounded(stream, shown_name(path)), shown_name(path))


def _find(folder: Path, name: str) -> Path:
    for suffix in _SUFFIXES:
        if (folder / (name + suffix)).exists():
            return folder / (name + suffix)
    raise InputError(
        f"{shown_name(folder)}: holds no {name} (plain, .gz or .zst)",
        hint="name the folder that holds the corpora as NAME.md beside questions.jsonl",
        code="no-file",
    )


def _evidence(record: Record, num_chars: int) -> Iterator[EvidenceSpan]:
    for index, reference in enumerate(record.records("references")):
        start, end = reference.value.get("start"), reference.value.get("end")
        if type(start) is not int or type(end) is not int or not 0 <= start < end <= num_chars:
            raise record.error(f"field 'references[{index}]' is no range of the {num_chars} characters")
        yield EvidenceSpan(0, start, end)
