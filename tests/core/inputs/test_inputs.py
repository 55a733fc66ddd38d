"""Files, directories and records are read as the contract says; bad ones are errors that help."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path

import orjson
import pytest
import zstandard

from longattncomp_cli.core.inputs.gather import InputFile, expand_inputs, kind_of_inputs, read_source
from longattncomp_cli.core.inputs.records import FailedRecord, FieldNames, Record, read_records
from longattncomp_cli.errors import InputError, UsageError


def names(files: list[InputFile], root: Path) -> list[str]:
    return [file.path.relative_to(root).as_posix() for file in files]


def read_all(root: Path) -> tuple[list[str], list[str]]:
    notes: list[str] = []
    sources = [
        read_source(file, notes.append, lambda: b"") for file in expand_inputs([str(root)], notes.append)
    ]
    return [source.name for source in sources if source], notes


def test_a_directory_is_walked_in_name_order_and_says_what_it_skips(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.py", "a/b.py", ".hidden", "skip.log", "keep.log", "a/sub.tmp", "bin.dat"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("text")
    (tmp_path / "bin.dat").write_bytes(b"\0\1\2")
    (tmp_path / ".gitignore").write_text("*.log\n!keep.log\n")
    (tmp_path / "a" / ".gitignore").write_text("*.tmp\n")
    read, notes = read_all(tmp_path)
    assert [Path(name).relative_to(tmp_path).as_posix() for name in read] == [
        "a/b.py",
        "a/z.py",
        "b.txt",
        "keep.log",
    ]
    for name, why in {
        ".hidden": "hidden",
        "skip.log": "git-ignored",
        "sub.tmp": "git-ignored",
        "bin.dat": "binary",
    }.items():
        assert any(name in note and why in note for note in notes)


def test_rules_above_the_directory_count_inside_a_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("deep/secret.txt\n")
    (tmp_path / "deep").mkdir()
    for name in ("secret.txt", "open.txt"):
        (tmp_path / "deep" / name).write_text("x")
    files = expand_inputs([str(tmp_path / "deep")], lambda note: None)
    assert names(files, tmp_path / "deep") == ["open.txt"]


def test_links_to_directories_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert names(expand_inputs([str(tmp_path)], lambda note: None), tmp_path) == ["a.txt"]


def test_a_glob_of_any_depth_follows_no_link_to_a_directory(tmp_path: Path, monkeypatch) -> None:
    """Two links up would be followed 2**40 times."""
    monkeypatch.chdir(tmp_path)
    for name in ("top.txt", "a/one.txt", "a/b/two.txt", "a/.hidden/three.txt", "a/b/[x]/four.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("x")
    Path("a/up").symlink_to("..")
    Path("a/b/up").symlink_to("../..")
    Path("a/linked.txt").symlink_to("one.txt")
    below_a = ["a/b/[x]/four.txt", "a/b/two.txt", "a/linked.txt", "a/one.txt"]

    def found(pattern: str) -> tuple[list[str], list[str]]:
        notes: list[str] = []
        return [str(file.path) for file in expand_inputs([pattern], notes.append)], notes

    assert found("a/**/*.txt")[0] == found("a/**")[0] == found("a/**/**/*.t?t")[0] == below_a
    names, notes = found("**/*.txt")
    assert names == [*below_a, "top.txt"]
    assert sorted(notes) == [f"skipped a/{name}up: a link to a directory" for name in ("b/", "")]
    assert found("a/**/b/*.txt")[0] == ["a/b/two.txt"]
    assert found(f"{tmp_path}/**/two.txt")[0] == [f"{tmp_path}/a/b/two.txt"]
    assert found("a/.hidden/**/*.txt")[0] == ["a/.hidden/three.txt"]


def test_an_empty_name_is_not_the_working_directory(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("x")
    with pytest.raises(UsageError, match="empty"):
        expand_inputs(["a.txt", ""], print)


def test_globs_and_order_of_arguments(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b.md", "a.md", "c.txt"):
        Path(name).write_text("x")
    assert [str(f.path) for f in expand_inputs(["c.txt", "*.md"], print)] == ["c.txt", "a.md", "b.md"]


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"abc\0def", "binary"), (b"caf\xe9 au lait", "not-utf8"), (b"\xff\xfe\0\xd8", "not-utf8")],
)
def test_a_named_file_that_is_no_text_is_an_error(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_source(InputFile(path, named=True), print, lambda: b"")
    assert caught.value.code == code
    assert str(path) in caught.value.message


@pytest.mark.parametrize("inputs", [["missing.txt"], ["*.nothing"], ["empty"]])
def test_what_is_not_there_is_an_error(tmp_path: Path, monkeypatch, inputs: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    with pytest.raises(InputError) as caught:
        expand_inputs(inputs, lambda note: None)
    assert caught.value.exit_code == 3


def test_devices_are_refused() -> None:
    with pytest.raises(InputError):
        read_source(InputFile(Path(os.devnull), named=True), print, lambda: b"")


def test_line_ends_survive(tmp_path: Path) -> None:
    path = tmp_path / "crlf.txt"
    path.write_bytes(b"one\r\ntwo\rthree\n")
    source = read_source(InputFile(path, named=True), print, lambda: b"")
    assert source is not None
    assert source.text == "one\r\ntwo\rthree\n"


def test_records_or_text_by_name() -> None:
    records = [InputFile(Path(n), named=True) for n in ("a.jsonl", "b.ndjson", "c.jsonl.gz", "D.JSONL.ZST")]
    text = [InputFile(Path(n), named=True) for n in ("a.json", "b.txt.gz", "-")]
    assert kind_of_inputs(records, "auto") == "jsonl"
    assert kind_of_inputs(text, "auto") == "text"
    assert kind_of_inputs(records, "text") == "text"
    with pytest.raises(UsageError):
        kind_of_inputs([*records, *text], "auto")


def read_lines(
    tmp_path: Path, *lines: object, name: str = "in.jsonl", **fields: str
) -> list[Record | FailedRecord]:
    raw = b"\n".join(line if isinstance(line, bytes) else orjson.dumps(line) for line in lines)
    if name.endswith(".gz"):
        raw = gzip.compress(raw)
    if name.endswith(".zst"):
        raw = zstandard.compress(raw)
    (tmp_path / name).write_bytes(raw)
    return list(read_records([InputFile(tmp_path / name, named=True)], FieldNames(**fields), io.BytesIO))


@pytest.mark.parametrize("name", ["in.jsonl", "in.jsonl.gz", "in.jsonl.zst"])
def test_records_in_every_form(tmp_path: Path, name: str) -> None:
    first, second, third = read_lines(
        tmp_path,
        {"id": "x", "context": "Text.", "query": "q?", "budget": "16k", "extra": [1]},
        {"context": ["a", {"text": "b", "title": "B"}], "instruction": "Be brief."},
        {"id": 7, "prompt": "Question: why?\n\nlong text"},
        name=name,
    )
    assert isinstance(first, Record)
    assert (first.id, first.query, first.budget, first.extra["extra"]) == ("x", "q?", "16k", [1])
    assert isinstance(second, Record)
    assert second.id == 2
    assert [(s.text, s.title) for s in second.sources] == [("a", ""), ("b", "B")]
    assert second.instruction == "Be brief."
    assert isinstance(third, Record)
    assert third.is_prompt


@pytest.mark.parametrize(
    ("line", "code", "word"),
    [
        (b"{", "malformed-json", "in.jsonl:1"),
        (b"[1]", "malformed-json", "not an object"),
        (b'"\xff"', "not-utf8", "in.jsonl: not UTF-8 (byte 0xff in line 1, column 2)"),
        (b'{"context": "a", "context": "b"}', "malformed-json", "in.jsonl:1: the key 'context' stands twice"),
        (b'{"context": "a", "n": [{"m": 1, "m": 1}]}', "malformed-json", "the key 'm' stands twice"),
        (b'{"context": "a", "n": -1e400}', "malformed-json", "infinity"),
        (rb'{"context": "\ud83d\ude42", "n": -1e400}', "malformed-json", "the number -1e400 is too large"),
        (rb'{"context": "\ud800", "n": NaN}', "malformed-json", "NaN is no number"),
        (b'{"context": "a", "n": [Infinity, 12345678901234567890]}', "malformed-json", ""),
        ({"context": 5}, "bad-field", "context"),
        ({"context": ["a", 5]}, "bad-field", "context[1]"),
        ({"context": "a", "query": 1}, "bad-field", "query"),
        ({"context": "a", "instruction": []}, "bad-field", "instruction"),
        ({"context": "a", "id": [1]}, "bad-field", "id"),
        ({"context": "a", "budget": "lots"}, "bad-budget", "in.jsonl:1: cannot read the budget 'lots'"),
        ({"context": {"text": "a"}}, "bad-field", "found object"),
        ({"context": "a", "id": 1.5}, "bad-field", "found number"),
        ({"context": "a", "keep": [[5, 1]]}, "bad-field", "no such span [5,1]"),
        (b"null", "malformed-json", "a JSON null, not an object"),
        ({"query": "a"}, "missing-field", "neither"),
        ({"context": "a", "prompt": "b"}, "bad-field", "both"),
        ({"context": " \n"}, "empty-context", "empty"),
        ({"context": []}, "empty-context", "empty"),
    ],
)
def test_a_bad_line_fails_alone(tmp_path: Path, line: object, code: str, word: str) -> None:
    failed, good = read_lines(tmp_path, line, {"id": "ok", "context": "fine"})
    assert isinstance(failed, FailedRecord)
    assert failed.error.code == code
    assert word in failed.error.message
    assert isinstance(good, Record)
    assert good.id == "ok"


@pytest.mark.parametrize("names", [{"query": "context"}, {"context": "q", "query": "q"}, {"id": "query"}])
def test_one_field_cannot_be_two_things(names: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="are both"):
        FieldNames(**names)


def test_fields_can_be_renamed(tmp_path: Path) -> None:
    (record,) = read_lines(
        tmp_path, {"uid": "u", "doc": "Text.", "ask": "q?"}, context="doc", query="ask", id="uid"
    )
    assert isinstance(record, Record)
    assert (record.id, record.sources[0].text, record.query) == ("u", "Text.", "q?")


def test_a_damaged_archive_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"context": "a"}\n' * 1000)[:60])
    with pytest.raises(InputError):
        list(read_records([InputFile(path, named=True)], FieldNames(), io.BytesIO))


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_compressed_file_that_was_cut_off_is_an_error(tmp_path: Path, suffix: str) -> None:
    raw = b"".join(orjson.dumps({"context": f"text {os.urandom(20).hex()}"}) + b"\n" for _ in range(50))
    whole = gzip.compress(raw) if suffix == ".gz" else zstandard.compress(raw)
    path = tmp_path / f"in.jsonl{suffix}"
    path.write_bytes(whole[:-30])
    with pytest.raises(InputError):
        list(read_records([InputFile(path, named=True)], FieldNames(), io.BytesIO))
    path.write_bytes(whole[:-40] + bytes(20) + whole[-20:])
    with pytest.raises(InputError):
        list(read_records([InputFile(path, named=True)], FieldNames(), io.BytesIO))
    path.write_bytes(whole + whole)
    assert len(list(read_records([InputFile(path, named=True)], FieldNames(), io.BytesIO))) == 100


def test_patterns_that_git_passes_over_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("!\na\\\n*.log\n")
    for name in ("a.txt", "b.log"):
        (tmp_path / name).write_text("x")
    assert names(expand_inputs([str(tmp_path)], lambda note: None), tmp_path) == ["a.txt"]


def test_a_tree_with_one_record_file_is_text(tmp_path: Path) -> None:
    for name in ("a.py", "fixture.jsonl"):
        (tmp_path / name).write_text("x")
    assert kind_of_inputs(expand_inputs([str(tmp_path)], print), "auto") == "text"
    (tmp_path / "a.py").unlink()
    assert kind_of_inputs(expand_inputs([str(tmp_path)], print), "auto") == "jsonl"


def test_names_of_any_bytes_can_be_shown(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt"))
    path.write_text("text")
    source = read_source(InputFile(path, named=True), print, lambda: b"")
    assert source is not None
    assert source.name.encode("utf-8").endswith(b"caf\\xe9.txt")
