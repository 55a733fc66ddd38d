"""Score haystacks that several questions share; keep the numbers that confidence and ``auto`` are fitted on.

    python tests/benchmarks/fit/collect_features.py --split train --data-dir DATA --output train.jsonl
    python tests/benchmarks/fit/collect_features.py --split dev --seed 5 --data-dir DATA --output dev.jsonl

One line a question: its kind and label, the haystack's number, the scorer's features and sink, and for each
chunk its size, its share of the evidence and its score after one hop and after all. No text is kept.
``train`` means the held-out part of the training files (``--held-out-share``), on which every choice is made.
"""

from __future__ import annotations

import argparse
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from shared_haystacks import ENGLISH_KINDS, KINDS, Question, Setting, SharedHaystack, shared_haystacks

from longattncomp_cli.core.backbones.cache.backbone import MEMORY_BYTES, cached
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.loading import load_scorer
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.data.splits import HELD_OUT_SHARE

_DIGITS = 6


def row(scorer: Scorer, haystack: SharedHaystack, question: Question) -> dict[str, Any]:
    """What one question shows, with all hops and with one."""
    request = Request((Source(haystack.text),), question.query)
    scores = scorer.score(request)
    if scores.features is None:
        raise SystemExit("the checkpoint has no sink: it has no confidence")
    evidence = np.zeros(len(haystack.text), dtype=bool)
    for start, end in question.evidence:
        evidence[start:end] = True
    total = max(1, int(evidence.sum()))
    found: dict[str, Any] = {
        "kind": haystack.kind,
        "label": question.label,
        "sink": scores.sink,
        "features": {name: round(value, _DIGITS) for name, value in scores.features.items()},
    }
    if question.evidence:
        first = scorer.with_options(hops=1, hops_are_required=True).score(request)
        found |= {
            "tokens": [int(chunk.num_backbone_tokens) for chunk in scores.chunks],
            "evidence": [round(float(evidence[c.start : c.end].sum()) / total, 5) for c in scores.chunks],
            "scores": [float(f"{score:.{_DIGITS}g}") for score in scores.scores],
            "first_hop": [float(f"{score:.{_DIGITS}g}") for score in first.scores],
        }
    return found


def main() -> None:
    """Score and write, a line at a time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data-dir", type=Path, required=True)
    add("--output", type=Path, required=True)
    add("--checkpoint", default=DEFAULT_CHECKPOINT)
    add("--split", choices=["train", "dev"], default="train")
    add("--held-out-share", type=float, default=HELD_OUT_SHARE)
    add("--kinds", nargs="+", choices=list(KINDS), default=list(ENGLISH_KINDS))
    add("--contexts", type=int, default=24, help="of each kind; each is asked about ten questions")
    add("--least-tokens", type=int, default=800)
    add(
        "--tokens",
        type=int,
        default=16_000,
        help="of the longest context; lengths spread evenly in logarithm",
    )
    add("--seed", type=int, default=0)
    options = parser.parse_args()
    scorer = load_scorer(load_checkpoint(options.checkpoint))
    backbone = scorer.backbone
    scorer = scorer.with_backbone(cached(backbone, memory_bytes=MEMORY_BYTES[backbone.device.type]))
    count = lru_cache(maxsize=None)(lambda text: len(backbone.tokenize([text])[0].ids))
    setting = Setting(
        data_dir=options.data_dir,
        split=options.split,
        held_out_share=options.held_out_share,
        limit=options.contexts,
        seed=options.seed,
        count_tokens=count,
    )
    started = time.perf_counter()
    last = ""
    lengths = (options.least_tokens, options.tokens)
    with options.output.open("wb") as file:
        for number, haystack in enumerate(shared_haystacks(setting, options.kinds, lengths)):
            for question in haystack.questions:
                found = {"haystack": f"{options.seed}-{number}", **row(scorer, haystack, question)}
                file.write(orjson.dumps(found, option=orjson.OPT_APPEND_NEWLINE))
            if haystack.kind != last:
                last = haystack.kind
                print(f"{last} from {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
