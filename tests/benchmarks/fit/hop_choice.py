"""What the second hop is worth to a checkpoint, and at which temperature and strength.

    python tests/benchmarks/fit/hop_choice.py multilingual --data-dir DATA --output multilingual_hop.json

Held-out training questions of several steps over the haystacks of ``decoder_recall.py``, and XQuAD's on the
half of the articles that is not reported, in the text's language and in English. Each context is read once.
Evidence recall of characters by whole chunks and a part of the last, the paired difference to one hop with
its standard error over questions, and the share of the budget that is used. The untrained hop is measured at
each temperature and strength, and as it stands in the checkpoint (``own``); ``auto`` is the latter with
``--select auto``.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from shared_haystacks import xquad_half

from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.core.attention.hop_layer import HopLayer
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.compressor import Compressor, CompressorSettings
from longattncomp_cli.core.scoring.loading import load_scorer
from longattncomp_cli.core.scoring.scorer import Scorer
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.selection.auto import AutoRule, num_chunks_to_keep
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.data.readers import READERS
from longattncomp_cli.data.splits import HELD_OUT_SHARE, is_held_out

sys.path.insert(0, str(Path(__file__).parents[1]))
from decoder_recall import haystacks
from results_file import write_results

ONE, AUTO = "one hop", "own, --select auto"
TRAINING = {
    "2wikimultihopqa": ("train.json.gz",),
    "musique": ("train.jsonl.gz", "gold_only.jsonl.gz"),
    "hotpotqa": ("train.json.gz",),
}
LANGUAGES = ("ar", "hi")
SHARES = (8, 16)
"""A part of so many of the haystack's tokens is kept."""

Asked = tuple[str, str, tuple[Span, ...]]
"""A set's name, a query, and its evidence."""


def contexts(data_dir: Path, tokens: int, number: int) -> Iterator[tuple[str, list[Asked]]]:
    """Texts of about so many tokens and what they are asked; ``number`` of each set."""
    for task, files in TRAINING.items():
        examples = [e for file in files for e in READERS[task](data_dir / task / file)]
        held_out = [example for example in examples if is_held_out(example, HELD_OUT_SHARE)]
        for items in haystacks(held_out, tokens, number, 0):
            yield items[0].request.sources[0].text, [asked(task, item, item.request.query) for item in items]
    english = {e.id: e.query for e in xquad_half(data_dir, "en", is_reported=False)}
    for language in LANGUAGES:
        for items in haystacks(xquad_half(data_dir, language, is_reported=False), tokens, number, 0):
            ids = [item.id.partition("-")[2] for item in items]
            yield (
                items[0].request.sources[0].text,
                [asked("xquad, own language", item, item.request.query) for item in items]
                + [asked("xquad, English questions", i, english[e]) for i, e in zip(items, ids, strict=True)],
            )


def asked(kind: str, item: Item, query: str) -> Asked:
    """An item's evidence, for a query of its own or in another language."""
    return kind, query, tuple(Span(place.start, place.end) for place in item.evidence)


def scorers(name: str, temperatures: Sequence[float], strengths: Sequence[float]) -> dict[str, Scorer]:
    """By what they are called: one hop, the checkpoint's own, and each untrained one; on one backbone."""
    own = load_scorer(load_checkpoint(name))
    found = {ONE: own.with_options(hops=1, hops_are_required=True), "own": own}
    for temperature, strength in product(temperatures, strengths):
        layer = HopLayer(own.checkpoint.config.width, 0)
        layer.log_temperature.data.fill_(math.log(temperature))
        layer.log_strength.data.fill_(math.log(strength))
        changed = own.with_options()
        changed._trained_hop = layer.requires_grad_(False).to(own.backbone.device)
        found[f"temperature {temperature:g}, strength {strength:g}"] = changed
    return found


def judged(scores: ChunkScores, evidence: Sequence[Span], share: int, limit: int) -> tuple[float, float]:
    """Recall of the evidence and the part of the budget used by the ``limit`` best chunks."""
    order = scores.order[:limit]
    chunks = scores.chunks
    tokens = np.array([chunks[i].num_backbone_tokens for i in order], dtype=float)
    hits = np.array([_overlap(chunks[i], evidence) for i in order])
    budget = sum(chunk.num_backbone_tokens for chunk in chunks) / share
    part = np.clip((budget - np.cumsum(tokens) + tokens) / np.maximum(tokens, 1), 0, 1)
    whole = sum(end - start for start, end in evidence)
    return float((part * hits).sum()) / whole, float((part * tokens).sum()) / budget


def _overlap(chunk: Chunk, evidence: Sequence[Span]) -> int:
    return sum(max(0, min(chunk.end, end) - max(chunk.start, start)) for start, end in evidence)


def auto_limit(scores: ChunkScores) -> int:
    """How many chunks ``--select auto`` takes where no budget binds."""
    ranked = scores.scores[scores.order]
    return num_chunks_to_keep(ranked, scores.sink, AutoRule(), scores.sufficiency)


def measure(
    methods: Mapping[str, Scorer], made: Iterable[tuple[str, list[Asked]]]
) -> Iterator[tuple[str, int, str, float, float]]:
    """Set, budget, method, recall and use of every question."""
    reader = Compressor(methods["own"], None, CompressorSettings())
    for text, questions in made:
        context = reader.read(text)
        for kind, query, evidence in questions:
            request = context.request_of(query, None)
            scored = {name: scorer.score(request) for name, scorer in methods.items()}
            for share in SHARES:
                for name, scores in scored.items():
                    yield kind, share, name, *judged(scores, evidence, share, len(scores.chunks))
                auto = judged(scored["own"], evidence, share, auto_limit(scored["own"]))
                yield kind, share, AUTO, *auto
        print(questions[0][0], len(questions), flush=True)


def table(rows: Sequence[tuple[str, int, str, float, float]]) -> Iterator[dict[str, Any]]:
    """For each method, set and budget the mean, its difference to one hop, and the use of the budget."""
    names, kinds = (dict.fromkeys(row[column] for row in rows) for column in (2, 0))
    for name, kind, share in product(names, kinds, SHARES):
        own, first = (
            np.array([row[3:] for row in rows if row[:3] == (kind, share, each)]) for each in (name, ONE)
        )
        difference = own[:, 0] - first[:, 0]
        yield {
            "hop": name,
            "set": kind,
            "budget": f"1/{share}",
            "questions": len(own),
            "recall": round(float(own[:, 0].mean()), 3),
            "difference": round(float(difference.mean()), 3),
            "standard_error": round(float(difference.std() / len(own) ** 0.5), 3),
            "budget_used": round(float(own[:, 1].mean()), 3),
        }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("checkpoint")
    add("--data-dir", type=Path, required=True)
    add("--temperatures", type=float, nargs="*", default=[40, 80, 160])
    add("--strengths", type=float, nargs="*", default=[160, 640])
    add("--contexts", type=int, default=1, help="of each set")
    add("--tokens", type=int, default=4_000)
    add("--output", type=Path)
    options = parser.parse_args()
    methods = scorers(options.checkpoint, options.temperatures, options.strengths)
    cells = list(table(list(measure(methods, contexts(options.data_dir, options.tokens, options.contexts)))))
    print("\n".join(map(str, cells)))
    if options.output:
        facts = {"contexts": options.contexts, "tokens": options.tokens, "rows": cells}
        write_results(options.output, facts, checkpoint=options.checkpoint, device="cpu", dtype="auto")


if __name__ == "__main__":
    main()
