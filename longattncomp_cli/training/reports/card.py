"""Model cards: what a checkpoint was trained on and how well it does on examples it never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def model_card(
    name: str, record: Mapping[str, Any], command: str, seconds: float, *, shares: Sequence[float]
) -> str:
    """The first version of a card, from the run's own numbers.

    Args:
        name: of the checkpoint.
        record: of the training, as ``config.json`` has it.
        command: as typed.
        seconds: of the run.
        shares: the budgets of the recorded recall, as shares of a pool's tokens.
    """
    budgets = " | ".join(f"1/{round(1 / share)}" for share in shares)
    rows = [
        f"| {data} | {' | '.join(f'{v:.3f}' for v in values)} |"
        for data, values in record["held_out_recall"].items()
    ]
    counts = [f"| {data} | {n['train']} | {n['held_out']} |" for data, n in record["examples"].items()]
    confidence = record["held_out_auroc"]
    return "\n".join(
        [
            f"# {name}",
            "",
            "Cross-attention layer of LongAttnComp (arXiv:2606.01336), "
            f"Stage {record['stage']}, on a frozen backbone.",
            "",
            "## Training data",
            "",
            "| data set | examples | held out (validation) |",
            "|---|---|---|",
            *counts,
            "",
            f"{record['documents']} distinct documents. "
            "The held-out examples are fixed by a hash of their id or article.",
            f"Seed {record['hyperparameters']['seed']}, best step {record['step']}, "
            f"{seconds / 60:.0f} minutes.",
            "",
            "```",
            command,
            "```",
            "",
            "## Evidence recall on held-out training examples (what chose the checkpoint)",
            "",
            f"| data set | {budgets} |",
            f"|---|{'---|' * len(shares)}",
            *rows,
            "",
            ""
            if confidence is None
            else f"Confidence, evidence present against hidden: AUROC {confidence:.3f}.",
            "",
        ]
    )


def heads_card(name: str, record: Mapping[str, Any], command: str) -> str:
    """The card of a checkpoint whose heads were found and not trained.

    Args:
        name: of the checkpoint.
        record: of the search, as ``config.json`` has it.
        command: as typed.
    """
    counts = [f"| {data} | {n['train']} | {n['held_out']} |" for data, n in record["examples"].items()]
    heads = [f"| {head['block']} | {head['head']} | {head['mass']:.3f} |" for head in record["heads"]]
    return "\n".join(
        [
            f"# {name}",
            "",
            "Retrieval heads of a frozen decoder as the cross-attention layer of LongAttnComp "
            "(arXiv:2606.01336): found, not trained.",
            "",
            "| data set | examples to choose from | held out |",
            "|---|---|---|",
            *counts,
            "",
            f"{record['questions']} questions asked, all heads of {record['blocks_searched']} blocks. Kept, "
            "with the share of their attention on documents that answer, less that under a query without "
            "content:",
            "",
            "| block | head | mass |",
            "|---|---|---|",
            *heads,
            "",
            f"Average precision of the documents' ranking: {record['average_precision']:.3f}, on questions "
            f"that no head was found on {record['held_out_average_precision']:.3f}.",
            "",
            "```",
            command,
            "```",
            "",
        ]
    )
