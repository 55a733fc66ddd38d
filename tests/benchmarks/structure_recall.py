"""Code with and without structure-aware chunks: evidence recall, and how many kept definitions are whole.

    python tests/benchmarks/structure_recall.py --split train --items 20
    python tests/benchmarks/structure_recall.py --snap sentence structure --items 20 --output results.json

Texts of 105k tokens of Python and questions that name four functions (the task ``code-debug``), compressed by
the program's own path: exact budgets, heading lines and cut marks included. A definition is a function or
method that is in no other, found with Python's own parser; it is *kept* where any line below its head is.
"""

from __future__ import annotations

import argparse
import ast
import warnings
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from shared_haystacks import modules_of

from longattncomp_cli.benchmark.tasks import TaskSetting
from longattncomp_cli.benchmark.tasks.code_debug import made_item
from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.core.budget.tokenizers import load_tokenizer
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.chunking.cutter import cutter
from longattncomp_cli.core.compressor import Compressor, CompressorSettings
from longattncomp_cli.core.scoring.loading import load_scorer
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.core.selection.select import SelectionRule, select
from longattncomp_cli.core.text.spans import SpanPair, merge_spans
from longattncomp_cli.data.metrics import bootstrap_mean, evidence_recall


def definitions_of(text: str) -> list[tuple[SpanPair, int]]:
    """The range of each outermost function or method, and where the first line of its body begins."""
    starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pending: list[ast.AST] = [ast.parse(text)]
    found = []
    while pending:
        for node in ast.iter_child_nodes(pending.pop()):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                end = starts[node.end_lineno or node.lineno] - 1
                found.append(((starts[node.lineno - 1], end), starts[node.body[0].lineno - 1]))
            elif isinstance(node, ast.stmt):
                pending.append(node)
    return found


def measure(compressor: Compressor, item: Item, shares: list[int]) -> dict[str, dict[str, float]]:
    """Figures of one question at each budget."""
    request = item.request
    text = request.sources[0].text
    definitions = definitions_of(text)
    figures = {}
    scores = compressor.scorer.score(request)
    renderer = compressor.renderer(request, scores)
    for share in shares:
        budget = renderer.original_tokens // share
        selection = select(scores, SelectionRule(), renderer, budget, compressor.focus(request))
        kept = merge_spans((span.start, span.end) for span in selection.kept)
        ends = np.array([end for _, end in kept])
        num_touched = num_whole = 0
        for (start, end), body in definitions:
            at = int(np.searchsorted(ends, body, side="right"))
            if at < len(kept) and kept[at][0] < end and kept[at][1] > body:
                num_touched += 1
                num_whole += kept[at][0] <= start and kept[at][1] >= len(text[:end].rstrip())
        figures[f"1/{share}"] = {
            "recall": evidence_recall(kept, item.flat(item.evidence)),
            "whole": num_whole / max(1, num_touched),
            "definitions": num_touched,
        }
    return figures


def main() -> None:
    """Print a row for each way to cut, and write all figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--split", choices=["train", "dev"], default="train", help="which half of the modules"
    )
    parser.add_argument("--items", type=int, default=20, help="questions, each to a text of its own")
    parser.add_argument("--tokens", type=int, default=105_000, help="of a text")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--snap", nargs="+", default=["sentence", "line", "structure"])
    parser.add_argument("--whole", nargs="+", type=int, default=[cutter.WHOLE_UNIT_CHUNKS])
    parser.add_argument("--shares", nargs="+", type=int, default=[7, 28])
    parser.add_argument("--checkpoint", default=DEFAULT_CHECKPOINT)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    checkpoint = load_checkpoint(options.checkpoint)
    scorer = load_scorer(checkpoint)
    tokenizer = load_tokenizer("o200k_base")
    count = lambda text: len(scorer.backbone.tokenize([text])[0].ids)  # noqa: E731
    setting = TaskSetting(seed=options.seed, count_tokens=count)
    modules = modules_of(options.split)
    items = [made_item(modules, f"code-{number}", options.tokens, setting) for number in range(options.items)]
    results: dict[str, Any] = {"settings": {**vars(options), "output": None}, "rows": {}}
    for snap in options.snap:
        for whole in options.whole if snap in ("structure", "auto") else [1]:
            cutter.WHOLE_UNIT_CHUNKS = whole
            compressor = Compressor(
                Scorer(checkpoint, scorer.backbone, snap=snap), tokenizer, CompressorSettings()
            )
            figures = [measure(compressor, item, options.shares) for item in items]
            name = snap if snap not in ("structure", "auto") else f"{snap} (whole up to {whole} chunks)"
            results["rows"][name] = figures
            for share in figures[0]:
                cells = []
                for key in ("recall", "whole", "definitions"):
                    mean = bootstrap_mean([each[share][key] for each in figures], seed=0)
                    cells.append(f"{key} {mean.mean:.3f} [{mean.low:.3f}, {mean.high:.3f}]")
                print(f"{name:34} {share:5} " + "  ".join(cells), flush=True)
    if options.output:
        options.output.write_bytes(
            orjson.dumps(results, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        )


if __name__ == "__main__":
    main()
