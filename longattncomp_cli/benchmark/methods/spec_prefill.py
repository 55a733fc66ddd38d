"""Speculative Prefill (arXiv:2502.02789): what a small model attends to before it answers.

In its order: softmax in fp32 for each layer, head and step, over the prompt's tokens only → average pooling
along the text (kernel 13, padding 6) → maximum over layers and heads → mean over steps → mean over each
chunk. Chunks are its own: ``CHUNK_TOKENS`` tokens each, wherever they end, as in Cross-Family Speculative
Prefill (arXiv:2603.02631). The budget is the benchmark's, as for every method.

* ``DraftModel``: a decoder; the steps are the last prompt token and the tokens it then generates. The
  prompt is the model's chat template around context and query, or begins with its first token.
* ``EncoderAttention``: for the embedded encoder, which generates nothing: its own self-attention
  projections, from each query token to all context tokens, which its windows never compare.

Shapes: N prompt or context tokens, M query tokens or steps, A attention heads, D width, L layers.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from longattncomp_cli.benchmark.methods.base import MethodBase, MethodScores
from longattncomp_cli.benchmark.methods.requirements import quieten_transformers
from longattncomp_cli.benchmark.setup.workbench import ChunkedItem, Workbench
from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.core.backbones.base import SegmentStates, StateBlock
from longattncomp_cli.core.backbones.decoder.model import cache_argument
from longattncomp_cli.core.backbones.encoder.backbone import EncoderBackbone
from longattncomp_cli.core.backbones.files import WEIGHTS_FILE, file_sha256
from longattncomp_cli.core.chunking.chunks import ChunkedSource, Tokens
from longattncomp_cli.core.chunking.cutter import chunk_source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.text.arrays import FloatArray
from longattncomp_cli.errors import CheckpointError, InputError, ResourceError, UsageError

LOOK_AHEAD = 8
CHUNK_TOKENS = 128
_KERNEL, _PADDING = 13, 6
_PLACE = "\N{OBJECT REPLACEMENT CHARACTER}"


def pooled(attention_MN: Tensor) -> Tensor:
    """Smooth along the text: (M, N) → (M, N)."""
    return F.avg_pool1d(attention_MN[:, None], _KERNEL, stride=1, padding=_PADDING)[:, 0]


def step_scores(attention_LAMN: Tensor) -> Tensor:
    """Token scores of a whole stack of attentions: (L, A, M, N), rows that sum to 1 → (N,)."""
    rows = attention_LAMN.flatten(0, 1)
    smooth = torch.stack([pooled(head_MN) for head_MN in rows])
    return smooth.amax(dim=0).mean(dim=0)


def chunk_means(scores_N: Tensor, owner_N: Tensor, num_chunks: int) -> FloatArray:
    """(C,) the mean over each chunk's tokens; 0 where it has none."""
    sums_C = torch.zeros(num_chunks, dtype=torch.float64).index_add_(0, owner_N, scores_N.double())
    counts_C = torch.bincount(owner_N, minlength=num_chunks)
    means: FloatArray = (sums_C / counts_C.clamp_min(1)).numpy()
    return means


class EncoderAttention(MethodBase):
    """The embedded encoder's attention over the query tokens, in its blocks from the second on."""

    name = "spec-prefill"
    refines_cut = False
    times_chunking = True

    def __init__(self, bench: Workbench) -> None:
        """Take the encoder's query and key projections.

        Raises:
            UsageError: the backbone is not the embedded kind.
        """
        if not isinstance(bench.backbone.backbone, EncoderBackbone):
            raise UsageError(
                "spec-prefill without a draft model needs the embedded encoder",
                hint="name a decoder with --spec-model",
            )
        self._bench = bench
        self._encoder = bench.backbone.backbone.encoder
        self._depths = [layer for layer in bench.backbone.layers if 0 < layer < len(self._encoder.layers)]
        self.identity = f"{bench.backbone.backbone.spec.sha256[:12]}:{self._depths}:{CHUNK_TOKENS}"
        self.note = f"the embedded encoder's own attention, chunks of {CHUNK_TOKENS} tokens"
        self.caveat = (
            "no draft model was named: it is the embedded encoder's attention over the query's tokens, "
            "without look-ahead"
        )

    def score(self, item: Item, chunked: ChunkedItem) -> MethodScores:
        """Score chunks of its own size."""
        own = self._bench.chunk(item.request, chunk_tokens=CHUNK_TOKENS, snap="none")
        return MethodScores(ChunkScores(own.chunks, self._chunk_scores(item, own), None))

    @torch.inference_mode()
    def _chunk_scores(self, item: Item, chunked: ChunkedItem) -> FloatArray:
        """(C,) one layer and head at a time; memory is query tokens × context tokens."""
        encoding = self._bench.backbone.encode(chunked.context, item.request.query, "", self._depths)
        blocks = list(encoding.blocks)
        owner_N = torch.cat([block.chunk_index_N for block in blocks])
        order_N = owner_N.argsort(stable=True)
        best_MN: Tensor | None = None
        for layer in self._depths:
            for attention_MN in self._heads(layer, encoding.query, blocks, order_N):
                smooth_MN = pooled(attention_MN)
                best_MN = smooth_MN if best_MN is None else torch.maximum(best_MN, smooth_MN)
        assert best_MN is not None
        return chunk_means(best_MN.mean(dim=0).cpu(), owner_N[order_N].cpu(), len(chunked.chunks))

    def _heads(self, layer: int, query: SegmentStates, blocks: list[StateBlock], order_N: Tensor) -> Any:
        """Yield (M, N) of each head of the block that reads this layer's states."""
        weights = self._encoder.layers[layer]
        width, heads = self._encoder.width, self._encoder.num_attention_heads
        states_ND = torch.cat([block.states[layer] for block in blocks])[order_N]
        keys_ND = F.linear(
            states_ND, weights.qkv_weight[width : 2 * width], weights.qkv_bias[width : 2 * width]
        )
        query_MD = F.linear(
            query.states[layer].to(keys_ND), weights.qkv_weight[:width], weights.qkv_bias[:width]
        )
        head_width = width // heads
        for head in range(heads):
            part = slice(head * head_width, (head + 1) * head_width)
            logits_MN = (query_MD[:, part] @ keys_ND[:, part].T).float() / head_width**0.5
            yield (logits_MN - logits_MN.amax(dim=1, keepdim=True)).clamp_min_(-80).softmax(dim=1)


@dataclass(frozen=True)
class _Prompt:
    """What the draft model reads: ids, where the context begins in them, and the context's chunks."""

    ids: list[int]
    first: int
    sources: list[ChunkedSource]


class DraftModel(MethodBase):
    """A decoder reads context and query, looks ``LOOK_AHEAD`` tokens ahead, and its attention is read."""

    name = "spec-prefill"
    refines_cut = False
    times_chunking = True

    def __init__(self, bench: Workbench, folder: Path) -> None:
        """Load model and tokenizer from a local folder; nothing is downloaded, no code of the folder runs.

        Raises:
            ResourceError: there is no such folder.
            CheckpointError: it holds no causal language model.
        """
        if not folder.is_dir():
            raise ResourceError(f"draft model {folder} is not a folder", hint="name one with --spec-model")
        library: Any = importlib.import_module("transformers")
        quieten_transformers()
        options = {"local_files_only": True}
        try:
            self._tokenizer: Any = library.AutoTokenizer.from_pretrained(str(folder), **options)
            self._model: Any = library.AutoModelForCausalLM.from_pretrained(
                str(folder), use_safetensors=True, **options
            ).eval()
        except (OSError, ValueError, KeyError) as error:
            raise CheckpointError(f"draft model {folder}: {error}", code="no-draft-model") from error
        self._model.to(bench.backbone.device)
        weights = folder / WEIGHTS_FILE
        digest = file_sha256(str(weights))[:12] if weights.is_file() else folder.name
        self.identity = f"{digest}:{LOOK_AHEAD}:{CHUNK_TOKENS}"
        self.note = (
            f"draft model {folder.name}, {LOOK_AHEAD} steps of look-ahead, chunks of {CHUNK_TOKENS} tokens"
        )

    @torch.inference_mode()
    def score(self, item: Item, chunked: ChunkedItem) -> MethodScores:
        """Mean token scores of chunks of the draft model's own tokens.

        Raises:
            InputError: the prompt is longer than the model can read.
        """
        prompt = self._prompt(item.request)
        limit = getattr(self._model.config, "max_position_embeddings", len(prompt.ids) + LOOK_AHEAD)
        if len(prompt.ids) + LOOK_AHEAD > limit:
            raise InputError(
                f"the prompt has {len(prompt.ids)} tokens, the draft model reads {limit - LOOK_AHEAD}",
                hint="use shorter contexts, or another --spec-model",
                code="draft-too-short",
            )
        scores_N = step_scores(self._look_ahead(torch.tensor([prompt.ids], device=self._model.device)))
        chunks = [chunk for source in prompt.sources for chunk in source.chunks]
        sizes = torch.tensor([chunk.num_backbone_tokens for chunk in chunks])
        owner_N = torch.repeat_interleave(torch.arange(len(chunks)), sizes)
        context_N = scores_N[prompt.first : prompt.first + len(owner_N)].cpu()
        return MethodScores(ChunkScores(tuple(chunks), chunk_means(context_N, owner_N, len(chunks)), None))

    def _prompt(self, request: Request) -> _Prompt:
        """The chat template around context and query; without one the first token before them, if any."""
        before, after = self._frame()
        ids, first = list(before), len(before)
        sources: list[ChunkedSource] = []
        num_chunks = 0
        for number, source in enumerate(request.sources):
            region = source.context_span
            encoded = self._tokenizer(
                source.text[region.start : region.end], add_special_tokens=False, return_offsets_mapping=True
            )
            starts = np.array([start for start, _ in encoded["offset_mapping"]], dtype=np.int64)
            tokens = Tokens(np.array(encoded["input_ids"], dtype=np.int64), starts + region.start)
            part = chunk_source(
                source,
                tokens,
                source_index=number,
                first_index=num_chunks,
                chunk_tokens=CHUNK_TOKENS,
                snap="none",
            )
            sources.append(part)
            num_chunks += len(part.chunks)
            ids += encoded["input_ids"]
        question = self._tokenizer(f"\n\n{request.query}\n", add_special_tokens=False)["input_ids"]
        return _Prompt([*ids, *question, *after], first, sources)

    def _frame(self) -> tuple[list[int], list[int]]:
        """Token ids before and after what the user says."""
        if not self._tokenizer.chat_template:
            start = self._tokenizer.bos_token_id
            return ([] if start is None else [start]), []
        turn = [{"role": "user", "content": _PLACE}]
        framed = self._tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
        before, _, after = framed.partition(_PLACE)
        return tuple(self._tokenizer(part, add_special_tokens=False)["input_ids"] for part in (before, after))

    def _look_ahead(self, ids_1N: Tensor) -> Tensor:
        """Return (L, A, M, N): attention of each step to the prompt, its rows sum to 1."""
        num_prompt = ids_1N.shape[1]
        library: Any = importlib.import_module("transformers")
        cache = {cache_argument(self._model): library.DynamicCache(config=self._model.config)}
        if num_prompt > 1:
            self._model(ids_1N[:, :-1], use_cache=True, logits_to_keep=1, **cache)
        token_11 = ids_1N[:, -1:]
        steps = []
        before = self._model.config._attn_implementation
        self._model.set_attn_implementation("eager")  # the only one that hands out its attention
        try:
            for _ in range(LOOK_AHEAD):
                out = self._model(token_11, use_cache=True, output_attentions=True, **cache)
                token_11 = out.logits[:, -1:].argmax(dim=-1)
                rows = torch.stack([layer[0, :, 0, :num_prompt].float() for layer in out.attentions])
                # A softmax over the prompt alone is this one, divided by the prompt's share.
                steps.append(rows / rows.sum(dim=-1, keepdim=True).clamp_min(1e-20))
        finally:
            self._model.set_attn_implementation(before)
        return torch.stack(steps, dim=2)
