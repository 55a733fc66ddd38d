"""The checkpoint of a decoder's heads that ``decoder_layer.py`` found or trained, and its card."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from decoder_settings import SETTINGS, Setting
from decoder_states import BLOCKS, loaded

from longattncomp_cli.core.checkpoint.decoder_heads import NULL_QUERY, Head
from longattncomp_cli.core.checkpoint.store import Checkpoint, save_checkpoint
from longattncomp_cli.core.checkpoint.untrained_decoder import SEGMENT_TOKENS, layers_of, untrained_decoder

sys.path.insert(0, str(Path(__file__).parents[1]))
from results_file import command


def save(
    folder: Path,
    backbone_id: str,
    whole: dict[str, Any],
    rows: Sequence[dict[str, Any]],
    *,
    is_trained: bool,
) -> None:
    """Write the checkpoint.

    Args:
        folder: where; the checkpoint's name is its last part.
        backbone_id: the decoder.
        whole: what was found and trained on all haystacks.
        rows: how it does, judged on the other side; the last one is the trained layer's.
        is_trained: whether ``whole`` holds more than the found heads.
    """
    heads = [Head(*head) for head in whole["heads"]]
    made = untrained_decoder(loaded(backbone_id, layers_of(heads)), heads)
    found = {name: value for name, value in rows[0].items() if name != "layer"}
    after = rows[-1] if is_trained else rows[0]
    record = {
        "part": "layer" if is_trained else "heads",
        "setting": whole["setting"] if is_trained else "",
        "examples": {
            name: {"train": whole["questions"][name], "held_out": each["questions"]}
            for name, each in found.items()
        },
        "questions": sum(whole["questions"].values()),
        "contexts": whole["contexts"],
        "heads": [
            {"block": block, "head": head, "mass": mass}
            for (block, head), mass in zip(heads, whole["mass"], strict=True)
        ],
        "blocks_searched": list(BLOCKS),
        "average_precision": whole["average_precision"],
        "judged": {
            name: (each["average_precision"], after[name]["average_precision"])
            for name, each in found.items()
        },
    }
    config = replace(made.config, name=folder.name, training=record)
    tensors = dict(made.tensors) | (whole["tensors"] if is_trained else {})
    save_checkpoint(
        Checkpoint(config, tensors), folder, card(config.name, record, SETTINGS[whole["setting"]])
    )


def card(name: str, record: dict[str, Any], setting: Setting) -> str:
    """What the checkpoint saw, and how it does."""
    heads = [f"| {head['block']} | {head['head']} | {head['mass']:.3f} |" for head in record["heads"]]
    counts = [f"{n['train']:,} of {data}" for data, n in record["examples"].items()]
    is_trained = record["part"] == "layer"
    what = "the queries' and the keys' projections" if setting.keys else "the queries' projections"
    lines = [
        f"# {name}",
        "",
        "Retrieval heads of a frozen decoder, SmolLM2-135M-Instruct, as the cross-attention layer of "
        f"LongAttnComp (arXiv:2606.01336): found{', then trained' * is_trained}. They compare queries and "
        f"keys turned by their rotary positions; the mass under the query `{NULL_QUERY}` is taken out; "
        f"longer contexts are read in segments of {SEGMENT_TOKENS:,} tokens.",
        "",
        f"Found{' and trained' * is_trained} on {record['contexts']} haystacks of about 6,000 tokens in "
        f"which {record['questions']:,} training questions are asked ({', '.join(counts)}; some of several "
        f"hops twice, in other company); blocks {', '.join(map(str, BLOCKS))} were searched. Kept, with the "
        "share of their attention on chunks that answer, less that under the null query:",
        "",
        "| block | head | mass |",
        "|---|---|---|",
        *heads,
        "",
    ]
    if is_trained:
        lines += [
            f"Trained: a change of rank {setting.rank} to {what}, biases and temperatures, {setting.epochs} "
            "epochs of cross-entropy over chunks. Found and trained on one half of the questions and "
            "judged on the other, average precision of the chunks' ranking:",
            "",
            "| questions of | found heads | trained |",
            "|---|---|---|",
            *(f"| {data} | {found:.3f} | {after:.3f} |" for data, (found, after) in record["judged"].items()),
            "",
        ]
    return "\n".join(
        [
            *lines,
            "Made by `decoder_haystacks.py`, `decoder_states.py` and",
            "",
            "```",
            command(),
            "```",
            "",
        ]
    )
