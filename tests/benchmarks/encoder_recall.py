"""Evidence recall and seconds of two encoders' checkpoints on the same English questions.

    python tests/benchmarks/encoder_recall.py --squad dev-v1.1.json.gz --hotpotqa dev.json.gz
        --musique dev.jsonl.gz --2wikimultihopqa dev.json.gz --contexts 1 --output encoder_recall.json

The haystacks of ``decoder_recall.py``: each holds the paragraphs of many questions, and is read once by each
checkpoint, one after the other. Recall is that of what ``compress`` keeps; differences are paired, with
standard errors over questions, and take those of one haystack for independent. Seconds are processor time.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from decoder_recall import TASKS, haystacks
from results_file import run_facts, write_document

from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.data.readers import READERS

BUDGETS = ("12.5%", "3.125%")


def recalls(compressor: Compressor, items: Sequence[Item]) -> tuple[list[list[float]], float, float]:
    """The recall of each question at each budget, and the seconds of reading and of all questions."""
    began = time.process_time()
    context = compressor.read(items[0].request.sources[0].text)
    read = time.process_time()
    found = []
    for item in items:
        wanted = [(span.start, span.end) for span in item.evidence]
        kept = [context.compress(item.request.query, budget).spans for budget in BUDGETS]
        hits = [
            sum(max(0, min(k.end, e) - max(k.start, s)) for k in spans for s, e in wanted) for spans in kept
        ]
        found.append([hit / sum(end - start for start, end in wanted) for hit in hits])
    return found, read - began, time.process_time() - read


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for task in TASKS:
        parser.add_argument(f"--{task}", type=Path)
    parser.add_argument("--checkpoints", nargs=2, default=["stage2-nosubq", "multilingual"])
    parser.add_argument("--tokens", type=int, default=6_000)
    parser.add_argument("--contexts", type=int, default=2, help="of each set")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    compressors = {name: Compressor.load(name) for name in options.checkpoints}
    found: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    seconds: dict[str, list[tuple[float, float]]] = defaultdict(list)
    tasks = {task: path for task in TASKS if (path := getattr(options, task))}
    for number in range(options.contexts):
        for task, path in tasks.items():
            items = list(haystacks(list(READERS[task](path)), options.tokens, options.contexts, 0))[number]
            for name, compressor in compressors.items():
                values, reading, asking = recalls(compressor, items)
                found[task, name] += values
                seconds[name].append((reading, asking / len(items) / len(BUDGETS)))
            print(task, number, len(items), round(time.process_time()), flush=True)
        figures = report(found, seconds, options.checkpoints)
        if options.output:
            facts = run_facts(checkpoint=options.checkpoints[-1], device="cpu", dtype="auto")
            write_document(options.output, {**facts, **figures})
    print(*figures["rows"], figures["seconds"], sep="\n")


def report(
    found: dict[tuple[str, str], list[list[float]]],
    seconds: dict[str, list[tuple[float, float]]],
    names: Sequence[str],
) -> dict[str, Any]:
    """A row for each set and budget, and the seconds of one context and of one question."""
    first, second = names
    rows = []
    for task in dict.fromkeys(task for task, _ in found):
        own, other = np.array(found[task, first]), np.array(found[task, second])
        for column, budget in enumerate(BUDGETS):
            difference = other[:, column] - own[:, column]
            rows.append(
                {
                    "task": task,
                    "budget": budget,
                    "questions": len(own),
                    first: round(float(own[:, column].mean()), 3),
                    second: round(float(other[:, column].mean()), 3),
                    "difference": round(float(difference.mean()), 3),
                    "standard_error": round(float(difference.std() / len(own) ** 0.5), 3),
                }
            )
    medians = {name: np.median(np.array(each), axis=0).round(2).tolist() for name, each in seconds.items()}
    named = {name: dict(zip(("reading", "asking"), each, strict=True)) for name, each in medians.items()}
    return {"rows": rows, "seconds": named}


if __name__ == "__main__":
    main()
