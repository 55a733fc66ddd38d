"""What the documents show was printed by the program, what they link to is there, and no figure is stale.

``UPDATE_DOCS=1 pytest tests/project/test_docs.py`` writes the real output behind each command.

A ```console block holds one or more commands behind ``$``, each followed by its output. They are run in a
copy of ``samples/``, ``longattncomp`` in this process.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT, shipped_checkpoints
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.main import make_app
from tests.support.cli import invoke

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
RESULTS = ROOT / "tests" / "benchmarks" / "results"
# Texts that the samples are made of are no documents.
INPUTS = {"samples/handbook.md", "samples/inventory/README.md"}
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "longattncomp_cli/**/*.md", "samples/**/*.md", "tests/**/*.md")
    for path in ROOT.glob(pattern)
    if path.relative_to(ROOT).as_posix() not in INPUTS
)
FENCED = re.compile(r"^```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\$ (?P<command>[^\n]+)\n(?P<output>.*?)(?=^\$ |\Z)", re.DOTALL | re.MULTILINE)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def fenced(path: Path, kind: str) -> Iterator[re.Match[str]]:
    """The blocks of one kind."""
    return (block for block in FENCED.finditer(path.read_text(encoding="utf-8")) if block["kind"] == kind)


@dataclass(frozen=True)
class Shown:
    """A command that a document shows, and where its output stands in the document."""

    path: Path
    command: str
    start: int
    end: int
    output: str


def shown_commands() -> list[Shown]:
    return [
        Shown(
            path,
            found["command"],
            block.start("body") + found.start("output"),
            block.start("body") + found.end("output"),
            found["output"],
        )
        for path in DOCUMENTS
        for block in fenced(path, "console")
        for found in COMMAND.finditer(block["body"])
    ]


SHOWN = shown_commands()


# --- What is shown was printed ----------------------------------------------------------------------------

# Numbers that are computed from scores differ in their last digits between processors, and so do the bars
# that show them. Counts (of tokens, chunks, lines, records) and shares of tokens do not.
FROM_SCORES = re.compile(
    r"^heat .*\n(kept  .*\n)?"
    r"|\d+(\.\d+)?%(?! of [\d,]+ tokens| of the input)"
    r"|\d[\d,]*(?= times )"
    r"|\d+\.\d+(e-\d+)?(?!%|\d)|\d+e-\d+"
    r"|about [\d.]+ s|\d+ cores?, \w+"  # of --dry-run
    r"|\"settings\":\"\w+\""
    r"|[█▏▎▍▌▋▊▉░]+",
    re.MULTILINE,
)


def masked(text: str) -> str:
    """The text without what depends on the processor, and without the white space that aligned it."""
    return re.sub(r"[ ]*#[ #]*", "#", FROM_SCORES.sub("#", text))


def test_masking_hides_what_is_computed_from_scores_and_nothing_else() -> None:
    for one, other in (
        ("sum +6.523: 681 times an average chunk", "sum +6.517: 690 times an average chunk"),
        ("score 0.6972, mass  6.9%", "score 0.7012, mass 10.1%"),
        (
            "●     1  store.py:1-9   74  0.4262  ██████████  def",
            "●     1  store.py:1-9   74  0.4216  █████████▊  def",
        ),
    ):
        assert masked(one) == masked(other)
    for counts in (
        "kept 13 of 104 chunks, 10.4% of 9,630 tokens",
        "997 of 1,000 tokens",
        "rank 1, lines 1–185",
    ):
        assert masked(counts) == counts


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``samples/`` that commands may write into, shared by all, in order."""
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(
        ROOT / "samples", folder / "samples", ignore=shutil.ignore_patterns("__pycache__", "*.png")
    )
    return folder


def output_of(command: str) -> str:
    """What a terminal would show of it; commands other than ours are run by a shell.

    In float32 on every machine: where words weigh nearly the same, bf16 puts them in another order.
    """
    words = shlex.split(command)
    if words[0] == "longattncomp":
        text = invoke(*words[1:], env={"LONGATTNCOMP_DTYPE": "float32"}).output
    else:
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60)
        text = done.stdout + done.stderr
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def test_the_first_documents_show_commands() -> None:
    for path in (README, ROOT / "samples" / "GUIDE.md"):
        assert sum(shown.path == path for shown in SHOWN) >= 2, name_of(path)


@pytest.mark.parametrize("index", range(len(SHOWN)), ids=lambda i: f"{name_of(SHOWN[i].path)}:{i}")
def test_the_documents_show_what_the_program_prints(
    index: int, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = SHOWN[index]
    monkeypatch.chdir(place)
    found = output_of(shown.command)
    if os.environ.get("UPDATE_DOCS"):
        now = shown_commands()[index]  # earlier outputs may have moved it
        text = now.path.read_text(encoding="utf-8")
        now.path.write_text(text[: now.start] + found + text[now.end :], encoding="utf-8")
    else:
        assert masked(found) == masked(shown.output)


PYTHON = [
    pytest.param(block["body"], id=f"{name_of(path)}:{number}")
    for path in DOCUMENTS
    for number, block in enumerate(fenced(path, "python"))
]


@pytest.mark.parametrize("source", PYTHON)
def test_the_python_of_the_documents_runs(
    source: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for framework in ("langchain_core", "llama_index"):
        if framework in source:
            pytest.importorskip(framework)
    monkeypatch.chdir(ROOT)
    exec(source, {})
    assert capsys.readouterr().out.strip()


# --- Flags, links and files are there ---------------------------------------------------------------------


def known_flags() -> dict[str, set[str]]:
    """The flags of each command."""
    group = typer.main.get_command(make_app())
    return {
        name: {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)}
        for name, command in group.commands.items()  # type: ignore[attr-defined]
    }


def test_flags_in_the_documents_exist() -> None:
    flags = known_flags()
    anywhere = set().union(*flags.values()) | {"--version", "--verbose", "--install-completion"}
    unknown = []
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for written in re.findall(r"longattncomp ([a-z][a-z0-9-]+) ((?:[^\n`]|\\\n)*)", text):
            name, rest = written
            used = set(re.findall(r"(?<![\w-])--[a-z0-9][a-z0-9-]*", rest.split(" #")[0]))
            unknown += [(name_of(path), name, flag) for flag in used - flags.get(name, anywhere)]
        if name_of(path).startswith(
            ("README", "samples", "longattncomp_cli/core", "longattncomp_cli/training")
        ):
            used = set(re.findall(r"`(--[a-z0-9][a-z0-9-]*)", text))
            unknown += [(name_of(path), "", flag) for flag in used - anywhere]
    assert not unknown


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_relative_links_lead_somewhere(path: Path) -> None:
    text = FENCED.sub("", path.read_text(encoding="utf-8"))
    targets = [target for target in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in target]
    assert not [target for target in targets if not (path.parent / target).exists()]


def test_results_files_that_are_named_are_there() -> None:
    missing = [
        (name_of(path), name)
        for path in DOCUMENTS
        for name in re.findall(r"(?:results/|results: )([\w.-]+\.json)", path.read_text(encoding="utf-8"))
        if not (RESULTS / name).exists()
    ]
    assert not missing


def test_the_readme_is_short_and_fits_a_screen() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 200
    assert not [number for number, line in enumerate(lines, start=1) if len(line) > 120]


def test_each_warning_is_in_the_guide() -> None:
    source = (ROOT / "longattncomp_cli" / "core" / "results" / "warnings.py").read_text(encoding="utf-8")
    codes = re.findall(r'ResultWarning\("([a-z-]+)"', source)
    guide = (ROOT / "samples" / "GUIDE.md").read_text(encoding="utf-8")
    assert len(codes) == source.count("ResultWarning(") > 5
    assert not [code for code in codes if f"| `{code}` |" not in guide]


def test_each_kind_of_input_is_named_once_with_files_that_exist() -> None:
    folder = ROOT / "tests"
    text = (folder / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Kinds of input")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")][2:]
    kinds = [kind.partition("(")[0].split(",")[0].strip() for kind, _, _ in rows]
    assert len(kinds) == len(set(kinds)) > 5
    named = [path for _, _, files in rows for path in re.findall(r"`([^`]+)`", files)]
    assert not [path for path in named if not (folder / path).exists()]


# --- Figures ----------------------------------------------------------------------------------------------

MARKER = re.compile(r"<!-- results: (?P<files>[^>]+?) -->")
TABLE = re.compile(r"^\|(?:[ :-]+\|)+$", re.MULTILINE)


def test_each_table_of_figures_names_its_results() -> None:
    path = ROOT / "tests" / "benchmarks" / "README.md"
    text = path.read_text(encoding="utf-8")
    after = 0
    for table in TABLE.finditer(text):
        assert MARKER.search(text, after, table.start()), f"line {text.count(chr(10), 0, table.start())}"
        after = table.end()


def figures() -> list[tuple[str, str]]:
    """Each results file that a table names and the document of it, but for those that use no checkpoint."""
    return sorted(
        {
            (name_of(path), name)
            for path in DOCUMENTS
            for marker in MARKER.finditer(path.read_text(encoding="utf-8"))
            if "no checkpoint" not in marker["files"]
            for name in re.findall(r"[\w.-]+\.json", marker["files"])
        }
    )


def digests_of(report: dict) -> dict[str, str]:
    """By name the digests of the checkpoints that a results file was measured with: of a report, of a
    script's results, or of each of their parts, which may be measured apart; nothing where one is missing.
    """
    if "checkpoints" in report:
        return report["checkpoints"]
    if "checkpoint_digest" in report:
        name = report.get("checkpoint") or report.get("settings", {}).get("checkpoint")
        return {name or DEFAULT_CHECKPOINT: report["checkpoint_digest"]}
    parts = [part for part in report.values() if isinstance(part, dict) and "environment" in part]
    if not parts or not all("checkpoint_digest" in part for part in parts):
        return {}
    digests = {digest for part in parts for digest in digests_of(part).values()}
    return {DEFAULT_CHECKPOINT: ", ".join(sorted(digests))}


def test_digests_are_read_of_reports_and_of_scripts_and_missed_where_they_are_missing() -> None:
    assert digests_of({"checkpoints": {"stage1": "a"}}) == {"stage1": "a"}
    assert digests_of({"checkpoint": "stage1", "checkpoint_digest": "a"}) == {"stage1": "a"}
    part = {"environment": {}, "checkpoint_digest": "a"}
    assert digests_of({"one": part, "two": part}) == {DEFAULT_CHECKPOINT: "a"}
    assert digests_of({"one": part, "two": {**part, "checkpoint_digest": "b"}}) == {
        DEFAULT_CHECKPOINT: "a, b"
    }
    assert digests_of({"one": part, "two": {"environment": {}}}) == {}
    assert digests_of({"methods": {}}) == {}


@pytest.mark.parametrize("name", sorted({name for _, name in figures()}))
def test_results_say_how_they_were_made(name: str) -> None:
    report = json.loads((RESULTS / name).read_bytes())
    machines = report.get("environments") or [report["environment"]]
    assert report.get("commands") or report["command"]
    assert all(each["commit"] and each["device"] for each in machines)


@pytest.mark.parametrize(("document", "name"), figures())
def test_figures_are_of_the_checkpoints_that_are_shipped(document: str, name: str) -> None:
    report = json.loads((RESULTS / name).read_bytes())
    digests = digests_of(report)
    found = {each: digest for each, digest in digests.items() if each in shipped_checkpoints()}
    assert found, f"{name} names no checkpoint that is shipped; measure again"
    is_published = report.get("settings", {}).get("as_published", False)
    checkpoints = {each: load_checkpoint(each) for each in found}
    shipped = {
        name: (each.as_published() if is_published else each).digest for name, each in checkpoints.items()
    }
    assert found == shipped, f"{name} is of another checkpoint than the shipped one; measure again"
