"""Code with and without structure-aware chunks: evidence recall, and how many kept definitions are whole.

    python tests/benchmarks/structure_recall.py --split train --items 20
    python tests/benchmarks/structure_recall.py --snap sentence auto --whole 4 8 --seed 1 --output FILE

Texts of 105k tokens of Python and questions that name four functions (the task ``code-debug``), compressed by
the program's own path: exact budgets, heading lines and cut marks included. A definition is a function or
method that is in no other, found with Python's own parser; it is *kept* where any line below its head is.
"""

from __future__ import annotations

import argparse
import ast
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from fit.shared_haystacks import modules_of
from results_file import write_results
from timing import device_and_dtype

from longattncomp_cli.benchmark.tasks import TaskSetting
from longattncomp_cli.benchmark.tasks.code_debug import made_item
from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.core.budget.tokenizers import load_tokenizer
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.chunking import cutter
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.scoring.loading import load_scorer
from longattncomp_cli.core.selection.select import SelectionRule, select
from longattncomp_cli.core.settings import CompressorSettings
from longattncomp_cli.core.text.spans import Span, merge_spans
from longattncomp_cli.data.metrics import bootstrap_mean, evidence_recall

FIGURES = ("recall", "whole", "definitions")


def definitions_of(text: str) -> list[tuple[Span, int]]:
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


def measure(compressor: Compressor, item: Item, shares: list[int]) -> list[dict[str, Any]]:
    """A row of figures for each budget of one question."""
    request = item.request
    text = request.sources[0].text
    definitions = definitions_of(text)
    rows = []
    scores = compressor.scorer.score(request)
    renderer = compressor.pipeline.renderer(request, scores)
    for share in shares:
        budget = renderer.original_tokens // share
        selection = select(scores, SelectionRule(), renderer, budget, compressor.pipeline.focus(request))
        kept = merge_spans((span.start, span.end) for span in selection.kept)
        ends = np.array([end for _, end in kept])
        num_touched = num_whole = 0
        for (start, end), body in definitions:
            at = int(np.searchsorted(ends, body, side="right"))
            if at < len(kept) and kept[at][0] < end and kept[at][1] > body:
                num_touched += 1
                num_whole += kept[at][0] <= start and kept[at][1] >= len(text[:end].rstrip())
        rows.append(
            {
                "item": item.id,
                "budget": f"1/{share}",
                "recall": evidence_recall(kept, item.flat(item.evidence)),
                "whole": num_whole / max(1, num_touched),
                "definitions": num_touched,
            }
        )
    return rows


def summarised(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each way to cut and budget, the mean of each figure with its interval."""
    summary = []
    for cut, budget in dict.fromkeys((row["cut"], row["budget"]) for row in rows):
        own = [row for row in rows if row["cut"] == cut and row["budget"] == budget]
        means = {name: asdict(bootstrap_mean([row[name] for row in own], seed=0)) for name in FIGURES}
        summary.append({"cut": cut, "budget": budget, "items": len(own), **means})
    return summary


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
    parser.add_argument(
        "--whole",
        nargs="+",
        type=int,
        default=[cutter.WHOLE_UNIT_CHUNKS],
        help="chunks that a definition may have and be kept in one (structure and auto)",
    )
    parser.add_argument("--shares", nargs="+", type=int, default=[7, 28], help="budgets: one part in so many")
    parser.add_argument("--checkpoint", default=DEFAULT_CHECKPOINT)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    scorer = load_scorer(load_checkpoint(options.checkpoint))
    tokenizer = load_tokenizer("o200k_base")
    setting = TaskSetting(
        seed=options.seed, count_tokens=lambda text: len(scorer.backbone.tokenize([text])[0].ids)
    )
    modules = modules_of(options.split)
    items = [made_item(modules, f"code-{number}", options.tokens, setting) for number in range(options.items)]
    rows: list[dict[str, Any]] = []
    for snap in options.snap:
        follows_structure = snap in ("structure", "auto")
        compressor = Compressor(scorer.with_options(snap=snap), tokenizer, CompressorSettings())
        for whole in options.whole if follows_structure else [cutter.WHOLE_UNIT_CHUNKS]:
            # The constant is what is measured: no option of the program changes it.
            cutter.WHOLE_UNIT_CHUNKS = whole
            cut = f"{snap} (whole up to {whole} chunks)" if follows_structure else snap
            found = [row for item in items for row in measure(compressor, item, options.shares)]
            rows += [{"cut": cut, **row} for row in found]
            for cell in summarised(rows[-len(found) :]):
                means = (f"{n} {{mean:.3f}} [{{low:.3f}}, {{high:.3f}}]".format(**cell[n]) for n in FIGURES)
                print(f"{cut:34} {cell['budget']:5} " + "  ".join(means), flush=True)
    if options.output:
        write_results(
            options.output,
            {"summary": summarised(rows), "rows": rows},
            checkpoint=options.checkpoint,
            **device_and_dtype(scorer),
        )


if __name__ == "__main__":
    main()
