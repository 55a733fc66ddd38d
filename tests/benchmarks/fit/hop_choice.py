"""What the second hop is worth to a checkpoint, and at which temperature and strength.

    python tests/benchmarks/fit/hop_choice.py multilingual --data-dir DATA --output multilingual_hop.json

Held-out training questions of one and of several steps over haystacks that they share, and XQuAD's on the half of
the articles that is not reported, in the text's language and in English. Each context is read once. Evidence
recall of characters at tight budgets, and the paired difference to one hop with its standard error over questions.
The untrained hop is measured at each temperature and strength, and as it stands in the checkpoint (``own``).
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from shared_haystacks import Setting, shared_haystacks, xquad_half
from xquad_choice import LANGUAGES, asked

from longattncomp_cli.core.attention.hop_layer import HopLayer
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.compressor import Compressor, CompressorSettings
from longattncomp_cli.core.scoring.loading import load_scorer
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.data.haystacks import render
from longattncomp_cli.data.splits import HELD_OUT_SHARE

sys.path.insert(0, str(Path(__file__).parents[1]))
from results_file import write_results

KINDS = ("2wiki", "musique", "hotpotqa", "squad")
SHARES = (8, 32)
"""A part of so many of the haystack's tokens is kept."""

Asked = tuple[str, str, tuple[Span, ...]]
"""A set's name, a query, and its evidence."""


def contexts(setting: Setting, lengths: tuple[int, int]) -> Iterator[tuple[str, list[Asked]]]:
    """Texts and what they are asked; answerable questions alone."""
    for haystack in shared_haystacks(setting, KINDS, lengths):
        yield haystack.text, [(haystack.kind, q.query, q.evidence) for q in haystack.questions if q.evidence]
    languages = {name: xquad_half(setting.data_dir, name, is_reported=False) for name in LANGUAGES}
    taken, ids = asked(languages)
    by_id = {language: {e.id: e for e in found} for language, found in languages.items()}
    for language in LANGUAGES:
        text, spans = render(taken[language])
        place = dict(zip(taken[language], spans, strict=True))
        questions: list[Asked] = []
        for name, query in ("xquad, own language", language), ("xquad, English questions", "en"):
            if name == "xquad, own language" or language != "en":
                for each in ids:
                    found = by_id[language][each].relevant_documents
                    evidence = tuple((place[d].start, place[d].end) for d in found)
                    questions.append((name, by_id[query][each].query, evidence))
        yield text, questions


def scorers(name: str, temperatures: Sequence[float], strengths: Sequence[float]) -> dict[str, Scorer]:
    """By what they are called: one hop, the checkpoint's own, and each untrained one; on one backbone."""
    own = load_scorer(load_checkpoint(name))
    found = {"one hop": own.with_options(hops=1, hops_are_required=True), "own": own}
    for temperature, strength in product(temperatures, strengths):
        layer = HopLayer(own.checkpoint.config.width, 0)
        layer.log_temperature.data.fill_(math.log(temperature))
        layer.log_strength.data.fill_(math.log(strength))
        changed = own.with_options()
        changed._trained_hop = layer.requires_grad_(False).to(own.backbone.device)
        found[f"temperature {temperature:g}, strength {strength:g}"] = changed
    return found


def recall(kept: Sequence[Span], evidence: Sequence[Span]) -> float:
    """The share of the evidence's characters that is kept."""
    hit = sum(max(0, min(k[1], w[1]) - max(k[0], w[0])) for k in kept for w in evidence)
    return hit / sum(end - start for start, end in evidence)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("checkpoint")
    add("--data-dir", type=Path, required=True)
    add("--temperatures", type=float, nargs="*", default=[20, 40, 80, 160])
    add("--strengths", type=float, nargs="*", default=[40, 160, 640])
    add("--contexts", type=int, default=6, help="of each kind")
    add("--tokens", type=int, default=7_500)
    add("--seed", type=int, default=0)
    add("--output", type=Path)
    options = parser.parse_args()
    methods = scorers(options.checkpoint, options.temperatures, options.strengths)
    backbone = methods["own"].backbone
    setting = Setting(
        data_dir=options.data_dir,
        split="train",
        held_out_share=HELD_OUT_SHARE,
        limit=options.contexts,
        seed=options.seed,
        count_tokens=lru_cache(maxsize=None)(lambda text: len(backbone.tokenize([text])[0].ids)),
    )
    compressors = {name: Compressor(each, None, CompressorSettings()) for name, each in methods.items()}
    rows: list[tuple[str, int, str, float]] = []
    for text, questions in contexts(setting, (options.tokens, options.tokens)):
        budgets = [len(backbone.tokenize([text])[0].ids) // share for share in SHARES]
        context = compressors["own"].read(text)
        for kind, query, evidence in questions:
            for share, budget in zip(SHARES, budgets, strict=True):
                request = context.request_of(query, budget)
                for method, compressor in compressors.items():
                    kept = [(s.start, s.end) for s in compressor.compress(request).spans]
                    rows.append((kind, share, method, recall(kept, evidence)))
        print(questions[0][0], len(questions), flush=True)
    cells = list(table(rows, list(methods)))
    print("\n".join(map(str, cells)))
    if options.output:
        facts = {"contexts": options.contexts, "tokens": options.tokens, "rows": cells}
        write_results(options.output, facts, checkpoint=options.checkpoint, device="cpu", dtype="float32")


def table(rows: Sequence[tuple[str, int, str, float]], methods: Sequence[str]) -> Iterator[dict[str, Any]]:
    """For each method, set and budget the mean and its difference to one hop."""
    for method, kind, share in product(methods, dict.fromkeys(row[0] for row in rows), SHARES):
        found, first = (
            np.array([row[3] for row in rows if row[:3] == (kind, share, each)])
            for each in (method, "one hop")
        )
        difference = found - first
        yield {
            "hop": method,
            "set": kind,
            "budget": f"1/{share}",
            "questions": len(found),
            "recall": round(float(found.mean()), 3),
            "difference": round(float(difference.mean()), 3),
            "standard_error": round(float(difference.std() / len(found) ** 0.5), 3),
        }


if __name__ == "__main__":
    main()
