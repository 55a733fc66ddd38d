"""Ours in each precision beside what others take at several lengths, and how the program grows with the text.

All methods of one length run in turn in one process, so that ratios are of the same minutes.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from scale_speed import PRODUCT_TOKENS, products, sentence_transformer, window_passages
from timing import QUERY, Times, long_request, long_text, program, times_in_turn

from longattncomp_cli.core.backbones.encoder.backbone import EncoderBackbone
from longattncomp_cli.core.backbones.runtime import has_fast_bfloat16
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.loading import load_scorer
from longattncomp_cli.core.scoring.scorer import Scorer

OURS = "ours, "


def precisions() -> tuple[str, ...]:
    """Those that this processor computes in; without bf16 in hardware that takes ten times as long."""
    return ("float32", "bfloat16") if has_fast_bfloat16() else ("float32",)


def methods_at(num_tokens: int, checkpoint: str, dtypes: Sequence[str], repetitions: int) -> dict[str, Any]:
    """Seconds of each method over a text of so many tokens: least, median, most; ratios to ours.

    The product ratios, ``share of the peak``, are of our rate to that of the model's matrix products alone.
    """
    scorers = {name: load_scorer(load_checkpoint(checkpoint), device="cpu", dtype=name) for name in dtypes}
    first = scorers[dtypes[0]]
    request = long_request(first, num_tokens)
    passages = window_passages(first, request)
    actions: dict[str, Callable[[], object]] = {}
    rounds = max(1, num_tokens // PRODUCT_TOKENS)
    for name, scorer in scorers.items():
        actions[f"{OURS}{name}"] = lambda scorer=scorer: scorer.score(request)
        assert isinstance(scorer.backbone, EncoderBackbone)
        bare, _ = products(scorer.backbone)
        actions[f"products, {name}"] = lambda run=bare["peak"]: [run() for _ in range(rounds)]
        encode = sentence_transformer(scorer, name)
        if encode is not None:
            actions[f"sentence-transformers, {name}"] = lambda encode=encode: encode(passages)
    actions["MaxSim"] = lambda: maxsim(first, request)
    actions["BM25"] = lambda: bm25(passages)
    # Memory is mapped and kernels are made before anything is timed.
    short = long_request(first, min(num_tokens, 2000))
    for scorer in scorers.values():
        scorer.score(short)
    runs = times_in_turn(actions, repetitions)
    own = medians_of(runs[f"{OURS}{dtypes[0]}"])
    share = {
        name: ratios(runs[f"products, {name}"], runs[f"{OURS}{name}"], num_tokens / (rounds * PRODUCT_TOKENS))
        for name in dtypes
    }
    return {
        "tokens": num_tokens,
        "runs": repetitions,
        "seconds": {name: spread([run["wall"] for run in found]) for name, found in runs.items()},
        "cpu_seconds": {name: spread([run["cpu"] for run in found]) for name, found in runs.items()},
        "over_ours": {
            name: round(medians_of(found)["wall"] / own["wall"], 3) for name, found in runs.items()
        },
        "share_of_peak": share,
    }


def medians_of(runs: Sequence[Times]) -> Times:
    """Of both clocks."""
    return {clock: statistics.median(run[clock] for run in runs) for clock in ("wall", "cpu")}


def ratios(above: Sequence[Times], below: Sequence[Times], scale: float) -> list[float]:
    """Least, median and most of the ratios of runs that followed each other."""
    return spread([scale * a["wall"] / b["wall"] for a, b in zip(above, below, strict=True)])


def spread(values: Sequence[float]) -> list[float]:
    """Least, median and most."""
    return [round(value, 4) for value in (min(values), statistics.median(values), max(values))]


@torch.inference_mode()
def maxsim(scorer: Scorer, request: Request) -> torch.Tensor:
    """(C,) the mean over query tokens of the nearest token's cosine, on the states that the scorer reads."""
    context = scorer.tokenize(request)
    layer = max(scorer.attention.layers)
    encoding = scorer.backbone.encode(context, request.query, "", [layer])
    asked_MD = F.normalize(encoding.query.states[layer].float(), dim=-1)
    best_CM = torch.full((len(context.chunks), len(asked_MD)), -1.0)
    for block in encoding.blocks:
        cosine_NM = F.normalize(block.states[layer].float(), dim=-1) @ asked_MD.T
        place_NM = block.chunk_index_N[:, None].expand_as(cosine_NM)
        best_CM.scatter_reduce_(0, place_NM, cosine_NM, "amax")
    return best_CM.mean(dim=1)


def bm25(passages: Sequence[str]) -> Any:
    """Index the passages and score them."""
    import bm25s

    index = bm25s.BM25()
    index.index(bm25s.tokenize(list(passages), stopwords="en", show_progress=False), show_progress=False)
    words = bm25s.tokenize([QUERY], stopwords="en", return_ids=False, show_progress=False)
    return index.get_scores(words[0])


def growth(scorer: Scorer, checkpoint: str, lengths: Sequence[int]) -> list[dict[str, float]]:
    """Seconds and peak memory of the program over texts of several lengths, one run each."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for num_tokens in lengths:
            path = Path(folder) / f"{num_tokens}.txt"
            path.write_text(long_text(scorer, num_tokens), encoding="utf-8")
            wanted = ("--device", "cpu", "--checkpoint", checkpoint, "-q", QUERY, "--quiet", "-b", "500")
            rows.append({"tokens": num_tokens, **program("compress", str(path), *wanted)})
            print(f"growth {rows[-1]}", file=sys.stderr, flush=True)
    return rows


def draw_growth(rows: Sequence[Mapping[str, float]], path: Path) -> None:
    """Time and memory by tokens, both axes logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    for axes, field, label in zip(
        figure.subplots(1, 2), ("seconds", "peak_gib"), ("seconds", "peak memory, GiB"), strict=True
    ):
        axes.loglog([row["tokens"] for row in rows], [row[field] for row in rows], marker="o")
        axes.set_xlabel("tokens of the context")
        axes.set_ylabel(label)
        axes.grid(which="both", alpha=0.3)
    figure.savefig(path, dpi=110)
