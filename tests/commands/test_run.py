"""What was typed is resolved once, checked once, and then only read."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path

import orjson
import pytest

from longattncomp_cli.commands.options.run_options import RunOptions
from longattncomp_cli.commands.runs.run import Run
from longattncomp_cli.commands.runs.written import parse_query_parser
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.inputs.gather import InputFile
from longattncomp_cli.core.inputs.records import read_records
from longattncomp_cli.errors import UsageError
from tests.support.cli import FACTS, invoke, lines_of, story

QUERY = "Where is the spare key?"


@pytest.fixture
def read_once() -> Iterator[str]:
    """A path that gives the query to its first reader and nothing to the next, as ``<(echo …)`` does."""
    reader, writer = os.pipe()
    os.write(writer, f"{QUERY}\n".encode())
    os.close(writer)
    yield f"/dev/fd/{reader}"
    os.close(reader)


@pytest.mark.parametrize("command", ["compress", "score"])
def test_a_query_that_can_be_read_only_once_reaches_a_text(
    folder: Path, read_once: str, command: str
) -> None:
    more = ["--json"] if command == "score" else []
    done = invoke(command, "story.txt", "-b", "90", "--query-file", read_once, *more)
    assert done.exit_code == 0, done.stderr
    if command == "compress":
        assert FACTS[QUERY] in done.stdout
    else:
        assert orjson.loads(done.stdout)["query"] == QUERY
    assert Path(read_once).read_text() == ""


@pytest.mark.parametrize("command", ["compress", "score"])
def test_a_query_that_can_be_read_only_once_reaches_records(
    folder: Path, read_once: str, command: str
) -> None:
    records = [{"id": i, "context": story(i)} for i in (1, 2)]
    (folder / "in.jsonl").write_bytes(b"\n".join(orjson.dumps(record) for record in records))
    done = invoke(command, "in.jsonl", "-b", "90", "--query-file", read_once)
    assert done.exit_code == 0, done.stderr
    lines = lines_of(done.stdout_bytes)
    assert [line["id"] for line in lines] == [1, 2]
    assert {line.get("selection", line)["query"] for line in lines} == {QUERY}


def test_a_run_is_resolved_and_cannot_be_changed(folder: Path) -> None:
    (folder / "q.txt").write_text(f"{QUERY}\n")
    run = Run.resolve(
        RunOptions(
            inputs=["story.txt"],
            query_file=Path("q.txt"),
            budget="1k",
            keep=["^The"],
            keep_lines=["3:"],
            shard="2/4",
            output=Path("out.jsonl"),
            cache_size="1.5k",
        )
    )
    (folder / "q.txt").unlink()
    assert run.query == QUERY
    assert run.settings.keep.lines[0].first == 3
    assert run.cache.max_bytes == 1536
    assert run.output_file == Path("out.00002-of-00004.jsonl")
    for each in fields(run):
        with pytest.raises(FrozenInstanceError):
            setattr(run, each.name, None)
    assert pickle.loads(pickle.dumps(run)) == run
    assert Run.resolve(RunOptions()) == Run.resolve(RunOptions())


@pytest.mark.parametrize(
    ("written", "meant"),
    [("auto", ("auto", 128)), ("given", ("given", 128)), ("tail", ("tail", 128)), ("tail:40", ("tail", 40))],
)
def test_a_query_parser_is_read_with_its_size(written: str, meant: tuple[str, int]) -> None:
    assert parse_query_parser(written) == meant


@pytest.mark.parametrize("written", ["", "tail:", "tail:0", "tail:-3", "tail:x", "auto:3", "head", "tail: 3"])
def test_what_is_no_query_parser_is_refused(written: str) -> None:
    with pytest.raises(UsageError):
        parse_query_parser(written)


def test_a_job_that_travelled_makes_the_same_lines(folder: Path) -> None:
    (folder / "in.jsonl").write_bytes(orjson.dumps({"context": story(1), "query": QUERY}))
    job = Run.resolve(RunOptions(budget="60", report=Path("report.jsonl"), device="cpu")).record_job(
        "compress"
    )
    (record,) = read_records([InputFile(folder / "in.jsonl", named=True)], job.fields, lambda: None)
    process, settings = job.load()
    other_process, other_settings = pickle.loads(pickle.dumps(job)).load()
    assert settings == other_settings
    assert process(record) == other_process(record)
    line, report = process(record)
    assert FACTS[QUERY] in line["compressed"]
    assert sum(chunk["kept"] for chunk in report["chunks"]) == line["selection"]["chunks_kept"]
    assert line["selection"]["settings"] == settings


def test_settings_that_decide_a_line_change_the_fingerprint(scorer, o200k) -> None:
    base = RunOptions(budget="60", query=QUERY, device="cpu")
    same = [replace(base, quiet=True), replace(base, report=Path("r.jsonl")), replace(base, cache_size="1G")]
    other = [
        replace(base, budget="61"),
        replace(base, query="Who?"),
        replace(base, select="auto"),
        replace(base, headers=True),
        replace(base, keep_head=3),
        replace(base, id_field="qid"),
        replace(base, dtype="float32"),
    ]

    def fingerprint(options: RunOptions, kind: str = "compress") -> str:
        job = Run.resolve(options).record_job(kind)
        return job.fingerprint(Compressor(scorer, o200k, job.settings))

    assert {fingerprint(each) for each in [base, *same]} == {fingerprint(base)}
    prints = [fingerprint(base), fingerprint(base, "score"), *map(fingerprint, other)]
    assert len(set(prints)) == len(prints)


@pytest.mark.parametrize("args", [["--hops", "2"], ["--select", "auto"], ["--snap", "structure"]])
@pytest.mark.parametrize("command", ["score", "compress"])
def test_the_published_method_has_no_steps_of_ours(folder: Path, command: str, args: list[str]) -> None:
    done = invoke(command, "story.txt", "-q", QUERY, "-b", "90", "--as-published", *args)
    assert done.exit_code == 2
    assert f"--as-published and {' '.join(args)}" in done.stderr


@pytest.mark.parametrize(("select", "mode"), [(None, "top-p"), ("top-p", "top-p"), ("budget", "budget")])
def test_the_published_method_selects_by_algorithm_1(select: str | None, mode: str) -> None:
    run = Run.resolve(RunOptions(query=QUERY, as_published=True, select=select, chunk_tokens=512))
    rule, choice = run.settings.rule, run.choice
    assert (rule.mode, rule.top_p, rule.count_sink, rule.fill) == (mode, 0.95, True, False)
    assert (choice.snap, choice.hops, choice.chunk_tokens, choice.as_published) == ("none", 1, 512, True)


def test_published_scores_follow_the_papers_pooling(folder: Path) -> None:
    done = invoke("score", "story.txt", "-q", QUERY, "--json", "--as-published", "--chunk-tokens", "64")
    report = orjson.loads(done.stdout)
    total = sum(chunk["score"] for chunk in report["chunks"]) + report.get("sink", 0)
    assert total == pytest.approx(1, abs=1e-4)
    ours = invoke("score", "story.txt", "-q", QUERY, "--json", "--snap", "none", "--chunk-tokens", "64")
    assert [c["end"] for c in orjson.loads(ours.stdout)["chunks"]] == [c["end"] for c in report["chunks"]]
    assert [c["score"] for c in orjson.loads(ours.stdout)["chunks"]] != [c["score"] for c in report["chunks"]]
