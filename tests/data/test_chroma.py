"""Chroma's evaluation is read from a folder, plain or compressed; what is wrong in it is named."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from longattncomp_cli.benchmark.tasks import TASKS, TaskSetting
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.data.metrics import evidence_iou
from longattncomp_cli.data.readers.chroma import read_chroma
from longattncomp_cli.errors import InputError

TEXT = "The mill of Varde was built in 1702. 🙂 It burnt down in 1810."


def write(folder: Path, *references: tuple[int, int], corpus: str = "mills", packed: bool = False) -> Path:
    line = {
        "corpus": corpus,
        "question": "When did the mill burn down?",
        "references": [{"start": start, "end": end} for start, end in references],
    }
    for name, content in ((f"{Path(corpus).name}.md", TEXT), ("questions.jsonl", json.dumps(line) + "\n")):
        raw = content.encode()
        (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(raw) if packed else raw)
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_evidence_is_the_excerpts_in_characters(tmp_path: Path, packed: bool) -> None:
    start = TEXT.index("It burnt")
    folder = write(tmp_path, (start, len(TEXT)), packed=packed)
    (example,) = read_chroma(folder)
    assert example.id == "mills-1"
    setting = TaskSetting(files={"chroma": [folder]}, count_tokens=len)
    (item,) = TASKS["chroma"].build(setting)
    ((_, first, last),) = item.evidence
    assert item.request.sources[0].text[first:last] == "It burnt down in 1810."


def test_a_question_without_references_is_no_item(tmp_path: Path) -> None:
    assert TASKS["chroma"].build(TaskSetting(files={"chroma": [write(tmp_path)]}, count_tokens=len)) == []


@pytest.mark.parametrize("reference", [(5, 5), (-1, 3), (0, len(TEXT) + 1)])
def test_a_range_outside_the_text_is_refused(tmp_path: Path, reference: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=r"references\[0\]"):
        list(read_chroma(write(tmp_path, reference)))


def test_no_file_outside_the_folder_is_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="corpus"):
        list(read_chroma(write(tmp_path, (0, 3), corpus="../mills")))
    (tmp_path / "questions.jsonl").unlink()
    with pytest.raises(InputError, match=r"questions\.jsonl"):
        list(read_chroma(tmp_path))


def test_overlap_is_the_shared_part_of_both() -> None:
    # 0-10 and 5-20 share 5 of 20 characters.
    assert evidence_iou([Span(0, 10)], [Span(5, 20)]) == 5 / 20
    assert evidence_iou([Span(3, 9)], [Span(3, 9)]) == 1
    assert evidence_iou([], [Span(3, 9)]) == 0
