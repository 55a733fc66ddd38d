"""Shared haystacks of training questions, read once by a decoder; its states are kept for many epochs.

Shapes: N context tokens, M query tokens, C chunks, D width.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from longattncomp_cli.core.backbones.base import POSITIONS, BackboneOptions, LayerStates
from longattncomp_cli.core.backbones.cache.memory import ByteLRU
from longattncomp_cli.core.backbones.decoder.backbone import DecoderBackbone, load_decoder, open_decoder
from longattncomp_cli.core.backbones.decoder.full_pass import PassMemory
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.checkpoint.decoder_heads import NULL_QUERY
from longattncomp_cli.core.chunking.context import tokenize_context
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.data.examples import Document, Example
from longattncomp_cli.data.haystacks import render
from longattncomp_cli.data.readers import READERS

BLOCKS = (7, 15, 16, 17, 18)
"""Those that hold SmolLM2's retrieval heads, and their neighbours; ``decoder_heads.py`` looks at all."""
CONTEXT_TOKENS = 1_700
_MEMORY_BYTES = 2**28
"""A context is read for its first question only."""


@dataclass(frozen=True)
class Haystack:
    """A text, and questions with the character ranges of what answers them."""

    data: str
    text: str
    questions: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]


def _haystack(data: str, asked: Sequence[Example], documents: list[Document]) -> Haystack:
    text, spans = render(documents)
    place = {document: (s.start, s.end) for document, s in zip(documents, spans, strict=True)}
    wanted = ((e.query, tuple(place[d] for d in e.relevant_documents)) for e in asked)
    return Haystack(data, text, tuple(wanted))


def squad_haystacks(examples: Sequence[Example], count: int) -> Iterator[Haystack]:
    """Three paragraphs of each of some articles, and a question to each paragraph, twelve at most."""
    rng = random.Random("h0")
    groups: dict[str, list[Example]] = {}
    for example in examples:
        if example.relevant:
            groups.setdefault(example.group, []).append(example)
    names = sorted(groups)
    for _ in range(count):
        documents: dict[Document, None] = {}
        asked: list[Example] = []
        size = 0.0
        while size < CONTEXT_TOKENS:
            group = groups[rng.choice(names)]
            own = 0
            for example in rng.sample(group, min(len(group), 12)):
                document = example.relevant_documents[0]
                if document in documents or own >= 3 or size >= CONTEXT_TOKENS:
                    continue
                documents[document] = None
                size += len(document.text) / 4.4
                own += 1
                asked.append(example)
        order = list(documents)
        rng.shuffle(order)
        yield _haystack("squad", rng.sample(asked, min(12, len(asked))), order)


def multi_hop_haystacks(data: str, examples: Sequence[Example], count: int) -> Iterator[Haystack]:
    """The paragraphs of five questions, and a distractor of each."""
    rng = random.Random("p0")
    usable = [example for example in examples if example.relevant]
    rng.shuffle(usable)
    for number in range(count):
        asked = usable[number * 5 : number * 5 + 5]
        order = list(
            dict.fromkeys(
                document
                for e in asked
                for document in (
                    *e.relevant_documents,
                    *rng.sample(e.distractors, min(1, len(e.distractors))),
                )
            )
        )
        rng.shuffle(order)
        yield _haystack(data, asked, order)


@dataclass(frozen=True)
class Read:
    """What one pass over a haystack gave.

    Attributes:
        data: the data set.
        context: states (N, D) of each block's input, and positions.
        asked: those of the null query's tokens, and of each question's after them.
        lengths: how many tokens each of them has.
        owner_N: the chunk of each token.
        sizes_C: tokens of each chunk.
        relevant: for each question (C,) booleans.
    """

    data: str
    context: LayerStates
    asked: LayerStates
    lengths: tuple[int, ...]
    owner_N: Tensor
    sizes_C: np.ndarray
    relevant: tuple[Tensor, ...]


@torch.inference_mode()
def read(backbone: DecoderBackbone, haystack: Haystack) -> Read:
    """Read a haystack, the null query and the questions behind it."""
    context = tokenize_context((Source(haystack.text),), backbone.tokenize, chunk_tokens=128, snap="auto")
    layers = (POSITIONS, *BLOCKS)
    queries = [NULL_QUERY, *(query for query, _ in haystack.questions)]
    found = [backbone.full_pass.encode(context, query, "", layers, None) for query in queries]
    blocks = list(found[0].blocks)
    chunks = context.sources[0].chunks
    states = {layer: torch.cat([block.states[layer] for block in blocks]) for layer in layers}
    asked = {layer: torch.cat([each.query.states[layer] for each in found]) for layer in layers}
    return Read(
        haystack.data,
        {layer: value if layer == POSITIONS else value.half() for layer, value in states.items()},
        {layer: value if layer == POSITIONS else value.half() for layer, value in asked.items()},
        tuple(len(each.query.ids) for each in found),
        torch.cat([block.chunk_index_N for block in blocks]),
        np.array([chunk.num_backbone_tokens for chunk in chunks]),
        tuple(
            torch.tensor([any(c.start < end and c.end > start for start, end in spans) for c in chunks])
            for _, spans in haystack.questions
        ),
    )


def loaded(backbone_id: str, num_layers: int, **options: Any) -> DecoderBackbone:
    """A decoder's first blocks on the CPU in float32."""
    weights = open_decoder(backbone_id, trust_remote_code=False)
    how = BackboneOptions(
        num_layers=num_layers,
        window_tokens=1024,
        device=torch.device("cpu"),
        dtype=torch.float32,
        encoding="full",
        **options,
    )
    return load_decoder(BackboneSpec(id=backbone_id, sha256="", kind="decoder"), how, weights)


def _haystacks(data: str, examples: list[Example], count: int) -> list[Haystack]:
    if data == "squad":
        return list(squad_haystacks(examples, count))
    return list(multi_hop_haystacks(data, examples, count))


def all_read(
    backbone: DecoderBackbone, files: Mapping[str, Path], folder: Path, contexts: int
) -> list[tuple[int, Read]]:
    """Every haystack with its number, read now or before."""
    backbone = backbone.with_memory(PassMemory(ByteLRU(_MEMORY_BYTES)))
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for data, file in files.items():
        haystacks: list[Haystack] = []
        for number in range(contexts):
            kept = folder / f"{data}-{number}.pt"
            if not kept.exists():
                haystacks = haystacks or _haystacks(data, list(READERS[data](file)), contexts)
                torch.save(read(backbone, haystacks[number]), kept)
            found.append((number, torch.load(kept, weights_only=False)))
    return found
