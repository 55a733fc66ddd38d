"""Seconds, tokens/s and memory of a decoder's first layers over a long context, against the whole model.

    python tests/benchmarks/decoder_speed.py --device cuda --shape llama-3.1-8b --layers 13
        --tokens 16384 65536 131072 [--output FILE]
    OMP_NUM_THREADS=1 python tests/benchmarks/decoder_speed.py --device cpu --shape small
        --tokens 1024 2048 --clock processor [--output FILE]

Weights are random: speed does not depend on them. ``share_of_peak`` is the work of matrix products and
attention over the time, against the best measured rate of one large product in the same run. ``whole_model``
is the same prefill through all layers: its time over ours is what a user saves. ``training`` is a step of
Stage 1 on a context of that length: the frozen layers read it, then 16 heads of 128 learn from one question;
``epoch_hours`` is for the paper's 32,000 examples of that length. ``loading`` writes the model
to disk and reads its first layers in a process of its own: peak memory over the tensors kept. On one thread
``--clock processor`` leaves out the time in which other work had the core. A length that does not fit the
device's memory is answered with ``out_of_memory``, and the others go on.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from decoder_loading import loading
from decoder_step import synchronise, training
from results_file import write_results
from torch import nn

from longattncomp_cli.core.backbones.decoder.full_pass import FullPass
from longattncomp_cli.core.backbones.decoder.model import DecoderModel
from longattncomp_cli.core.backbones.decoder.pass_memory import PassMemory
from longattncomp_cli.core.backbones.decoder.prefill import ATTENTION, register_attention
from longattncomp_cli.core.backbones.decoder.prompt_layout import PromptLayout
from longattncomp_cli.core.backbones.decoder.text import DecoderText
from longattncomp_cli.core.backbones.runtime import resolve_dtype
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.errors import ResourceError

EPOCH_EXAMPLES = 32_000

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "processor": time.process_time}

SHAPES: dict[str, dict[str, Any]] = {
    "llama-3.1-8b": {
        "vocab_size": 128_256,
        "hidden_size": 4096,
        "intermediate_size": 14_336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
    "small": {
        "vocab_size": 32_000,
        "hidden_size": 1024,
        "intermediate_size": 3_584,
        "num_hidden_layers": 16,
        "num_attention_heads": 16,
        "num_key_value_heads": 4,
    },
    "tiny": {
        "vocab_size": 8_192,
        "hidden_size": 512,
        "intermediate_size": 1_792,
        "num_hidden_layers": 8,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
    },
}


def random_model(
    shape: dict[str, Any], num_layers: int, device: torch.device, dtype: torch.dtype
) -> nn.Module:
    """A Llama of this shape and depth, made on the device."""
    from transformers import AutoConfig, AutoModel

    register_attention()
    fields = {**shape, "num_hidden_layers": num_layers, "max_position_embeddings": 2**18}
    config = AutoConfig.for_model("llama", **fields)
    with torch.device(device):
        model: nn.Module = AutoModel.from_config(config, dtype=dtype, attn_implementation=ATTENTION)
    model.norm = nn.Identity()
    return model.eval().requires_grad_(False)


def work(shape: dict[str, Any], num_layers: int, num_tokens: int) -> float:
    """Floating-point operations of a causal prefill: products, and attention over the half that is seen."""
    width, kv = shape["hidden_size"], shape["num_key_value_heads"] / shape["num_attention_heads"]
    products = 2 * (width * width * (2 + 2 * kv) + 3 * width * shape["intermediate_size"])
    attention = 2 * num_tokens * width
    return num_layers * num_tokens * (products + attention)


def peak_rate(
    shape: dict[str, Any], device: torch.device, dtype: torch.dtype, clock: Callable[[], float]
) -> float:
    """The best of several measurements of the model's largest product, as a matrix and as a linear layer."""
    rows = 8192 if device.type == "cuda" else 1024
    a = torch.randn(rows, shape["hidden_size"], device=device, dtype=dtype)
    b = torch.randn(shape["hidden_size"], shape["intermediate_size"], device=device, dtype=dtype)
    weight = b.T.contiguous()
    best = 0.0
    for product in (lambda: a @ b, lambda: F.linear(a, weight)):
        for _ in range(10):
            synchronise(device)
            start = clock()
            for _ in range(5):
                product()
            synchronise(device)
            best = max(best, 5 * 2.0 * a.numel() * b.shape[1] / (clock() - start))
    return best


def prefill(
    model: nn.Module,
    num_tokens: int,
    device: torch.device,
    part: int | None,
    clock: Callable[[], float],
    repetitions: int,
) -> dict[str, float]:
    """Read a context and a query after it as ``full`` does."""
    text = DecoderText(tokenizer=None, opening=(0,), between=())  # type: ignore[arg-type]
    spec = BackboneSpec(id="random", sha256="", kind="decoder")
    decoder = DecoderModel(spec, model, text, max_positions=2**18, device=device, part_tokens=part)
    full_pass = FullPass(decoder, PassMemory())
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(1, 8000, (num_tokens,), generator=generator).numpy()
    layout = PromptLayout(ids, ids * 0, np.arange(num_tokens), slice(0, 0), 0)
    layers = [decoder.num_layers]

    def run() -> float:
        synchronise(device)
        start = clock()
        with torch.inference_mode():
            known = full_pass.read(layout.ids, 64, layers)
            full_pass._continue(known, ids[:64], layers)
        synchronise(device)
        return clock() - start

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    all_seconds = sorted(run() for _ in range(repetitions))
    seconds = all_seconds[0]
    found = {
        "seconds": round(seconds, 4),
        "slowest_seconds": round(all_seconds[-1], 4),
        "tokens_per_second": round(num_tokens / seconds),
    }
    if device.type == "cuda":
        found["peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
    return found


def answered(measure: Callable[[], dict[str, float]]) -> dict[str, Any]:
    """The measurement, or that the device's memory was too small for it."""
    try:
        return measure()
    except (torch.OutOfMemoryError, ResourceError):
        pass  # what it held is free once the exception is gone
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return {"out_of_memory": True}


def main() -> None:
    """Measure every length and print JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="auto", choices=["auto", "bfloat16", "float32"])
    parser.add_argument("--shape", choices=SHAPES, default="tiny")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--tokens", type=int, nargs="+", default=[2048, 4096])
    parser.add_argument("--part-tokens", type=int)
    parser.add_argument("--no-whole-model", action="store_true")
    parser.add_argument("--only-loading", action="store_true")
    parser.add_argument("--no-loading", action="store_true")
    parser.add_argument("--no-training", action="store_true")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    shape, device, clock = SHAPES[options.shape], torch.device(options.device), CLOCKS[options.clock]
    if options.clock == "processor" and (device.type != "cpu" or torch.get_num_threads() > 1):
        parser.error("--clock processor is for one thread of a CPU")
    depth = shape["num_hidden_layers"]
    num_layers = options.layers or round(depth * 0.41)
    dtype = resolve_dtype(options.dtype, device)
    peak = peak_rate(shape, device, dtype, clock)
    results: dict[str, Any] = {
        "shape": options.shape,
        "layers": f"{num_layers} of {depth}",
        "clock": options.clock,
        "peak_tflops": round(peak / 1e12, 3),
    }
    if not options.no_loading:
        results["loading"] = loading(shape, num_layers)
    wanted = {"ours": num_layers, "whole_model": depth}
    if options.no_whole_model:
        del wanted["whole_model"]
    for label, layers in {} if options.only_loading else wanted.items():
        model = random_model(shape, layers, device, dtype)
        answered(lambda m=model: prefill(m, min(options.tokens), device, options.part_tokens, clock, 1))
        for num_tokens in options.tokens:
            found = answered(
                lambda m=model, n=num_tokens: prefill(
                    m, n, device, options.part_tokens, clock, options.repetitions
                )
            )
            if "seconds" in found:
                rate = work(shape, layers, num_tokens) / found["seconds"]
                found["share_of_peak"] = round(rate / peak, 3)
            results.setdefault(str(num_tokens), {})[label] = found
            print(num_tokens, label, found, file=sys.stderr, flush=True)
            if label == "ours" and "seconds" in found and not options.no_training:
                step = training(shape["hidden_size"], num_tokens, device, dtype, clock)
                both = step + found["seconds"]
                results[str(num_tokens)]["training"] = {
                    "step_seconds": round(step, 4),
                    "reading_seconds": found["seconds"],
                    "examples_per_hour": round(3600 / both),
                    "epoch_hours": round(EPOCH_EXAMPLES * both / 3600, 2),
                }
                print(results[str(num_tokens)]["training"], file=sys.stderr, flush=True)
            if options.output:
                write_now(options, results, device, dtype)
        del model
        if device.type == "cuda":
            torch.cuda.empty_cache()
    for num_tokens in options.tokens:
        pair = results.get(str(num_tokens), {})
        if all("seconds" in pair.get(label, {}) for label in ("ours", "whole_model")):
            pair["whole_over_ours"] = round(pair["whole_model"]["seconds"] / pair["ours"]["seconds"], 2)
    print(json.dumps(results))
    if options.output:
        write_now(options, results, device, dtype)


def write_now(
    options: argparse.Namespace, results: dict[str, Any], device: torch.device, dtype: torch.dtype
) -> None:
    """Write what is known so far."""
    write_results(
        options.output,
        results,
        checkpoint="",
        device=device.type,
        dtype=str(dtype).removeprefix("torch."),
    )


if __name__ == "__main__":
    main()
