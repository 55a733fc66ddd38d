"""The command line keeps its contract: streams, shapes, exit codes.

What is about a process (its streams, signals, limits) starts the program; the rest runs in this one.
"""

from __future__ import annotations

import json
import random
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.cli import FACTS, PROGRAM, invoke, lines_of, story, write_clock_records, write_records

SHELL = shlex.join(PROGRAM)


def in_a_shell(command: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a command line as a user does: seconds go by before the program has begun."""
    return subprocess.run(["/bin/bash", "-c", command], cwd=folder, capture_output=True, timeout=300)


def test_text_in_text_out_and_nothing_else(folder: Path, o200k) -> None:
    done = invoke("compress", "story.txt", "-q", "Who repaired the clock?", "-b", "120")
    out = done.stdout
    assert done.exit_code == 0
    assert "Ines Albrecht" in out
    assert o200k.count(out) <= 120
    assert done.stderr == ""
    for piece in out.split("\n[...]\n"):
        assert piece in story()


def test_standard_input_is_the_default(folder: Path) -> None:
    done = invoke("compress", "-q", "Where is the spare key?", "-b", "10%", stdin=story())
    assert done.exit_code == 0
    assert "blue map" in done.stdout


@pytest.mark.parametrize("query", list(FACTS))
def test_what_is_asked_for_is_kept(folder: Path, query: str) -> None:
    result = invoke("compress", "story.txt", "-q", query, "-b", "100", "--quiet")
    assert FACTS[query] in result.stdout


def test_whole_input_fits_and_comes_back_unchanged(folder: Path) -> None:
    (folder / "crlf.txt").write_bytes(b"one\r\n\r\ntwo \xe6\x9d\xb1\xe4\xba\xac\n")
    done = invoke("compress", "crlf.txt", "-q", "two", "-b", "1000")
    assert done.stdout_bytes == (folder / "crlf.txt").read_bytes()


def test_a_whole_prompt_keeps_its_instruction_and_query(folder: Path, o200k) -> None:
    question = "Question: Who repaired the clock?\nAnswer:"
    prompt = f"Read the following text and answer briefly.\n\n{story()}\n\n{question}"
    done = invoke("compress", "-b", "150", stdin=prompt)
    out = done.stdout
    assert done.exit_code == 0, done.stderr
    assert out.endswith("Question: Who repaired the clock?\nAnswer:")
    assert "Ines Albrecht" in out
    assert o200k.count(out) <= 150


def test_records_in_records_out(folder: Path, o200k) -> None:
    records = write_records(folder / "in.jsonl", 3, size=1)
    done = invoke("compress", "in.jsonl", "-b", "90", "--report", "report.jsonl")
    assert done.exit_code == 0, done.stderr
    lines = lines_of(done.stdout_bytes)
    report = lines_of((folder / "report.jsonl").read_bytes())
    assert [line["id"] for line in lines] == [record["id"] for record in records]
    for record, line, scores in zip(records, lines, report, strict=True):
        selection = line["selection"]
        assert line["label"] == record["label"]
        assert "context" not in line
        assert "query" not in line or line["query"] == record["query"]
        assert selection["query"] == record["query"]
        assert selection["num_tokens"] == o200k.count(line["compressed"]) <= 90 == selection["budget"]
        assert selection["original_tokens"] == o200k.count(record["context"])
        assert FACTS[record["query"]] in line["compressed"]
        assert selection["chunks_kept"] == len(selection["spans"]) == sum(c["kept"] for c in scores["chunks"])
        assert selection["chunks_total"] == len(scores["chunks"])
        spans = selection["spans"]
        assert spans == sorted(spans, key=lambda span: span["start"])
        for span in spans:
            assert record["context"][span["start"] : span["end"]] in line["compressed"]


def test_score_report_is_a_distribution_over_a_partition(folder: Path) -> None:
    result = invoke("score", "story.txt", "-q", "Who repaired the clock?", "--json")
    report = orjson.loads(result.stdout)
    chunks = report["chunks"]
    assert "".join(story()[c["start"] : c["end"]] for c in chunks) == story()
    assert sorted(c["rank"] for c in chunks) == list(range(1, len(chunks) + 1))
    total = sum(c["score"] for c in chunks) + report.get("sink", 0)
    assert total == pytest.approx(1, abs=1e-4)
    best = min(chunks, key=lambda c: c["rank"])
    assert "Ines Albrecht" in story()[best["start"] : best["end"]]
    assert story().count("\n", 0, best["start"]) + 1 == best["line_start"]


def test_score_prints_a_table_for_people(folder: Path) -> None:
    result = invoke("score", "story.txt", "-q", "Who repaired the clock?", "-b", "200", "--top", "3")
    assert "rank" in result.stdout
    assert "story.txt:" in result.stdout
    assert "of 200 tokens" in result.stdout


def test_the_same_input_gives_the_same_bytes(folder: Path) -> None:
    """From a file or from standard input; in another process too: ``core/batch/test_shards.py``."""
    write_records(folder / "in.jsonl", 2, size=1)
    first = invoke("compress", "in.jsonl", "-b", "90").stdout_bytes
    raw = (folder / "in.jsonl").read_bytes()
    again = invoke("compress", "--format", "jsonl", "-b", "90", stdin=raw)
    assert (again.exit_code, again.stderr) == (0, "note: 2 records done, 0 failed\n")
    assert again.stdout_bytes == first != b""


def test_a_title_helps_and_is_not_printed(folder: Path) -> None:
    record = {
        "context": [
            {"title": "Nets", "text": "They are mended in winter by the elder crew."},
            {"title": "Lantern oil", "text": "It is bought in spring from the island store."},
        ],
        "query": "When is lantern oil bought?",
        "budget": 12,
    }
    line = orjson.loads(invoke("compress", "--format", "jsonl", stdin=orjson.dumps(record)).stdout)
    assert line["compressed"] == "It is bought in spring from the island store."
    assert line["selection"]["spans"][0]["source"] == 1


def test_top_p_without_a_budget(folder: Path) -> None:
    base = ("compress", "story.txt", "-q", "Who repaired the clock?", "--quiet")
    less = invoke(*base, "--top-p", "0.2").stdout
    assert FACTS["Who repaired the clock?"] in less
    assert len(less) < len(story()) / 3
    assert invoke(*base, "--select", "top-p", "--top-p", "1").stdout == story()


def test_config_file_gives_defaults_and_flags_win(folder: Path) -> None:
    (folder / "c.toml").write_text('budget = 60\nseparator = " | "\n[compress]\ntokenizer = "cl100k_base"\n')
    query = "Who repaired the clock in the north tower, and where does the spare key hang?"
    base = ("compress", "story.txt", "-q", query, "--config", "c.toml", "--quiet")
    small, large = invoke(*base).stdout, invoke(*base, "-b", "300").stdout
    assert len(small) < len(large)
    assert " | " in large
    (folder / "bad.toml").write_text("bugdet = 60\n")
    assert invoke("compress", "story.txt", "-q", "x", "--config", "bad.toml").exit_code == 2


BAD = [
    (["compress", "missing.txt", "-q", "x", "-b", "10"], 3, "no such file"),
    (["compress", "empty-folder", "-q", "x", "-b", "10"], 3, "no text file"),
    (["compress", "binary.bin", "-q", "x", "-b", "10"], 3, "binary"),
    (["compress", "latin1.txt", "-q", "x", "-b", "10"], 3, "not UTF-8"),
    (["compress", "empty.txt", "-q", "x", "-b", "10"], 3, "empty"),
    (["compress", "blank.txt", "-q", "x", "-b", "10"], 3, "empty"),
    (["compress", "story.txt", "-q", " ", "-b", "10"], 2, "query is empty"),
    (["compress", "story.txt", "-q", "x"], 2, "no budget"),
    (["compress", "story.txt", "-q", "x", "-b", "0"], 2, "budget"),
    (["compress", "story.txt", "-q", "x", "-b", "lots"], 2, "lots"),
    (["compress", "story.txt", "-b", "10"], 2, "query"),
    (["compress", "story.txt", "-q", "x", "-b", "10", "--top-p", "7"], 2, "top-p"),
    (["compress", "story.txt", "-q", "x", "-b", "10", "--tokenizer", "no-such-thing"], 5, "no-such-thing"),
    (["compress", "story.txt", "-q", "x", "-b", "10", "--checkpoint", "nowhere"], 4, "nowhere"),
    (["compress", "story.txt", "-q", "x", "-b", "10", "--checkpoint", "empty-folder"], 4, "config.json"),
    (["compress", "story.txt", "-q", "x", "-b", "10", "-o", "story.txt"], 3, "exists"),
    (["compress", "story.txt", "-q", "x", "-b", "10", "-o", "no/where.txt"], 3, "no such directory"),
    (["compress", "story.txt", "-q", "x", "-b", "10", "--device", "mps"], 5, "mps"),
    (["compress", "story.txt", "in.jsonl", "-q", "x", "-b", "10"], 2, "mix"),
    (["compress", "story.txt", "-q", "x", "-b", "10", "--no-such-flag"], 2, "no-such-flag"),
    (
        ["compress", "story.txt", "--query-parser", "tail:40", "-b", "9"],
        6,
        "always kept",
    ),
    (["compress", "story.txt", "--query-parser", "tail:0", "-b", "9"], 2, "not a parser"),
    (["compress", "story.txt", "--query-parser", "head", "-b", "9"], 2, "not a parser"),
    (["compress", "story.txt", "-q", "x", "-b", "9", "--cache-size", "much"], 2, "not a size"),
    (["score", "missing.txt", "-q", "x"], 3, "no such file"),
    (["compress", "story.txt", "--query-parser", "given", "-b", "9"], 2, "no query"),
    (["compress", "story.txt", "-q", "x", "-b", "9", "-o", "/dev/null", "--overwrite"], 3, "regular file"),
    (["compress", "story.txt", "-q", "x", "-b", "9", "-o", "same", "--report", "same"], 2, "two files"),
    (["compress", "story.txt", "-q", "x", "-b", "9", "--resume"], 2, "batch"),
    (["compress", "story.txt", "-q", "x", "-b", "9", "-o", ""], 3, "is a directory"),
    (["compress", "story.txt", "-q", "x", "-b", "9", "--report", "."], 3, "is a directory"),
    (["compress", "story.txt", "-q", "x", "-b", "9", "--html", "/"], 3, "is a directory"),
    (["compress", "story.txt", "-q", "x", "-b", "9", "--checkpoint", ""], 4, "config.json"),
    (["compress", "", "-q", "x", "-b", "9"], 2, "empty"),
    (
        ["compress", "story.txt", "-q", "key", "-b", "9", "--as-published"],
        6,
        "drop --as-published, or use --b",
    ),
    (["train-stage1", "-o", "x", "--limit", "squad=²"], 2, "DATASET=N"),
    (["train-stage1", "-o", "x", "--limit", "2wki=3"], 2, "2wiki"),
    (["compress", "in.jsonl", "-b", "9", "--query-field", "context"], 2, "are both"),
    (["train-stage1", "--data", "in.jsonl", "-o", "story.txt", "--preset", "smoke"], 3, "cannot be written"),
    (
        ["train-stage2", "--data", "in.jsonl", "-o", "story.txt/x", "--preset", "smoke"],
        3,
        "cannot be written",
    ),
]


@pytest.mark.parametrize(("args", "code", "word"), BAD, ids=[" ".join(args) for args, _, _ in BAD])
def test_bad_input_has_its_exit_code_and_a_sentence(
    folder: Path, args: list[str], code: int, word: str
) -> None:
    (folder / "empty-folder").mkdir()
    (folder / "binary.bin").write_bytes(b"\0\1")
    (folder / "latin1.txt").write_bytes("café".encode("latin-1"))
    (folder / "empty.txt").touch()
    (folder / "blank.txt").write_text(" \n")
    write_records(folder / "in.jsonl", 1)
    before = (folder / "story.txt").read_bytes()
    result = invoke(*args)
    assert result.exit_code == code, result.output
    assert word in re.sub(r"\s+", " ", result.stderr)
    assert "try: " in result.stderr or "Try " in result.stderr
    assert result.stdout == ""
    assert (folder / "story.txt").read_bytes() == before
    assert not list(folder.glob("*.partial"))


def test_records_that_fail_stand_in_their_places(folder: Path) -> None:
    good = {"id": "a", "context": story(1), "query": "Where is the spare key?"}
    raw = [
        orjson.dumps(good),
        b"{broken",
        orjson.dumps({"id": "c", "context": 5}),
        orjson.dumps({**good, "id": "d"}),
    ]
    raw.append(orjson.dumps({"id": "e", "context": "no query"}))
    raw.append(orjson.dumps({"id": "f", "prompt": "word " * 50 + "\n\nQuestion: what?", "budget": 2}))
    (folder / "in.jsonl").write_bytes(b"\n".join(raw))
    result = invoke("compress", "in.jsonl", "-b", "60", "-o", "out.jsonl")
    assert result.exit_code == 3
    lines = lines_of((folder / "out.jsonl").read_bytes())
    assert [line["id"] for line in lines] == ["a", 2, "c", "d", "e", "f"]
    codes = [line.get("error", {}).get("code") for line in lines]
    assert codes == [None, "malformed-json", "bad-field", None, "missing-query", "budget"]
    stopped = invoke("compress", "in.jsonl", "-b", "60", "-o", "other.jsonl", "--fail-fast")
    assert stopped.exit_code == 3
    assert not (folder / "other.jsonl").exists()


def test_resume_continues_after_a_torn_line(folder: Path) -> None:
    write_clock_records(folder / "in.jsonl", 6, size=1)
    args = ("compress", "in.jsonl", "-b", "90", "--quiet", "--report", "report.jsonl")
    assert invoke(*args, "-o", "out.jsonl").exit_code == 0
    whole = {name: (folder / name).read_bytes() for name in ("out.jsonl", "report.jsonl")}
    rng = random.Random(2)
    for _ in range(3):
        for name, raw in whole.items():
            (folder / name).unlink()
            (folder / f"{name}.partial").write_bytes(raw[: rng.randrange(len(raw))])
        assert invoke(*args, "-o", "out.jsonl").exit_code == 3
        assert invoke(*args, "-o", "out.jsonl", "--resume").exit_code == 0
        assert {name: (folder / name).read_bytes() for name in whole} == whole
    assert invoke(*args, "-o", "out.jsonl", "--resume").exit_code == 0
    assert {name: (folder / name).read_bytes() for name in whole} == whole
    assert not list(folder.glob("*.partial"))


def test_resume_refuses_other_settings_and_other_input(folder: Path) -> None:
    write_records(folder / "in.jsonl", 3, size=1)
    assert invoke("compress", "in.jsonl", "-b", "90", "-o", "out.jsonl", "--quiet").exit_code == 0
    before = (folder / "out.jsonl").read_bytes()
    other = invoke("compress", "in.jsonl", "-b", "80", "-o", "out.jsonl", "--resume")
    assert other.exit_code == 3
    assert "settings" in other.stderr
    (folder / "in.jsonl").write_bytes(b'{"id": "other", "context": "a", "query": "b"}\n')
    assert invoke("compress", "in.jsonl", "-b", "90", "-o", "out.jsonl", "--resume").exit_code == 3
    assert (folder / "out.jsonl").read_bytes() == before
    assert not list(folder.glob("*.partial"))


def test_a_batch_ended_by_ctrl_c_is_resumed_to_the_same_bytes(folder: Path) -> None:
    write_clock_records(folder / "in.jsonl", 16, size=1)
    args = ["compress", "in.jsonl", "-b", "60", "--quiet", "-o"]
    process = subprocess.Popen(
        [*PROGRAM, *args, "out.jsonl"],
        cwd=folder,
        stderr=subprocess.PIPE,
        # A shell that runs the tests in its background has them ignore Ctrl-C; the program may not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    partial = folder / "out.jsonl.partial"
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and not (partial.exists() and partial.read_bytes().count(b"\n") >= 3):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=200)
    assert process.returncode == 130, stderr
    assert 3 <= partial.read_bytes().count(b"\n") < 16
    assert invoke(*args, "out.jsonl", "--resume").exit_code == 0
    assert invoke(*args, "straight.jsonl").exit_code == 0
    assert (folder / "out.jsonl").read_bytes() == (folder / "straight.jsonl").read_bytes()


def test_a_closed_pipe_ends_quietly(folder: Path) -> None:
    write_clock_records(folder / "in.jsonl", 12, size=1)
    command = f"{SHELL} compress --format jsonl -b 90 --quiet < in.jsonl | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = in_a_shell(command, folder)
    assert done.stderr == b""
    assert done.stdout.endswith(b"}\n0\n")


def test_documents_cannot_style_or_move_the_terminal(folder: Path) -> None:
    hostile = (
        "\x1b[31mred\x1b[0m \x1b]0;title\x07 [bold]x[/bold] [link=http://x]y[/link] "
        "\x9b2J \u202eevil\u202c\r over\n" * 8
    )
    (folder / "hostile \x1b[2J.txt").write_text(hostile, encoding="utf-8")
    for args in (["score"], ["compress", "-b", "50", "--show", "table"]):
        result = invoke(*args, str(folder), "-q", "\x1b[31mred")
        shown = result.stdout if args[0] == "score" else result.stderr
        assert result.exit_code == 0
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown)
        assert "[bold]x[/bold]" in shown


def test_what_computes_nothing_is_quick_and_loads_no_torch(folder: Path) -> None:
    """Help, a wrong option, a dry run, and the configuration."""
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom longattncomp_cli.main import make_app\n"
        "app = make_app()\n"
        "helps = [['--help'], ['--version'], *([name, '--help'] for name in ('score', 'compress'))]\n"
        "text = ['compress', 'story.txt', '-q', 'x', '-b', '9']\n"
        "for args in [*helps, [*text, '--dry-run'], [*text, '--show-config']]:\n"
        "    assert CliRunner().invoke(app, args).exit_code == 0, args\n"
        "assert CliRunner().invoke(app, ['compress', '-b', 'x', 'y']).exit_code == 2\n"
        "assert not {'torch', 'transformers'} & set(sys.modules), 'heavy import'\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)


def test_resume_never_shortens_a_finished_output(folder: Path) -> None:
    write_records(folder / "in.jsonl", 3, size=1)
    base = ("compress", "in.jsonl", "-b", "90", "-o", "out.jsonl", "--quiet")
    assert invoke(*base).exit_code == 0
    before = (folder / "out.jsonl").read_bytes()
    assert invoke(*base, "--resume", "--limit", "1").exit_code == 3
    (folder / "in.jsonl").write_bytes(b"")
    assert invoke(*base, "--resume").exit_code == 3
    assert (folder / "out.jsonl").read_bytes() == before


def test_resume_refuses_what_it_did_not_write(folder: Path) -> None:
    write_records(folder / "in.jsonl", 2, size=1)
    before = (folder / "in.jsonl").read_bytes()
    assert invoke("compress", "in.jsonl", "-b", "90", "-o", "in.jsonl", "--resume").exit_code == 3
    assert (folder / "in.jsonl").read_bytes() == before
    assert invoke("compress", "in.jsonl", "-b", "90", "-o", "out.jsonl", "--quiet").exit_code == 0
    assert invoke("score", "in.jsonl", "-b", "90", "-o", "out.jsonl", "--resume").exit_code == 3
    (folder / "odd.jsonl").write_bytes(b'{"id": "r0", "selection": "x"}\n')
    assert invoke("compress", "in.jsonl", "-b", "90", "-o", "odd.jsonl", "--resume").exit_code == 3


def test_a_changed_query_file_is_another_run(folder: Path) -> None:
    (folder / "in.jsonl").write_bytes(orjson.dumps({"context": story(1)}) + b"\n")
    (folder / "q.txt").write_text("Who repaired the clock?")
    base = ("compress", "in.jsonl", "-b", "90", "-o", "out.jsonl", "--query-file", "q.txt", "--quiet")
    assert invoke(*base).exit_code == 0
    (folder / "q.txt").write_text("Where is the spare key?")
    assert invoke(*base, "--resume").exit_code == 3


def test_a_link_keeps_pointing_where_it_did(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "link.txt").symlink_to(folder / "real" / "target.txt")
    base = ("compress", "story.txt", "-q", "Where is the spare key?", "-b", "50", "-o", "link.txt")
    assert invoke(*base, "--quiet", "--overwrite").exit_code == 0
    assert (folder / "link.txt").is_symlink()
    assert "blue map" in (folder / "real" / "target.txt").read_text()


def test_fields_pass_through_unchanged_whatever_they_hold(folder: Path) -> None:
    deep: Any = []
    for _ in range(300):
        deep = [deep]
    record = {"id": 12345678901234567890123, "context": "A fact.", "query": "fact", "n": 2**80, "deep": deep}
    (folder / "in.jsonl").write_text(json.dumps(record) + "\n")
    assert invoke("compress", "in.jsonl", "-b", "90", "-o", "out.jsonl", "--quiet").exit_code == 0
    line = json.loads((folder / "out.jsonl").read_text())
    assert {key: line[key] for key in ("id", "n", "deep", "query")} == {
        k: record[k] for k in ("id", "n", "deep", "query")
    }


AWKWARD = [
    ["-q", "\u200b"],
    ["-q", "caf\udce9"],
    ["-q", "x", "--tokenizer", "t" * 300],
    ["-q", "x", "--checkpoint", "c" * 300],
    ["-q", "x", "-o", "o" * 300],
    ["-q", "x", "-b", "9" * 308 + "m"],
    ["-q", "x", "--seed", str(2**70)],
    ["-q", "x", "--limit", str(10**20)],
    ["-q", "x", "n" * 5000],
]


@pytest.mark.parametrize("args", AWKWARD, ids=[" ".join(args)[:20] for args in AWKWARD])
def test_awkward_arguments_are_errors_not_crashes(folder: Path, args: list[str]) -> None:
    result = invoke("compress", "story.txt", "-b", "50", *args)
    assert result.exit_code in (2, 3, 4, 5)
    assert result.stdout == ""


@pytest.mark.parametrize(("redirect", "code"), [(">/dev/full", 5), (">&-", 3)])
def test_standard_output_that_is_full_or_closed(folder: Path, redirect: str, code: int) -> None:
    """What is printed of a dry run is written by what writes a text, and needs no torch."""
    done = in_a_shell(f"{SHELL} compress story.txt -q key -b 50 --dry-run {redirect}", folder)
    assert done.returncode == code
    assert done.stderr.startswith(b"error: standard output")
    assert b"Traceback" not in done.stderr + done.stdout


def test_a_table_or_a_help_text_that_finds_no_room_is_an_error(folder: Path) -> None:
    done = in_a_shell(f"{SHELL} compress --help >/dev/full", folder)
    assert done.returncode == 5
    assert done.stderr.startswith(b"error: standard output: the disk is full")
    assert b"Traceback" not in done.stderr


def test_the_first_failure_names_its_record_or_its_line(folder: Path) -> None:
    lines = [{"id": "unasked", "context": story(1)}, {"context": story(1), "query": "q", "budget": 0}]
    for number, (line, named) in enumerate(zip(lines, ("record 'unasked': ", "in1.jsonl:1: "), strict=True)):
        (folder / f"in{number}.jsonl").write_bytes(orjson.dumps(line))
        done = invoke("compress", f"in{number}.jsonl", "-b", "60")
        assert done.exit_code == 3
        assert f"1 records failed, the first: {named}" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"id": 1, "context": "a"}\n{"id": 2, "context": "b"}\n', True),
        ('{"name": "a"}\n', False),
        ("{x", False),
    ],
)
def test_records_without_a_name_are_suspected(folder: Path, text: str, said: bool) -> None:
    done = invoke("compress", "-q", "a", "-b", "60", stdin=text)
    assert done.exit_code == 0
    assert done.stdout == text
    assert ("add --format jsonl" in done.stderr) == said


def test_a_chunk_of_white_space_alone_does_no_harm(folder: Path) -> None:
    record = {"context": ["word " * 600, "\n \t" * 3000], "query": "code", "budget": 620}
    done = invoke("compress", "--format", "jsonl", stdin=json.dumps(record))
    assert done.exit_code == 0
    assert "error" not in orjson.loads(done.stdout)


@contextmanager
def files_of_at_most(num_bytes: int) -> Iterator[None]:
    """What is written beyond fails, in this process; CPython ignores the signal."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_ctrl_c_while_the_program_loads_ends_it_quietly(folder: Path) -> None:
    """The signal comes at the first import of the program's own."""
    code = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
        "class Interrupt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'longattncomp_cli.main': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "from longattncomp_cli.__main__ import run\n"
        "run()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, timeout=300)
    assert (done.returncode, done.stderr) == (130, b"")


def test_a_disk_that_fills_up_keeps_whole_lines(folder: Path, o200k) -> None:
    """A file size limit stands in for the full disk where no file system can be mounted."""
    write_clock_records(folder / "in.jsonl", 12, size=1)
    args = ("compress", "in.jsonl", "-b", "90", "-o", "out.jsonl", "--quiet")
    with files_of_at_most(4096):
        done = invoke(*args)
    assert done.exit_code in (3, 5), done.stderr
    assert not (folder / "out.jsonl").exists()
    assert 0 < (folder / "out.jsonl.partial").stat().st_size <= 4096
    assert invoke(*args, "--resume").exit_code == 0
    assert len(lines_of((folder / "out.jsonl").read_bytes())) == 12
