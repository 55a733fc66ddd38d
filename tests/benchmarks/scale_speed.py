"""What the machine allows, what others take, what a remembered context saves, Ray, ten million tokens.

    python tests/benchmarks/scale_speed.py [--tokens 100000] [--output FILE]
    python tests/benchmarks/scale_speed.py --only ray [--workers 1 2] --output FILE
    python tests/benchmarks/scale_speed.py --only large [--megabytes 40] --output FILE

An output that exists keeps the parts that were not measured again; each part says how it was made.

Every figure is a ratio of times taken in turn in one run; ``cpu`` ratios are of processor time, which other
work on the machine disturbs less than ``wall``. The last line is JSON.

- ``peak``: rate of the backbone's matrix products inside a whole ``score`` (tokenising, windows, attention,
  norms, cross-attention and pooling count as time, not as work) against the rate of the same four products
  alone, at the model's own shapes, in the same precision, done as the encoder does them
  (``share_of_linear``: as ``F.linear`` does, without a bias).
- ``others``: sentence-transformers' ``encode`` of the same text in its own windows by the same model, as
  shipped (fp32) and in bf16, against ``score``.
- ``cache``: a second query on a context that ``--cache`` holds. ``batch``: 50 records over 5 contexts
  against 50 contexts, by the same code.
- ``ray``: see ``ray_scaling.py``. ``large``: see ``large_text.py``; the program over 40 MB of this machine's
  Python and its documents, one fact hidden in it: time, peak memory, whether the fact was kept.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from large_text import compress_large
from ray_scaling import ray_scaling
from results_file import run_facts, write_document
from timing import (
    QUERY,
    Times,
    device_and_dtype,
    long_request,
    long_text,
    medians,
    program,
    times_in_turn,
)

from longattncomp_cli.core.backbones.cache.backbone import CachedBackbone
from longattncomp_cli.core.backbones.cache.disk import StateFiles
from longattncomp_cli.core.backbones.encoder.backbone import EncoderBackbone
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.loading import load_scorer
from longattncomp_cli.core.scoring.scorer import Scorer

OTHER_QUERY = "Who lectures on mercury every year?"
PRODUCT_TOKENS = 4096


def in_turn(actions: dict[str, Callable[[], object]], repetitions: int) -> dict[str, Times]:
    """Median times of several actions, taken in turn."""
    return {name: medians(runs) for name, runs in times_in_turn(actions, repetitions).items()}


def ratio(above: Times, below: Times) -> Times:
    """Of both kinds of time."""
    return {kind: round(above[kind] / below[kind], 3) for kind in ("wall", "cpu")}


def products(backbone: EncoderBackbone) -> tuple[dict[str, Callable[[], None]], float]:
    """The four products of a layer over a pack, layer after layer, and their operations a token.

    ``peak`` is done as the encoder does it, weights packed; ``linear`` by ``F.linear``, without a bias.
    """
    encoder = backbone.encoder
    weights = [
        (layer.qkv_weight, layer.out_weight, layer.up_weight, layer.down_weight) for layer in encoder.layers
    ]
    inputs = [torch.randn(PRODUCT_TOKENS, w.shape[1], dtype=w.dtype) for w in weights[0]]

    def packed() -> None:
        with torch.inference_mode():
            for own in encoder.products:
                for states, product in zip(inputs, (own.qkv, own.out, own.up, own.down), strict=True):
                    product(states)

    def plain() -> None:
        with torch.inference_mode():
            for own in weights:
                for states, weight in zip(inputs, own, strict=True):
                    F.linear(states, weight)

    per_token = len(weights) * sum(2.0 * w.numel() for w in weights[0])
    return {"peak": packed, "linear": plain}, per_token


def against_peak(scorer: Scorer, num_tokens: int, repetitions: int) -> dict[str, Any]:
    """Share of the products' own rate that a whole ``score`` reaches."""
    backbone = scorer.backbone
    assert isinstance(backbone, EncoderBackbone)
    request = long_request(scorer, num_tokens)
    bare, per_token = products(backbone)
    rounds = max(1, num_tokens // PRODUCT_TOKENS)

    def often(action: Callable[[], None]) -> Callable[[], None]:
        return lambda: [action() for _ in range(rounds)][-1]

    actions: dict[str, Callable[[], object]] = {name: often(action) for name, action in bare.items()}
    found = in_turn({"score": lambda: scorer.score(request), **actions}, repetitions)
    tokens = dict.fromkeys(bare, rounds * PRODUCT_TOKENS) | {"score": num_tokens}
    rates = {n: {k: tokens[n] * per_token / t for k, t in found[n].items()} for n in found}
    return {
        "tokens": num_tokens,
        "share_of_peak": ratio(rates["score"], rates["peak"]),
        "share_of_linear": ratio(rates["score"], rates["linear"]),
        "peak_gflops": {kind: round(rate / 1e9) for kind, rate in rates["peak"].items()},
        "tokens_per_second": {kind: round(num_tokens / t) for kind, t in found["score"].items()},
    }


def window_passages(scorer: Scorer, request: Request) -> list[str]:
    """The text of a request's one source, cut into the windows that the scorer reads."""
    from longattncomp_cli.core.backbones.windowed import context_windows

    text = request.sources[0].text
    context = scorer.tokenize(request)
    starts = context.sources[0].tokens.starts.tolist()
    edges, at = [0], 0
    for window in context_windows(context, scorer.backbone.window_tokens):
        at += len(window.ids)
        edges.append(starts[at] if at < len(starts) else len(text))
    return [text[a:b] for a, b in pairwise(edges)]


def sentence_transformer(scorer: Scorer, dtype: str) -> Callable[[list[str]], object] | None:
    """Encodes passages with the scorer's own model; ``None`` where the library is not there."""
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        return None
    from longattncomp_cli.core.backbones.files import locate_backbone

    folder = str(locate_backbone(scorer.checkpoint.config.backbone))
    model = SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": getattr(torch, dtype)})
    model.max_seq_length = 256
    return lambda passages: model.encode(passages, batch_size=32)


def against_sentence_transformers(scorer: Scorer, num_tokens: int, repetitions: int) -> dict[str, Any]:
    """How many times longer ``encode`` takes over the same text, cut into the same windows."""
    request = long_request(scorer, num_tokens)
    passages = window_passages(scorer, request)
    actions: dict[str, Callable[[], object]] = {"score": lambda: scorer.score(request)}
    for name in ("float32", "bfloat16"):
        encode = sentence_transformer(scorer, name)
        if encode is None:
            return {"skipped": "pip install sentence-transformers"}
        actions[name] = lambda encode=encode: encode(passages)
    found = in_turn(actions, repetitions)
    return {
        "tokens": num_tokens,
        "passages": len(passages),
        "as_shipped_over_score": ratio(found["float32"], found["score"]),
        "bfloat16_over_score": ratio(found["bfloat16"], found["score"]),
    }


def second_query(scorer: Scorer, num_tokens: int) -> dict[str, Any]:
    """First and second query on one context, the second with nothing but the folder."""
    source = Source(long_text(scorer, num_tokens))
    with tempfile.TemporaryDirectory() as folder:
        files = StateFiles(Path(folder), 2**31)
        runs = []
        for query in (QUERY, OTHER_QUERY):
            fresh = scorer.with_backbone(CachedBackbone(scorer.backbone, files=files))
            runs.append(in_turn({"it": lambda s=fresh, q=query: s.score(Request((source,), q))}, 1)["it"])
        text = Path(folder) / "text.txt"
        text.write_text(source.text, encoding="utf-8")
        wanted = ("compress", str(text), "-b", "2000", "--quiet", "--cache", str(Path(folder) / "c"), "-q")
        programs = [program(*wanted, query)["seconds"] for query in (QUERY, OTHER_QUERY)]
    return {
        "scoring_first_over_second": ratio(*runs),
        "program_first_over_second": {"wall": round(programs[0] / programs[1], 2)},
        "second_seconds": {kind: round(value, 2) for kind, value in runs[1].items()},
    }


def shared_contexts(scorer: Scorer, tokens_each: int) -> dict[str, Any]:
    """50 contexts against 50 records over 5 contexts, in process."""
    text = long_text(scorer, tokens_each)
    actions = {}
    for name, count in (("fifty", 50), ("five", 5)):

        def run(count: int = count) -> None:
            fresh = scorer.with_backbone(CachedBackbone(scorer.backbone, memory_bytes=2**29))
            for number in range(50):
                source = Source(f"Report {number % count}.\n\n{text}")
                fresh.score(Request((source,), f"{QUERY} ({number})"))

        actions[name] = run
    found = in_turn(actions, 1)
    return {"fifty_contexts_over_five": ratio(found["fifty"], found["five"]), "tokens_each": tokens_each}


@cache
def warm_scorer() -> Scorer:
    """The default scorer on all cores, its memory already there."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    scorer = load_scorer(load_checkpoint(DEFAULT_CHECKPOINT), device="cpu")
    scorer.score(long_request(scorer, 5000))
    return scorer


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=100_000)
    parser.add_argument("--cache-tokens", type=int, default=100_000)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--record-tokens", type=int, default=4_000)
    parser.add_argument("--megabytes", type=float, default=40)
    parser.add_argument("--records", type=int, default=160)
    parser.add_argument("--batch-tokens", type=int, default=3_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument(
        "--only",
        nargs="+",
        choices=["peak", "others", "cache", "batch", "ray", "large"],
        default=["peak", "others", "cache", "batch"],
    )
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    results: dict[str, Any] = {}
    if options.output and options.output.exists():
        results = json.loads(options.output.read_text(encoding="utf-8"))
    runs: dict[str, Callable[[], Any]] = {
        "peak": lambda: against_peak(warm_scorer(), options.tokens, options.repetitions),
        "others": lambda: against_sentence_transformers(warm_scorer(), options.tokens, options.repetitions),
        "cache": lambda: second_query(warm_scorer(), options.cache_tokens),
        "batch": lambda: shared_contexts(warm_scorer(), options.record_tokens),
        "ray": lambda: ray_scaling(options.records, options.batch_tokens, options.workers),
        "large": lambda: compress_large(options.megabytes),
    }
    for name in options.only:
        figures = runs[name]()
        print(f"{name:8} {figures}", file=sys.stderr, flush=True)
        place = device_and_dtype(warm_scorer())
        results[name] = {**figures, **run_facts(checkpoint=DEFAULT_CHECKPOINT, **place)}
        if options.output:
            write_document(options.output, results)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
