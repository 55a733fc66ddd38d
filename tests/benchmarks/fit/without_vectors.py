"""Copy a checkpoint without the vectors of its gate: only the numbers of each head stay as they were trained.

    python tests/benchmarks/fit/without_vectors.py CHECKPOINT FOLDER

Set to 0 are the offset of the queries, the weight of a query token and of the neighbours by its state, and
the weight of tokens that the context lacks. Learned from English they say what English questions look like:
of a question in another language than the text all tokens are lacking, and their states lie elsewhere.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from longattncomp_cli.core.checkpoint.store import load_checkpoint, save_checkpoint

VECTORS = ("b_q", "gate", "gate_absent", "spread_gate")


def main() -> None:
    """Load, set to 0 and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", help="a folder or a shipped name")
    parser.add_argument("folder", type=Path, help="where to write it; its name is the checkpoint's")
    options = parser.parse_args()
    trained = load_checkpoint(options.checkpoint)
    tensors = {k: torch.zeros_like(v) if k in VECTORS else v for k, v in trained.tensors.items()}
    config = replace(trained.config, name=options.folder.name)
    card = f"# {config.name}\n\n{options.checkpoint} without the vectors of its gate.\n"
    save_checkpoint(replace(trained, config=config, tensors=tensors), options.folder, card)


if __name__ == "__main__":
    main()
