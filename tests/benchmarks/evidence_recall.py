"""Evidence recall at a token budget: checkpoints against BM25, pooled cosine and MaxSim over the same chunks.

    python tests/benchmarks/evidence_recall.py --data-dir DATA --limit 60 --output results.json

All methods see the same chunks, the same states (a haystack is encoded once) and the same selection: by rank
until the budget, a share of the text's backbone tokens, is full. Evidence is whole gold paragraphs, turns,
definitions or pairs; recall is the share of its characters that was kept. ``--split train`` builds the same
tasks from the held-out part of the train files: choose there, report on ``dev``. ``--ablate`` sets beside the
first checkpoint copies of it that leave out a step of scoring.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import torch
from evidence_methods import CachedBackbone, Scored, fill_budget, score_bm25, score_checkpoint, score_states
from evidence_tasks import TASKS, Item, Setting, Task

from longattncomp_cli.core.backbones.runtime import keep_freed_memory, resolve_device, resolve_dtype
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.checkpoint.store import Checkpoint, load_checkpoint
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.loading import load_backbone
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.data.metrics import (
    auroc,
    bootstrap_mean,
    evidence_recall,
    is_evidence_complete,
    paired_difference,
)
from longattncomp_cli.data.splits import HELD_OUT_SHARE

LEFT_OUT: dict[str, dict[str, Any]] = {
    "one hop": {"hops": 1},
    "no names": {"names": 0.0},
    "not per token": {"per_token": False},
    "no reach": {"reach": None},
    "no coverage": {"coverage": 0.0},
    "hops alone": {"names": 0.0, "per_token": False, "reach": None, "coverage": 0.0},
}
BASELINES = ("bm25", "cosine", "maxsim")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table after every task, and write the results as they come."""
    options = _parse(arguments)
    keep_freed_memory()
    bench = Bench(options)
    setting = Setting(
        data_dir=options.data_dir,
        split=options.split,
        held_out_share=options.held_out_share,
        limit=options.limit,
        limit_long=options.limit_long,
        num_tokens=options.tokens,
        seed=options.seed,
        count_tokens=bench.count_tokens,
    )
    results: dict[str, Any] = {"settings": _settings(options, bench), "tasks": {}}
    for name in options.tasks:
        started = time.perf_counter()
        task = TASKS[name]
        items = [bench.measure(task, item) for item in task.build(setting)]
        summary = summarise(task, items, bench.methods, seed=options.seed)
        seconds = round(time.perf_counter() - started, 1)
        results["tasks"][name] = {"seconds": seconds, "summary": summary, "items": items}
        if options.output:
            _write(options.output, results)
        print("\n".join(table(name, summary, bench.methods)), flush=True)


class Bench:
    """The checkpoints on one cached backbone, and the baselines beside them."""

    def __init__(self, options: argparse.Namespace) -> None:
        checkpoints = [load_checkpoint(name) for name in options.checkpoint or [DEFAULT_CHECKPOINT]]
        first = checkpoints[0].config
        place = resolve_device(options.device)
        layers = sorted({layer for c in checkpoints for layer in c.config.layers})
        for other in checkpoints[1:]:
            if (other.config.backbone.sha256, other.config.window_tokens) != (
                first.backbone.sha256,
                first.window_tokens,
            ):
                sys.exit(f"{other.config.name} and {first.name} do not share backbone and window_tokens")
        self.layer = layers[-1]
        inner = load_backbone(
            first.backbone,
            num_layers=max(self.layer, 1),
            window_tokens=first.window_tokens,
            device=place,
            dtype=resolve_dtype(options.dtype, place),
        )
        self.backbone = CachedBackbone(inner, layers)
        self.chunk_tokens = options.chunk_tokens or first.chunk_tokens
        self.snap = options.snap or first.snap
        self.scorers = {
            name: Scorer(checkpoint, self.backbone, chunk_tokens=self.chunk_tokens, snap=self.snap)
            for name, checkpoint in [
                *_named(checkpoints, options.checkpoint),
                *(_without(checkpoints[0]) if options.ablate else ()),
            ]
        }
        self.methods = [*(BASELINES if options.baselines else ()), *self.scorers]
        self.has_baselines = options.baselines

    def count_tokens(self, text: str) -> int:
        """How many backbone tokens a text has."""
        return len(self.backbone.tokenize([text])[0].ids)

    def measure(self, task: Task, item: Item) -> dict[str, Any]:
        """Score one item with every method; what is returned holds figures and no text."""
        request = Request(sources=(Source(item.text),), query=item.query)
        context = next(iter(self.scorers.values())).tokenize(request)
        chunks = context.sources[0].chunks
        scored: dict[str, Scored] = {}
        if self.has_baselines:
            scored["bm25"] = score_bm25(item.text, item.query, chunks)
            scored |= score_states(self.backbone, context, item.query, self.layer)
        scored |= {name: score_checkpoint(scorer, request) for name, scorer in self.scorers.items()}
        num_tokens = sum(chunk.num_backbone_tokens for chunk in chunks)
        figures: dict[str, Any] = {
            "id": item.id,
            "label": item.label,
            "num_tokens": num_tokens,
            "num_chunks": len(chunks),
            "evidence_chars": sum(end - start for start, end in item.evidence),
            "methods": {},
        }
        for name, (scores, confidence) in scored.items():
            recall, complete = {}, {}
            for share in task.budgets:
                kept = fill_budget(scores, chunks, num_tokens // share)
                recall[f"1/{share}"] = round(evidence_recall(kept, item.evidence), 4)
                complete[f"1/{share}"] = is_evidence_complete(kept, item.evidence)
            signal = float(np.max(scores)) if confidence is None else confidence
            figures["methods"][name] = {
                "recall": recall,
                "complete": complete,
                "confidence": signal,
                "confidence_from": "top score" if confidence is None else "sink",
            }
        return figures


def summarise(
    task: Task, items: list[dict[str, Any]], methods: Sequence[str], *, seed: int = 0
) -> dict[str, Any]:
    """Means with 95% bootstrap intervals; the paired difference to the best baseline; AUROC."""
    summary: dict[str, Any] = {"num_items": len(items), "budgets": {}, "auroc": {}}
    for share in task.budgets:
        budget = f"1/{share}"
        rows: dict[str, Any] = {}
        values = {m: [item["methods"][m]["recall"][budget] for item in items] for m in methods}
        for method in methods:
            complete = [float(item["methods"][method]["complete"][budget]) for item in items]
            rows[method] = {
                "recall": _rounded(bootstrap_mean(values[method], seed=seed)),
                "complete": _rounded(bootstrap_mean(complete, seed=seed)),
            }
        baselines = [method for method in methods if method in BASELINES]
        if baselines:
            best = max(baselines, key=lambda method: float(np.mean(values[method])))
            for method in methods:
                if method not in BASELINES:
                    difference = paired_difference(values[method], values[best], seed=seed)
                    rows[method]["against"] = {"baseline": best, "difference": _rounded(difference)}
        summary["budgets"][budget] = rows
    labels = dict.fromkeys(item["label"] for item in items)
    for label in labels if "answerable" in labels else ():
        if label != "answerable":
            summary["auroc"][label] = {
                m: round(auroc(*(_confidences(items, m, side) for side in ("answerable", label))), 4)
                for m in methods
            }
    return summary


def table(name: str, summary: dict[str, Any], methods: Sequence[str]) -> list[str]:
    """Lines of a Markdown table: mean recall and its interval, best first column by method order."""
    head = f"| {name} (n = {summary['num_items']}) | " + " | ".join(methods) + " |"
    lines = ["", head, "|" + "---|" * (len(methods) + 1)]
    for budget, rows in summary["budgets"].items():
        cells = [rows[method]["recall"] for method in methods]
        lines.append(
            f"| recall at {budget} | "
            + " | ".join(f"{c['mean']:.3f} [{c['low']:.3f}, {c['high']:.3f}]" for c in cells)
            + " |"
        )
        cells = [rows[method]["complete"] for method in methods]
        lines.append(f"| all evidence at {budget} | " + " | ".join(f"{c['mean']:.3f}" for c in cells) + " |")
    for label, figures in summary["auroc"].items():
        lines.append(f"| AUROC, {label} | " + " | ".join(f"{figures[m]:.3f}" for m in methods) + " |")
    return lines


def _confidences(items: list[dict[str, Any]], method: str, label: str) -> list[float]:
    return [item["methods"][method]["confidence"] for item in items if item["label"] == label]


def _rounded(interval: Any) -> dict[str, float]:
    return {key: round(getattr(interval, key), 4) for key in ("mean", "low", "high")}


def _named(checkpoints: list[Checkpoint], names: Sequence[str] | None) -> list[tuple[str, Checkpoint]]:
    """Call each by its own name, or by where it was loaded from where two have the same."""
    own = [checkpoint.config.name for checkpoint in checkpoints]
    return [
        (name if own.count(name) == 1 else (names or own)[i], checkpoints[i]) for i, name in enumerate(own)
    ]


def _without(checkpoint: Checkpoint) -> list[tuple[str, Checkpoint]]:
    """The checkpoint without each of its steps of scoring."""
    return [
        (name, Checkpoint(replace(checkpoint.config, **changes), checkpoint.tensors))
        for name, changes in LEFT_OUT.items()
    ]


def _settings(options: argparse.Namespace, bench: Bench) -> dict[str, Any]:
    chosen = {
        key: value for key, value in vars(options).items() if key not in ("output", "data_dir", "checkpoint")
    }
    return {
        **chosen,
        "chunk_tokens": bench.chunk_tokens,
        "snap": bench.snap,
        "window_tokens": bench.backbone.window_tokens,
        "baseline_layer": bench.layer,
        "checkpoints": {name: scorer.checkpoint.digest for name, scorer in bench.scorers.items()},
        "backbone": bench.backbone.spec.sha256,
        "versions": {
            "python": platform.python_version(),
            "longattncomp": version("longattncomp") if _is_installed() else "source",
            "torch": torch.__version__,
            "bm25s": version("bm25s"),
        },
    }


def _is_installed() -> bool:
    try:
        return bool(version("longattncomp"))
    except ModuleNotFoundError:
        return False


def _write(path: Path, results: dict[str, Any]) -> None:
    partial = path.with_name(path.name + ".partial")
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
    partial.write_bytes(orjson.dumps(results, option=options))
    partial.replace(path)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data-dir", type=Path, required=True, help="folder of the data sets, one folder each")
    add("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    add("--checkpoint", action="append", help="name or directory; may be given several times")
    add("--split", choices=["dev", "train"], default="dev", help="train: its held-out part, to choose on")
    add("--held-out-share", type=float, default=HELD_OUT_SHARE, help="of train, what was not trained on")
    add("--limit", type=int, default=60, help="items a task")
    add("--limit-long", type=int, default=20, help="items of code-four, which is five times as long")
    add("--tokens", type=int, default=20_000, help="length of a haystack in backbone tokens")
    add("--chunk-tokens", type=int, help="default: the first checkpoint's")
    add("--snap", help="default: the first checkpoint's")
    add("--seed", type=int, default=0)
    add("--device", default="auto")
    add("--dtype", default="auto")
    add("--ablate", action="store_true", help="the first checkpoint without each of its steps, too")
    add("--no-baselines", dest="baselines", action="store_false")
    add("--output", type=Path, help="results as JSON: settings, figures of every item, summaries")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
