"""Files as people have them, through the commands: what was read, skipped and noted."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import orjson
import pytest

from tests.support.cli import CLOCK, FILLER, folder, invoke, lines_of, story

__all__ = ["folder"]
QUERY = "Who repaired the clock in the north tower?"


def test_parts_of_a_directory_are_headed_by_their_file_and_those_of_named_files_are_not(folder: Path) -> None:
    Path("tree").mkdir()
    Path("tree/a.txt").write_text(FILLER * 3)
    Path("tree/b.txt").write_text(FILLER * 3 + CLOCK)
    headed = invoke("compress", "tree", "-q", QUERY, "-b", "60")
    assert "==> tree/b.txt <==\n" in headed.stdout
    for names, more in ((["tree"], ["--no-headers"]), (["tree/a.txt", "tree/b.txt"], [])):
        bare = invoke("compress", *names, "-q", QUERY, "-b", "60", *more)
        assert CLOCK.strip() in bare.stdout
        assert "==>" not in bare.stdout
    one = invoke("compress", "tree/b*.txt", "-q", QUERY, "-b", "60")
    assert "==>" not in one.stdout


def test_a_page_is_read_as_its_text_and_the_report_points_into_the_file(folder: Path) -> None:
    page = "<html><head><style>p {}</style></head><body>\n" + "".join(
        f"<p>{part}</p>\n" for part in (FILLER, FILLER, CLOCK.strip(), FILLER)
    )
    Path("page.html").write_text(page)
    done = invoke("compress", "page.html", "-q", QUERY, "-b", "40", "--report", "report.json")
    assert CLOCK.strip() in done.stdout
    assert "<p>" not in done.stdout
    assert "--format text" in done.stderr
    report = json.loads(Path("report.json").read_text())
    best = min(report["chunks"], key=lambda chunk: chunk["rank"])
    assert CLOCK.strip() in page[best["start"] : best["end"]]
    assert best["line_start"] <= 4 <= best["line_end"]
    assert report["read_as"] == ["the text of a page"]
    plain = invoke("compress", "page.html", "-q", QUERY, "-b", "100000", "--format", "text")
    assert plain.stdout == page


def test_standard_input_and_the_query_may_be_utf_16(folder: Path) -> None:
    Path("q.txt").write_bytes(codecs.BOM_UTF16_LE + QUERY.encode("utf-16-le"))
    text = story() + CLOCK
    done = invoke(
        "score", "-", "--query-file", "q.txt", "--json", stdin=codecs.BOM_UTF16_BE + text.encode("utf-16-be")
    )
    report = orjson.loads(done.stdout)
    assert report["query"] == QUERY
    assert report["chunks"][-1]["end"] == len(text)


def test_rows_of_data_say_how_they_are_read(folder: Path) -> None:
    Path("rows.jsonl").write_text('{"name": "boat", "owner": "Ines"}\n' * 3)
    failed = invoke("compress", "rows.jsonl", "-q", "Who owns the boat?", "-b", "60")
    assert failed.exit_code == 3
    assert "--format text" in failed.stderr
    done = invoke("compress", "rows.jsonl", "-q", "Who owns the boat?", "-b", "60", "--format", "text")
    assert (done.exit_code, done.stdout) == (0, Path("rows.jsonl").read_text())


@pytest.mark.parametrize("pattern", ["absent"])
def test_what_is_noted_of_every_record_is_said_once(folder: Path, pattern: str) -> None:
    line = json.dumps({"context": story(), "query": "Who repaired \U0001f642?"}).replace("\\ude42", "")
    Path("in.jsonl").write_text(f"{line}\n" * 4)
    done = invoke("compress", "in.jsonl", "-b", "60", "--keep", pattern, "-o", "out.jsonl")
    assert done.exit_code == 0
    assert done.stderr.count("keep-no-match") == 1
    for record in lines_of(Path("out.jsonl").read_bytes()):
        codes = [warning["code"] for warning in record["selection"]["warnings"]]
        assert codes[:2] == ["keep-no-match", "lone-surrogates"]
        assert record["selection"]["query"] == "Who repaired \ufffd?"
