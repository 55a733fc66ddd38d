"""What was typed is resolved once, checked once, and then only read."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from support.cli import FACTS, lines_of, run_shell, story

QUERY = "Where is the spare key?"


@pytest.mark.parametrize("command", ["compress", "score --json"])
def test_a_query_that_can_be_read_only_once_reaches_a_text(folder: Path, command: str) -> None:
    done = run_shell(f"longattncomp {command} story.txt -b 90 --query-file <(echo '{QUERY}')", cwd=folder)
    assert done.returncode == 0, done.stderr
    if command == "compress":
        assert FACTS[QUERY] in done.stdout.decode()
    else:
        assert orjson.loads(done.stdout)["query"] == QUERY


@pytest.mark.parametrize("command", ["compress", "score"])
def test_a_query_that_can_be_read_only_once_reaches_records(folder: Path, command: str) -> None:
    records = [{"id": i, "context": story(i)} for i in (1, 2)]
    (folder / "in.jsonl").write_bytes(b"\n".join(orjson.dumps(record) for record in records))
    done = run_shell(f"longattncomp {command} in.jsonl -b 90 --query-file <(echo '{QUERY}')", cwd=folder)
    assert done.returncode == 0, done.stderr
    lines = lines_of(done.stdout)
    assert [line["id"] for line in lines] == [1, 2]
    assert {line.get("selection", line)["query"] for line in lines} == {QUERY}
