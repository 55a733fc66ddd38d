"""``--select auto``: fit its rule on train haystacks, show recall against kept tokens on dev ones.

    python tests/benchmarks/adaptive_selection.py rank --split train --data-dir DATA --output train.json
    python tests/benchmarks/adaptive_selection.py rank --split dev --data-dir DATA --output dev.json
    python tests/benchmarks/adaptive_selection.py fit train.json
    python tests/benchmarks/adaptive_selection.py report dev.json

``rank`` scores each haystack once and writes, in the order of the ranking, each chunk's score, tokens and
share of the evidence; every rule is then judged on these numbers. The rule is fitted to keep the fewest
tokens with a recall, averaged over the budgets, at most one point below filling them, on each train task.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from evidence_tasks import TASKS, Item, Setting

from longattncomp_cli.core.adaptive import AutoRule, stop_rank
from longattncomp_cli.core.checkpoint import DEFAULT_CHECKPOINT, load_checkpoint
from longattncomp_cli.core.metrics import bootstrap_mean
from longattncomp_cli.core.scoring import Scorer, load_scorer
from longattncomp_cli.core.types import Request, Source

EASY, HARD = ("squad", "kv"), ("hotpotqa", "musique", "code-nl")
SHARES = (4, 8, 16)
TOP_PS = (0.5, 0.8, 0.95)
_RATIOS = (0.1, 0.03, 0.01, 0.003, 0.001)
_MASSES = (0.5, 0.9, 0.98)
_SPREADS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 5.0, 10.0, 40.0)
_LEASTS = (1, 2, 4, 6, 10)


def rank(scorer: Scorer, item: Item, task: str) -> dict[str, Any]:
    """The ranking of one haystack as numbers."""
    scores = scorer.score(Request((Source(item.text),), item.query))
    evidence = np.zeros(len(item.text), dtype=bool)
    for start, end in item.evidence:
        evidence[start:end] = True
    chunks = [scores.chunks[i] for i in scores.order]
    return {
        "task": task,
        "sink": scores.sink,
        "scores": [float(f"{scores.scores[chunk.index]:.6g}") for chunk in chunks],
        "tokens": [int(chunk.num_backbone_tokens) for chunk in chunks],
        "evidence": [round(float(evidence[c.start : c.end].sum() / evidence.sum()), 5) for c in chunks],
    }


def judged(item: dict[str, Any], limit: int, share: int) -> tuple[float, float]:
    """Evidence recall and share of the budget used by the first ``limit`` chunks; a cut one in proportion."""
    tokens, evidence = np.array(item["tokens"], dtype=float), np.array(item["evidence"])
    budget = tokens.sum() / share
    before = np.cumsum(tokens) - tokens
    part = np.clip((budget - before) / np.maximum(tokens, 1), 0, 1)
    part[limit:] = 0
    return float((part * evidence).sum()), float((part * tokens).sum() / budget)


def top_p_rank(item: dict[str, Any], top_p: float) -> int:
    """How many chunks top-p takes."""
    scores = np.array(item["scores"])
    return int(np.count_nonzero(np.cumsum(scores) - scores < top_p))


def auto_rank(item: dict[str, Any], rule: AutoRule) -> int:
    """How many chunks the fitted rule takes."""
    return stop_rank(np.array(item["scores"]), item["sink"], rule)


def means(items: list[dict[str, Any]], limits: list[int], shares: tuple[int, ...]) -> tuple[float, float]:
    """Mean recall and use over items and budgets."""
    both = [judged(item, limit, s) for item, limit in zip(items, limits, strict=True) for s in shares]
    return float(np.mean([r for r, _ in both])), float(np.mean([u for _, u in both]))


def fit(items: list[dict[str, Any]]) -> AutoRule:
    """The rule that keeps the fewest tokens within one point of filling the budget, on every task."""
    tasks = [[item for item in items if item["task"] == t] for t in {item["task"]: 0 for item in items}]
    full = [means(own, [10**9] * len(own), SHARES)[0] for own in tasks]
    best, best_use = None, 2.0
    for ratio, mass, spread, least in product(_RATIOS, _MASSES, _SPREADS, _LEASTS):
        rule = AutoRule(ratio=ratio, mass=mass, spread=spread, least=least)
        figures = [means(own, [auto_rank(item, rule) for item in own], SHARES) for own in tasks]
        use = float(np.mean([used for _, used in figures]))
        is_near = all(recall >= most - 0.01 for (recall, _), most in zip(figures, full, strict=True))
        if is_near and use < best_use:
            best, best_use = rule, use
    print(f"fill: recall {np.mean(full):.4f}; best {best}: use {best_use:.3f}")
    if best is None:
        raise SystemExit("no rule comes within one point of filling the budget")
    return best


def report(items: list[dict[str, Any]], rule: AutoRule) -> None:
    """A table: recall and share of the budget used, for each task and way to select."""
    ways = {"budget": lambda item: 10**9}
    ways |= {f"top-p {p}": lambda item, p=p: top_p_rank(item, p) for p in TOP_PS}
    ways["auto"] = lambda item: auto_rank(item, rule)
    print("| task | budget | " + " | ".join(ways) + " |\n|" + "---|" * (len(ways) + 2))
    for task in dict.fromkeys([item["task"] for item in items]):
        own = [item for item in items if item["task"] == task]
        for share in SHARES:
            cells = []
            for way in ways.values():
                figures = [judged(item, way(item), share) for item in own]
                recall = bootstrap_mean([r for r, _ in figures], seed=0)
                used = np.mean([u for _, u in figures])
                cells.append(f"{recall.mean:.3f} / {used:.0%}")
            print(f"| {task} ({len(own)}) | 1/{share} | " + " | ".join(cells) + " |")
    for name, way in ways.items():
        recall, used = means(items, [way(item) for item in items], SHARES)
        print(f"all: {name:10} recall {recall:.4f}, {used:.1%} of the budget")


def main() -> None:
    """Rank, fit or report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=["rank", "fit", "report"])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--split", choices=["train", "dev"], default="train")
    parser.add_argument("--tasks", nargs="+", default=[*EASY, *HARD])
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=12_000)
    parser.add_argument("--checkpoint", default=DEFAULT_CHECKPOINT)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if options.step == "rank":
        scorer = load_scorer(load_checkpoint(options.checkpoint))
        count = lambda text: len(scorer.backbone.tokenize([text])[0].ids)  # noqa: E731
        share = 0.0 if options.split == "dev" else 0.05
        setting = Setting(options.data_dir, options.split, share, options.limit, 0, options.tokens, 7, count)
        ranked: list[dict[str, Any]] = []
        for task in options.tasks:
            ranked += [rank(scorer, item, task) for item in TASKS[task].build(setting) if item.evidence]
            options.output.write_bytes(orjson.dumps(ranked, option=orjson.OPT_SERIALIZE_NUMPY))
            print(task, len(ranked), flush=True)
        return
    items = [item for file in options.files for item in orjson.loads(file.read_bytes())]
    if options.step == "fit":
        fit(items)
    else:
        report(items, AutoRule())


if __name__ == "__main__":
    main()
