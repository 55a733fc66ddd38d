"""The options of ``bench`` as one value; its fields are named as those of the benchmark's request."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from longattncomp_cli.benchmark.methods.registry import METHOD_NAMES
from longattncomp_cli.commands.options import backbone as decoder
from longattncomp_cli.commands.options import common

WHAT, DATA, METHOD, TARGET = "What to compare", "Files", "How methods work", "Target model"


PresetName = Literal["quick", "paper-code-debug", "paper-longbench-v2", "paper-ruler"]
SelectName = Literal["budget", "top-p", "auto"]
"""Selection modes that need nothing of a method."""


def _many(flag: str, text: str, panel: str, metavar: str | None = None) -> Any:
    return typer.Option(
        flag, help=f"{text} (repeatable)", rich_help_panel=panel, show_default=False, metavar=metavar
    )


def _files(flag: str, text: str) -> Any:
    return _many(flag, text, DATA, "FILE")


@dataclass(frozen=True, kw_only=True)
class BenchOptions:
    """What the user asked for: one field an option, of the same name."""

    tasks: Annotated[
        list[str],
        typer.Argument(
            metavar="[TASKS]...",
            help="niah_single_1…3, niah_multikey_1…3, niah_multivalue, niah_multiquery, vt, cwe, fwe, qa_1, "
            "qa_2, squad, squad-hard, hotpotqa, musique, 2wiki, qmsum, unanswerable, chroma, code-debug, "
            "longbench-v2, records, kv, code-nl, xquad. Without any: those of the files given, or of the "
            "preset.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    preset: Annotated[
        PresetName | None,
        typer.Option(
            help="Where the settings come from; flags win. \\[default: quick, without tasks and files]",
            rich_help_panel=WHAT,
        ),
    ] = None
    method: Annotated[
        list[str],
        _many(
            "--method",
            f"{', '.join(METHOD_NAMES)}; where none is given, all that can run but cosine and llmlingua2",
            WHAT,
            "NAME",
        ),
    ] = field(default_factory=list)
    budget: Annotated[
        list[str], _many("--budget", "Tokens to keep at most: 4000, 16k, or a share such as 12.5%", WHAT)
    ] = field(default_factory=list)
    checkpoint: Annotated[
        list[str], _many("--checkpoint", "Checkpoint of longattncomp: a directory or a shipped name", WHAT)
    ] = field(default_factory=list)
    backbone: decoder.BackboneName = None
    layers: decoder.Depth = None
    encoding: decoder.Encoding = None
    baseline: Annotated[
        str,
        typer.Option(
            help="The method that differences are paired with. \\[default: bm25, else random]",
            rich_help_panel=WHAT,
            show_default=False,
        ),
    ] = ""
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Items of a task, for each length. \\[default: 20]", rich_help_panel=WHAT),
    ] = None
    context_tokens: Annotated[
        list[str],
        _many("--context-tokens", "Tokens of synthetic contexts, such as 8k. \\[default: 20k]", WHAT),
    ] = field(default_factory=list)
    depths: Annotated[list[float], _many("--depths", "Where needles lie, 0 to 1, taken in turn", WHAT)] = (
        field(default_factory=list)
    )
    squad: Annotated[list[Path], _files("--squad", "SQuAD v1.1 or v2.0 JSON")] = field(default_factory=list)
    hotpotqa: Annotated[list[Path], _files("--hotpotqa", "HotpotQA JSON")] = field(default_factory=list)
    musique: Annotated[list[Path], _files("--musique", "MuSiQue JSONL")] = field(default_factory=list)
    two_wiki: Annotated[list[Path], _files("--2wiki", "2WikiMultiHopQA JSON")] = field(default_factory=list)
    qmsum: Annotated[list[Path], _files("--qmsum", "QMSum JSONL")] = field(default_factory=list)
    chroma: Annotated[
        list[Path],
        _many("--chroma", "Folder of Chroma's chunking evaluation: NAME.md and questions.jsonl", DATA),
    ] = field(default_factory=list)
    xquad: Annotated[list[Path], _files("--xquad", "XQuAD JSON, the language in its name: xquad.de.json")] = (
        field(default_factory=list)
    )
    query_language: Annotated[
        str,
        typer.Option(
            help="Language of XQuAD's questions, one of the files'. \\[default: the text's]",
            rich_help_panel=DATA,
            show_default=False,
        ),
    ] = ""
    data: Annotated[
        list[Path], _files("--data", "Your records: context, query, and evidence spans or an answer")
    ] = field(default_factory=list)
    code_debug: Annotated[list[Path], _files("--code-debug", "InfiniteBench's code_debug.jsonl")] = field(
        default_factory=list
    )
    longbench_v2: Annotated[list[Path], _files("--longbench-v2", "LongBench v2's JSON")] = field(
        default_factory=list
    )
    python: Annotated[
        list[Path],
        _many(
            "--python", "Make code tasks from the Python files in this folder, not the standard library", DATA
        ),
    ] = field(default_factory=list)
    haystack: Annotated[
        list[Path], _files("--haystack", "Text that needles are hidden in: a text, or JSONL with text fields")
    ] = field(default_factory=list)
    paragraphs: Annotated[
        list[Path], _files("--paragraphs", "More distractors for HotpotQA and 2Wiki: JSONL of title and text")
    ] = field(default_factory=list)
    held_out: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Take only this share of each file's examples, which training holds out (0.05).",
            rich_help_panel=DATA,
        ),
    ] = 0.0
    tokenizer: common.TokenizerName = "o200k_base"
    chunk_tokens: common.ChunkTokens = None
    snap: common.Snap = None
    select: Annotated[
        SelectName | None,
        typer.Option(
            help="Selection of all methods; the numbers of auto were fitted to the scores of longattncomp. "
            "\\[default: budget]",
            rich_help_panel=METHOD,
        ),
    ] = None
    top_p: Annotated[
        float | None,
        typer.Option(help="Cumulative score of --select top-p. \\[default: 0.95]", rich_help_panel=METHOD),
    ] = None
    separator: common.Separator = None
    as_published: common.AsPublished = False
    spec_model: Annotated[
        Path | None,
        typer.Option(
            help="A decoder's folder for spec-prefill; the backbone itself without.", rich_help_panel=METHOD
        ),
    ] = None
    llmlingua_model: Annotated[
        Path | None, typer.Option(help="A classifier's folder for llmlingua2.", rich_help_panel=METHOD)
    ] = None
    share_states: Annotated[
        bool,
        typer.Option(
            help="Encode each context once for all methods; their seconds count the whole pass all the same. "
            "Without: peak memory is that of a lone method.",
            rich_help_panel=METHOD,
            hidden=True,
        ),
    ] = True
    target_url: Annotated[
        str | None,
        typer.Option(
            help="An endpoint that speaks the OpenAI protocol, such as http://localhost:8000/v1; "
            "its key only from OPENAI_API_KEY.",
            rich_help_panel=TARGET,
        ),
    ] = None
    target_model: Annotated[
        str | None, typer.Option(help="The model to ask there.", rich_help_panel=TARGET)
    ] = None
    concurrency: Annotated[int, typer.Option(min=1, help="Concurrent requests.", rich_help_panel=TARGET)] = 8
    temperature: Annotated[
        float, typer.Option(min=0, help="Sampling temperature.", rich_help_panel=TARGET, hidden=True)
    ] = 0.0
    max_answer_tokens: Annotated[
        int | None,
        typer.Option(
            min=1, help="Longest answer. \\[default: the task's]", rich_help_panel=TARGET, hidden=True
        ),
    ] = None
    timeout: Annotated[
        float,
        typer.Option(min=0.1, help="Seconds to wait for an answer.", rich_help_panel=TARGET, hidden=True),
    ] = 600.0
    retries: Annotated[
        int,
        typer.Option(
            min=0, help="Retries after a failure that may pass.", rich_help_panel=TARGET, hidden=True
        ),
    ] = 4
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder of answers that are not asked for again. \\[default: ~/.cache/longattncomp/answers]",
            rich_help_panel=TARGET,
        ),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The report as JSON, every item's row in it.", rich_help_panel=common.WHERE
        ),
    ] = None
    html: Annotated[
        Path | None, typer.Option(help="The report as one page with plots.", rich_help_panel=common.WHERE)
    ] = None
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace existing outputs.", rich_help_panel=common.WHERE)
    ] = False
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue --output; a finished report takes more methods, checkpoints, budgets and tasks.",
            rich_help_panel=common.WHERE,
        ),
    ] = False
    device: common.Device = "auto"
    dtype: common.DType = "auto"
    seed: common.Seed = 0
    quiet: common.Quiet = False
    config: common.Config = None
