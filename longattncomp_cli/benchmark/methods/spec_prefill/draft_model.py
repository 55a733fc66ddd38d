"""Speculative Prefill (arXiv:2502.02789) with a decoder as the draft model; its formula: ``attention.py``.

The steps are the last prompt token and the tokens that the draft then generates. The prompt is the model's
chat template around context and query, or begins with its first token. Without ``--spec-model`` the draft
is the model of the backbone with all of its layers: transformers loads it once more, and where that cannot
be the method is left out.

A prompt longer than the model's positions is an error of that item, which stands in the report. Cut into
segments it would be another method: each segment's attention sums to 1, whatever it holds.

Shapes: N prompt tokens, M steps, A attention heads, L layers.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from longattncomp_cli.benchmark.methods.base import Method, MethodBase, MethodScores
from longattncomp_cli.benchmark.methods.requirements import quieten_transformers
from longattncomp_cli.benchmark.methods.spec_prefill.attention import CHUNK_TOKENS, chunk_means, step_scores
from longattncomp_cli.benchmark.methods.spec_prefill.encoder import EncoderAttention
from longattncomp_cli.benchmark.setup.workbench import ChunkedItem, Workbench
from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.core.backbones.decoder.model import cache_argument
from longattncomp_cli.core.backbones.files import WEIGHTS_FILE, file_sha256
from longattncomp_cli.core.chunking.chunks import ChunkedSource, Tokens
from longattncomp_cli.core.chunking.cutter import chunk_source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.errors import CheckpointError, InputError, ResourceError

LOOK_AHEAD = 8
_PLACE = "\N{OBJECT REPLACEMENT CHARACTER}"


def spec_prefill(bench: Workbench, folder: Path | None) -> Method:
    """Speculative Prefill with the draft model that is named, with the backbone, or with the encoder.

    Raises:
        ResourceError: the backbone cannot be loaded whole, or ``folder`` is none.
        CheckpointError: ``folder`` holds no causal language model.
    """
    if folder is not None:
        if not folder.is_dir():
            raise ResourceError(f"draft model {folder} is not a folder", hint="name one with --spec-model")
        return DraftModel(bench, str(folder))
    backbone = bench.checkpoints[0].config.backbone
    if backbone.kind == "encoder":
        return EncoderAttention(bench)
    try:
        return DraftModel(bench, backbone.id)
    except CheckpointError as error:
        raise ResourceError(
            f"spec-prefill needs the whole of {backbone.id}: {error.message}",
            hint="name another draft model with --spec-model",
            code=error.code,
        ) from error


def draft_files(name: str) -> tuple[str, dict[str, str], Path]:
    """What transformers loads a model from, with which options, and the file that tells models apart.

    Args:
        name: a folder, a hub id, a GGUF file, or an installed package that carries one.
    """
    path = Path(name)
    if not path.exists() and name.replace("-", "_").isidentifier():
        found = importlib.util.find_spec(name.replace("-", "_"))
        places = list(found.submodule_search_locations or ()) if found else []
        path = next((file for place in places for file in sorted(Path(place).glob("*.gguf"))), path)
    if path.is_file():
        return str(path.parent), {"gguf_file": path.name}, path
    return name, {}, path / WEIGHTS_FILE


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

    def __init__(self, bench: Workbench, name: str) -> None:
        """Load model and tokenizer from this machine; nothing is downloaded, no code beside them runs.

        Args:
            bench: where to run.
            name: see :func:`draft_files`.

        Raises:
            CheckpointError: there is no causal language model, or not all of it.
        """
        library: Any = importlib.import_module("transformers")
        quieten_transformers()
        place, options, weights = draft_files(name)
        shown = weights.name if options else Path(name).name
        kept: dict[str, Any] = {} if options else {"use_safetensors": True}
        try:
            self._tokenizer: Any = library.AutoTokenizer.from_pretrained(
                place, local_files_only=True, **options
            )
            with contextlib.redirect_stderr(io.StringIO()):  # GGUF files have a progress bar of their own
                self._model: Any = library.AutoModelForCausalLM.from_pretrained(
                    place, local_files_only=True, **options, **kept
                ).eval()
            self._model.to(bench.backbone.device)
        except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
            raise CheckpointError(f"draft model {shown}: {error}", code="no-draft-model") from error
        digest = file_sha256(str(weights))[:12] if weights.is_file() else shown
        self.identity = f"{digest}:{LOOK_AHEAD}:{CHUNK_TOKENS}"
        self.note = f"draft model {shown}, {LOOK_AHEAD} steps of look-ahead, chunks of {CHUNK_TOKENS} tokens"

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
