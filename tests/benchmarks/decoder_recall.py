"""Evidence recall of a decoder's heads in haystacks that several questions share: each context is read once.

    python tests/benchmarks/decoder_recall.py --squad dev-v1.1.json.gz --hotpotqa dev.json.gz
        --tokens 6000 --contexts 3 --output FILE

A decoder of a hundred million parameters reads a few hundred tokens a second on a CPU, which makes ``bench``,
with a context for every question, long. Here a haystack holds the paragraphs of many questions, each of which
has its evidence among those of the others and a distractor of its own. Intervals are over questions and take
those of one haystack for independent.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from results_file import write_results

from longattncomp_cli.benchmark.measuring.measure import rows_of
from longattncomp_cli.benchmark.methods.base import Method
from longattncomp_cli.benchmark.methods.bm25 import BM25
from longattncomp_cli.benchmark.methods.longattncomp import LongAttnComp
from longattncomp_cli.benchmark.methods.maxsim import MaxSim
from longattncomp_cli.benchmark.setup.settings import BenchSettings
from longattncomp_cli.benchmark.setup.workbench import Workbench
from longattncomp_cli.benchmark.tasks.item import Item, item_of_text
from longattncomp_cli.core.backbones.cache.memory import ByteLRU
from longattncomp_cli.core.backbones.decoder.backbone import DecoderBackbone
from longattncomp_cli.core.backbones.decoder.pass_memory import PassMemory
from longattncomp_cli.core.checkpoint.store import Checkpoint, load_checkpoint
from longattncomp_cli.data.examples import Document, Example, estimate_tokens, render
from longattncomp_cli.data.metrics import bootstrap_mean
from longattncomp_cli.data.readers import READERS

BUDGETS = ("12.5%", "3.125%")
DISTRACTORS = 1
QUESTIONS = 16
TASKS = ("squad", "hotpotqa", "musique", "2wikimultihopqa")


def haystacks(examples: list[Example], tokens: int, contexts: int, seed: int) -> Iterator[list[Item]]:
    """Contexts of about ``tokens`` tokens, and at most ``QUESTIONS`` questions of each as items."""
    rng = random.Random(f"shared:{seed}")
    waiting = [example for example in examples if example.relevant]
    rng.shuffle(waiting)
    for number in range(contexts):
        documents: dict[Document, None] = {}
        asked: list[Example] = []
        while sum(map(estimate_tokens, documents)) < tokens:
            example = waiting.pop()
            own = example.distractors
            documents.update(dict.fromkeys(example.relevant_documents))
            documents.update(dict.fromkeys(rng.sample(own, min(DISTRACTORS, len(own)))))
            asked.append(example)
        order = rng.sample(list(documents), len(documents))
        text, spans = render(order)
        place = dict(zip(order, spans, strict=True))
        yield [
            item_of_text(f"{number}-{e.id}", e.query, text, [place[d] for d in e.relevant_documents])
            for e in asked[:QUESTIONS]
        ]


def methods_of(bench: Workbench, default: Checkpoint, decoders: Sequence[Checkpoint]) -> dict[str, Method]:
    """All that is compared, by its name in the table; decoders that are alike read a context once."""
    one_hop = replace(default, config=replace(default.config, hops=1))
    memory = PassMemory(ByteLRU(2**31))
    for decoder in decoders:
        cached: Any = bench.scorer_of(decoder).backbone
        assert isinstance(cached.backbone, DecoderBackbone)
        if cached.backbone.full_pass.memory is not memory:
            cached.backbone = cached.backbone.with_memory(memory)
    return {
        **{decoder.config.name: LongAttnComp(bench, decoder) for decoder in decoders},
        f"{default.config.name}, one hop": LongAttnComp(bench, one_hop),
        default.config.name: LongAttnComp(bench, default),
        "BM25": BM25(),
        "MaxSim": MaxSim(bench),
    }


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for task in TASKS:
        parser.add_argument(f"--{task}", type=Path)
    parser.add_argument("--checkpoint", action="append", help="of a decoder, smollm2 where none is named")
    parser.add_argument("--tokens", type=int, default=6_000)
    parser.add_argument("--contexts", type=int, default=3, help="of each set")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    decoders = [load_checkpoint(name) for name in options.checkpoint or ["smollm2"]]
    default = load_checkpoint("stage2-nosubq")
    tasks = {task: path for task in TASKS if (path := getattr(options, task))}
    bench = Workbench(BenchSettings(device="cpu", dtype="float32"), [default])
    methods = methods_of(bench, default, decoders)
    found: dict[tuple[str, str, str], list[float]] = {}
    for number in range(options.contexts):
        for task, path in tasks.items():
            examples = list(READERS[task](path))
            items = list(haystacks(examples, options.tokens, options.contexts, 0))[number]
            for item in items:
                chunked = bench.chunk(item.request)
                for name, method in methods.items():
                    for row in rows_of(method, item, chunked, 0.0, BUDGETS, bench):
                        found.setdefault((task, name, row["budget"]), []).append(row["recall"])
            print(task, number, len(items), round(time.process_time()), flush=True)
            report(found, options.output, (options.checkpoint or ["smollm2"])[0])
    for row in rows_of_report(found):
        print(row)


def rows_of_report(found: dict[tuple[str, str, str], list[float]]) -> list[dict[str, Any]]:
    """A row for each task, method and budget."""
    rows = []
    for (task, name, budget), values in found.items():
        interval = bootstrap_mean(values, seed=0)
        rows.append(
            {
                "task": task,
                "method": name,
                "budget": budget,
                "questions": len(values),
                "recall": round(interval.mean, 3),
                "low": round(interval.low, 3),
                "high": round(interval.high, 3),
            }
        )
    return rows


def report(found: dict[tuple[str, str, str], list[float]], output: Path | None, checkpoint: str) -> None:
    """Write what is known so far."""
    if output:
        write_results(
            output, {"rows": rows_of_report(found)}, checkpoint=checkpoint, device="cpu", dtype="float32"
        )


if __name__ == "__main__":
    main()
