"""What can be typed. A change of the surface is seen here, and meant."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import typer
from typer.testing import CliRunner

from longattncomp_cli.benchmark.presets import PRESETS
from longattncomp_cli.benchmark.request import BenchRequest
from longattncomp_cli.commands.options import bench, training
from longattncomp_cli.commands.runs.bench import request_of
from longattncomp_cli.main import COMMANDS, make_app
from longattncomp_cli.training import config as training_config

SHARED = """
    inputs --query --query-file --query-parser --format --context-field --query-field --id-field --limit
    --budget --tokenizer --select --top-p --chunk-tokens --snap --separator --headers --keep --keep-lines
    --keep-head --keep-tail --checkpoint --hops --as-published --output --report --html --overwrite --resume
    --fail-fast --device --quiet --config --show-config --dry-run --backbone --layers --encoding
    --trust-remote-code --cache --shard --engine
"""
SHARED_HIDDEN = "--dtype --seed --chat-template --cache-size --workers"
TRAINING = """
    --output --squad --hotpotqa --qmsum --data --python --key-lists --limit --preset --features --resume
    --questions-per-pool --min-tokens --max-tokens --hard-negatives --negative-share --epochs
    --batch-pools --learning-rate --scalar-lr-multiplier --weight-decay --ema-decay --interpolation
    --warmup-share --dropout --clip-norm --validate-every --validation-questions --held-out-share
    --patience --seed --device --quiet --config
"""
VISIBLE = {
    "score": SHARED + "--json --top --explain",
    "compress": SHARED + "--show --as",
    "train-stage1": TRAINING
    + "--init --layers --pooling --part --backbone --encoding --chat-template --trust-remote-code",
    "train-stage2": TRAINING + "--musique --2wiki --init --sub-queries --part --replay --trust-remote-code",
    "bench": """
        tasks --preset --method --budget --checkpoint --backbone --layers --encoding --baseline --limit
        --context-tokens --depths --squad --hotpotqa --musique --2wiki --qmsum --chroma --xquad
        --query-language --data --code-debug --longbench-v2 --python --haystack --paragraphs --held-out
        --tokenizer --chunk-tokens --snap
        --select --top-p --separator --as-published --spec-model --llmlingua-model --target-url
        --target-model --concurrency --cache --output --html --overwrite --resume --device --seed --quiet
        --config
    """,
}
HIDDEN = {
    "score": SHARED_HIDDEN,
    "compress": SHARED_HIDDEN,
    "train-stage1": "",
    "train-stage2": "",
    "bench": "--share-states --temperature --max-answer-tokens --timeout --retries --dtype",
}
# Options of bench that are not in its request: those of the target model, and of the outputs.
ELSEWHERE = """
    target_url target_model concurrency temperature max_answer_tokens timeout retries cache
    output html overwrite resume quiet config
"""


def parameters(command: str, *, hidden: bool) -> list[str]:
    found = typer.main.get_command(make_app()).commands[command].params  # type: ignore[attr-defined]
    return [
        next((name for name in each.opts if name.startswith("--")), each.name)
        for each in found
        if getattr(each, "hidden", False) is hidden
    ]


@pytest.mark.parametrize("command", VISIBLE)
def test_the_surface_is_the_one_that_is_written_here(command: str) -> None:
    assert sorted(parameters(command, hidden=False)) == sorted(VISIBLE[command].split())
    assert sorted(parameters(command, hidden=True)) == sorted(HIDDEN[command].split())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_declared_alone_is_the_same(command: str) -> None:
    alone, other = (
        CliRunner().invoke(make_app(names), [command, "--help"]) for names in ([command], COMMANDS)
    )
    assert alone.exit_code == other.exit_code == 0
    assert alone.output == other.output


def test_the_help_stays_readable() -> None:
    options = [name for name in parameters("compress", hidden=False) if name.startswith("--")]
    assert len([*options, "--help"]) <= 44


def test_every_hyperparameter_is_an_option() -> None:
    internal = {"questions_per_group", "haystacks", "num_documents", "whole_documents"}
    options = {each.name for each in fields(training.TrainOptions)}
    assert set(training_config.hyperparameters()) - internal <= options


def test_choices_are_those_of_the_code_below() -> None:
    assert set(get_args(bench.PresetName)) == set(PRESETS)
    assert get_args(training.PresetName) == get_args(training_config.PresetName)


def test_the_request_of_a_benchmark_holds_what_was_typed() -> None:
    """Fields are matched by name: every option is in the request, or belongs to the target or the outputs."""
    hints = get_type_hints(bench.BenchOptions)
    requested = {each.name for each in fields(BenchRequest)}
    assert set(hints) == requested | set(ELSEWHERE.split())
    path = Path("dev.json")
    request = request_of(bench.BenchOptions(method=["bm25"], two_wiki=[path], context_tokens=["8k"], seed=7))
    assert (request.method, request.context_tokens, request.seed) == (["bm25"], ["8k"], 7)
    assert {name: list(paths) for name, paths in request.files.items() if paths} == {"2wiki": [path]}
