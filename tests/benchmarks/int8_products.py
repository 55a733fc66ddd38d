"""The encoder's matrix products in int8, bf16 and float32 at its own shapes, in turn.

    python tests/benchmarks/int8_products.py [--rows 4096] [--output FILE]

What a precision costs is what a linear layer takes with all around it: the activations come and go as float32
or bf16, int8 has a scale for each row of them and each channel of the weights (dynamic). ``cosine`` is of the
output to float32's. Seconds are of all four products of a block, least and median of several runs; the
block's other work is the same in every precision.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from results_file import write_results
from timing import times_in_turn
from torch import Tensor

from longattncomp_cli.core.backbones.encoder.packed_linear import packed_linear
from longattncomp_cli.core.backbones.runtime import has_fast_bfloat16

SHAPES = {"qkv": (384, 1152), "out": (384, 384), "up": (384, 1536), "down": (1536, 384)}
"""Inputs and outputs of the products of all-MiniLM-L6-v2 and of multilingual-e5-small."""

Product = Callable[[Tensor], Tensor]


def by_rows(weight: Tensor, bias: Tensor, dtype: torch.dtype) -> Product:
    """``torch._int_mm`` between a scale for each row and a scale for each channel."""
    scale_O = weight.abs().amax(dim=1) / 127
    weight_IO = (weight / scale_O[:, None]).round().to(torch.int8).T.contiguous()

    def product(states_TI: Tensor) -> Tensor:
        scale_T1 = states_TI.abs().amax(dim=1, keepdim=True).float() / 127
        small_TI = (states_TI / scale_T1).round_().to(torch.int8)
        return (torch._int_mm(small_TI, weight_IO).float() * scale_T1).mul_(scale_O).add_(bias).to(dtype)

    return product


def by_engine(weight: Tensor, bias: Tensor, engine: str) -> Product:
    """Torch's own dynamically quantised layer: one scale for all rows."""
    torch.backends.quantized.engine = engine
    layer = torch.nn.Linear(*reversed(weight.shape))
    layer.weight.data, layer.bias.data = weight, bias
    quantised = torch.ao.quantization.quantize_dynamic(
        torch.nn.Sequential(layer), {torch.nn.Linear}, dtype=torch.qint8
    )

    def product(states_TI: Tensor) -> Tensor:
        torch.backends.quantized.engine = engine
        found: Tensor = quantised(states_TI)
        return found

    return product


def ways(rows: int) -> dict[str, tuple[torch.dtype, Callable[[Tensor, Tensor], Product]]]:
    """Each way to multiply, and the precision of what comes in."""
    found: dict[str, tuple[torch.dtype, Callable[[Tensor, Tensor], Product]]] = {
        "float32": (torch.float32, lambda w, b: packed_linear(w, b, rows)),
        "int8, rows": (torch.float32, lambda w, b: by_rows(w, b, torch.float32)),
    }
    for engine in set(torch.backends.quantized.supported_engines) & {"fbgemm", "onednn", "x86"}:
        found[f"int8, {engine}"] = (torch.float32, lambda w, b, e=engine: by_engine(w, b, e))
    if has_fast_bfloat16():
        found["bfloat16"] = (torch.bfloat16, lambda w, b: packed_linear(w.bfloat16(), b.bfloat16(), rows))
        found["int8, rows, bfloat16"] = (torch.bfloat16, lambda w, b: by_rows(w, b, torch.bfloat16))
    return found


@torch.inference_mode()
def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    torch.manual_seed(0)
    weights = {
        name: (torch.randn(out, inner) / inner**0.5, torch.randn(out) / 10)
        for name, (inner, out) in SHAPES.items()
    }
    states = {name: torch.randn(options.rows, inner) for name, (inner, _) in SHAPES.items()}
    actions: dict[str, Callable[[], object]] = {}
    cosine = {}
    exact = {name: F.linear(states[name], *weights[name]) for name in SHAPES}
    for way, (dtype, make) in ways(options.rows).items():
        layers = {name: make(*pair) for name, pair in weights.items()}
        inputs = {name: states[name].to(dtype) for name in SHAPES}
        cosine[way] = min(
            float(F.cosine_similarity(layers[name](inputs[name]).float(), exact[name]).mean())
            for name in SHAPES
        )

        def run(layers: dict[str, Product] = layers, inputs: dict[str, Tensor] = inputs) -> None:
            for _ in range(20):
                for name, layer in layers.items():
                    layer(inputs[name])

        actions[way] = run
    runs = times_in_turn(actions, options.repetitions)
    rows = {
        way: {
            "least_ms": round(min(run["wall"] for run in found) * 50, 3),
            "median_ms": round(statistics.median(run["wall"] for run in found) * 50, 3),
            "cosine": round(cosine[way], 5),
        }
        for way, found in runs.items()
    }
    capabilities = {
        name: bool(getattr(torch.cpu, name)())
        for name in (
            "_is_avx512_supported",
            "_is_vnni_supported",
            "_is_avx512_bf16_supported",
            "_is_amx_tile_supported",
        )
        if hasattr(torch.cpu, name)
    }
    figures = {"rows": options.rows, "block": rows, "processor": capabilities}
    print(json.dumps(figures))
    if options.output:
        write_results(options.output, figures, checkpoint="", device="cpu", dtype="int8")


if __name__ == "__main__":
    main()
