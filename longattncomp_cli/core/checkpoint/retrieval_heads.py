"""Find a decoder's retrieval heads: the few whose attention falls on what answers a question.

Every head of every block scores the documents of labelled examples as it would as the only head of the
cross-attention layer. Its measure is the mean share of its mass that falls on relevant documents, less that
under a query without content (QRHead, arXiv:2506.09944). Heads are kept whose measure comes near the best
one's: few have one at all, and there is a gap behind them, so that other questions give the same heads.

Shapes: Q questions, L blocks, H heads, C documents, M query tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from longattncomp_cli.core.backbones.base import POSITIONS, LayerStates, StateBlock
from longattncomp_cli.core.backbones.cache.memory import ByteLRU
from longattncomp_cli.core.backbones.decoder.backbone import DecoderBackbone
from longattncomp_cli.core.backbones.decoder.pass_memory import PassMemory
from longattncomp_cli.core.checkpoint.decoder_heads import NULL_QUERY, Head, decoder_attention
from longattncomp_cli.core.chunking.context import tokenize_context
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.errors import CheckpointError

MAX_HEADS = 16
"""As many as the paper's layer has."""
# Of the best head's measure. SmolLM2's seventh head has 0.5 of it, its eighth 0.4.
_LEAST_OF_BEST = 0.45
_WHOLE_DOCUMENT = 1 << 30


@dataclass(frozen=True)
class HeadExample:
    """Documents that are read at once, and questions about them.

    Attributes:
        documents: the texts.
        questions: each with the indices of the documents that answer it, at least one.
    """

    documents: tuple[str, ...]
    questions: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class HeadMeasure:
    """How every head does on labelled questions.

    Attributes:
        shares: for each question (L, H, C): how each head's mass is spread over the documents, less how it
            is under the null query.
        relevant: for each question the documents that answer it.
    """

    shares: tuple[Tensor, ...]
    relevant: tuple[tuple[int, ...], ...]

    @property
    def mass_LH(self) -> Tensor:
        """(L, H) the mean share of the mass on relevant documents, less that under the null query."""
        found = [
            share[..., list(wanted)].sum(-1) for share, wanted in zip(self.shares, self.relevant, strict=True)
        ]
        return torch.stack(found).mean(0)

    def ranking(self) -> list[Head]:
        """All heads, the best first; ties by number."""
        mass_LH = self.mass_LH
        order = torch.argsort(-mass_LH.flatten(), stable=True).tolist()
        return [Head(*divmod(index, mass_LH.shape[1])) for index in order]

    def average_precision(self, heads: Sequence[Head]) -> float:
        """The mean over questions, documents ranked by the mean mass of ``heads``."""
        layers, numbers = zip(*heads, strict=True)
        found = [
            _average_precision(share[list(layers), list(numbers)].mean(0), wanted)
            for share, wanted in zip(self.shares, self.relevant, strict=True)
        ]
        return sum(found) / len(found)

    def best_heads(self, num_heads: int | None = None) -> tuple[Head, ...]:
        """The heads that come near the best one, in the model's order.

        Args:
            num_heads: take so many instead.
        """
        ranking = self.ranking()
        if num_heads is not None:
            return tuple(sorted(ranking[:num_heads]))
        mass_LH = self.mass_LH
        least = _LEAST_OF_BEST * float(mass_LH[ranking[0]])
        near = [head for head in ranking[1:MAX_HEADS] if float(mass_LH[head]) >= least > 0]
        return tuple(sorted([ranking[0], *near]))


@torch.inference_mode()
def measure_heads(
    backbone: DecoderBackbone,
    examples: Sequence[HeadExample],
    on_examples: Callable[[int, int], None] | None = None,
    *,
    null_query: str = NULL_QUERY,
) -> HeadMeasure:
    """Measure the heads of all loaded blocks, and of the one after them.

    Args:
        backbone: whose ``weights`` are open; read in one causal pass a context, whatever its encoding.
        examples: at least one; those that are longer than the model's positions are divided.
        on_examples: called with (examples done, examples in total).
        null_query: whose mass is taken out; ``""``: none.

    Raises:
        CheckpointError: a document and its question are longer than the model's positions.
    """
    assert backbone.weights is not None
    num_heads = int(backbone.weights.config.num_attention_heads)
    depth = min(backbone.num_layers + 1, backbone.weights.depth)
    blocks = [
        decoder_attention(backbone.weights, [Head(layer, head) for head in range(num_heads)])
        for layer in range(depth)
    ]
    for attention in blocks:
        attention.to(backbone.device)
    reader = backbone.with_memory(PassMemory(ByteLRU(2**62)))
    shares: list[Tensor] = []
    relevant: list[tuple[int, ...]] = []
    fitting = [part for example in examples for part in _divided(reader, example)]
    for number, example in enumerate(fitting):
        reader.full_pass.memory.passes.clear()
        asked = [*filter(None, [null_query]), *(query for query, _ in example.questions)]
        context_states, query_states = _read(reader, example.documents, asked, (POSITIONS, *range(depth)))
        edges = [0, *torch.tensor([len(query[0]) for query in query_states]).cumsum(0).tolist()]
        of_layers = []
        for layer, attention in enumerate(blocks):
            queries: LayerStates = {
                name: torch.cat([query[name] for query in query_states]) for name in (POSITIONS, layer)
            }
            projected_HMD = attention.queries(queries)
            num_documents = len(example.documents)
            logits_CHM = attention.chunk_logsumexp(projected_HMD, context_states, num_documents)
            of_layers.append(logits_CHM.softmax(dim=0).permute(1, 0, 2))
        shares_LHCM = torch.stack(of_layers).cpu()
        found = [shares_LHCM[..., start:end].mean(-1) for start, end in pairwise(edges)]
        shares += [share - found[0] for share in found[1:]] if null_query else found
        relevant += [wanted for _, wanted in example.questions]
        if on_examples:
            on_examples(number + 1, len(fitting))
    return HeadMeasure(tuple(shares), tuple(relevant))


def _divided(backbone: DecoderBackbone, example: HeadExample) -> list[HeadExample]:
    """The example, or both halves of its documents with the questions that each of them answers alone."""
    between = len(backbone.model.text.between)
    opening = len(backbone.model.text.opening)
    documents = sum(len(tokens.ids) + between for tokens in backbone.tokenize(example.documents))
    queries = backbone.tokenize([NULL_QUERY, *(query for query, _ in example.questions)])
    longest = max(len(tokens.ids) for tokens in queries)
    if not example.questions:
        return []
    if opening + documents + longest <= backbone.model.max_positions:
        return [example]
    half = len(example.documents) // 2
    if not half:
        raise CheckpointError(
            f"backbone {backbone.spec.id}: {backbone.model.max_positions} positions are too few for examples",
            hint="use another backbone, or a checkpoint",
        )
    return [
        *_divided(backbone, _part(example, 0, half)),
        *_divided(backbone, _part(example, half, len(example.documents))),
    ]


def _part(example: HeadExample, start: int, end: int) -> HeadExample:
    """Some of the documents, and the questions whose answers all lie in them."""
    questions = tuple(
        (query, tuple(index - start for index in relevant))
        for query, relevant in example.questions
        if all(start <= index < end for index in relevant)
    )
    return HeadExample(example.documents[start:end], questions)


def _read(
    backbone: DecoderBackbone, documents: Sequence[str], asked: Sequence[str], layers: Sequence[int]
) -> tuple[list[StateBlock], list[LayerStates]]:
    """The states of the context, and for each query those of its tokens behind the context."""
    sources = tuple(map(Source, documents))
    context = tokenize_context(sources, backbone.tokenize, chunk_tokens=_WHOLE_DOCUMENT, snap="none")
    blocks: list[StateBlock] = []
    queries = []
    for query in asked:
        encoding = backbone.full_pass.encode(context, query, "", list(layers), None)
        blocks = blocks or list(encoding.blocks)
        queries.append(encoding.query.states)
    return blocks, queries


def _average_precision(scores_C: Tensor, relevant: Sequence[int]) -> float:
    """The mean, over relevant documents, of the share of relevant ones among those down to its rank."""
    rank_C = torch.empty_like(scores_C, dtype=torch.long)
    rank_C[torch.argsort(-scores_C, stable=True)] = torch.arange(1, len(scores_C) + 1)
    ranks: list[int] = sorted(rank_C[list(relevant)].tolist())
    return sum(number / rank for number, rank in enumerate(ranks, start=1)) / len(ranks)
