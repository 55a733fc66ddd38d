"""LLMLingua-2 (arXiv:2403.12968): a token classifier says of each word how likely it is to be kept.

A word's probability is the mean of its tokens', as in the original. Its package is not needed, a folder
with one of its published classifiers is. Words are the chunks here, so the budget rule, the rendering and the
figures are those of all methods (the original takes a quantile of each window instead of the whole text).
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from longattncomp_cli.benchmark.methods.base import MethodBase, MethodScores
from longattncomp_cli.benchmark.methods.requirements import quieten_transformers
from longattncomp_cli.benchmark.setup.workbench import ChunkedItem, Workbench
from longattncomp_cli.benchmark.tasks.item import Item
from longattncomp_cli.core.backbones.files import WEIGHTS_FILE, file_sha256
from longattncomp_cli.core.chunking.chunks import Chunk
from longattncomp_cli.core.scoring.scores import ChunkScores
from longattncomp_cli.core.text.arrays import FloatArray
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.errors import CheckpointError, ResourceError

_WORD = re.compile(r"\S+\s*")
_WINDOW_TOKENS = 510
_WINDOWS_AT_ONCE = 16
_KEPT = 1


class LLMLingua2(MethodBase):
    """Word probabilities of an LLMLingua-2 classifier; the query is not looked at, as in the original."""

    name = "llmlingua2"
    refines_cut = False
    times_chunking = True

    def __init__(self, bench: Workbench, folder: Path | None) -> None:
        """Load the classifier; nothing is downloaded, no code of the folder runs.

        Raises:
            ResourceError: there is no such folder.
            CheckpointError: it holds no token classifier.
        """
        if folder is None or not folder.is_dir():
            what = "which is not named" if folder is None else f"{folder} is none"
            raise ResourceError(
                f"method llmlingua2 needs a classifier's folder, {what}",
                hint="name one with --llmlingua-model, such as a copy of "
                "microsoft/llmlingua-2-bert-base-multilingual-cased-meetingbank",
                code="no-model",
            )
        quieten_transformers()
        library: Any = importlib.import_module("transformers")
        try:
            self._tokenizer: Any = library.AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
            self._model: Any = library.AutoModelForTokenClassification.from_pretrained(
                str(folder), local_files_only=True, use_safetensors=True
            ).eval()
        except (OSError, ValueError, KeyError) as error:
            raise CheckpointError(f"llmlingua2 model {folder}: {error}", code="no-classifier") from error
        self._model.to(bench.backbone.device)
        weights = folder / WEIGHTS_FILE
        self.identity = file_sha256(str(weights))[:12] if weights.is_file() else folder.name
        self.note = f"classifier {folder.name}; words are the unit; blind to the query"

    def score(self, item: Item, chunked: ChunkedItem) -> MethodScores:
        """One chunk a word, scored by the probability that it is kept."""
        words: list[Chunk] = []
        scores: list[FloatArray] = []
        for number, source in enumerate(item.request.sources):
            region = source.context_span
            begins = [match.start() for match in _WORD.finditer(source.text, region.start, region.end)]
            edges = [region.start, *begins[1:], region.end]
            words += [
                Chunk(len(words) + index, number, edges[index], edges[index + 1], 1)
                for index in range(len(edges) - 1)
            ]
            scores.append(self._probabilities(source.text, region, np.array(edges[:-1])))
        return MethodScores(ChunkScores(tuple(words), np.concatenate(scores), None))

    @torch.inference_mode()
    def _probabilities(self, text: str, region: Span, begins: np.ndarray) -> FloatArray:
        """The mean probability of each word's tokens; 0 for a word without any."""
        encoded = self._tokenizer(
            text[region.start : region.end],
            add_special_tokens=False,
            return_offsets_mapping=True,
            verbose=False,
        )
        ids = encoded["input_ids"]
        starts = np.array([start for start, _ in encoded["offset_mapping"]], dtype=np.int64) + region.start
        owner = np.maximum(0, np.searchsorted(begins, starts, side="right") - 1)
        kept = np.concatenate([np.zeros(0), *(self._kept(part) for part in _batches(ids))])
        counts = np.bincount(owner, minlength=len(begins))
        sums = np.bincount(owner, weights=kept, minlength=len(begins))
        means: FloatArray = sums / np.maximum(1, counts)
        return means

    def _kept(self, windows: list[list[int]]) -> FloatArray:
        """The probability of each token of some windows, in order; padding is masked."""
        first, last = self._tokenizer.cls_token_id, self._tokenizer.sep_token_id
        longest = max(map(len, windows)) + 2
        pad = self._tokenizer.pad_token_id or 0
        framed = [[first, *window, last] for window in windows]
        ids = torch.tensor([row + [pad] * (longest - len(row)) for row in framed], device=self._model.device)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in framed])
        logits = self._model(ids, attention_mask=mask.to(ids.device)).logits
        shares = logits.float().softmax(dim=-1)[..., _KEPT].cpu().double().numpy()
        return np.concatenate([row[1 : len(window) + 1] for row, window in zip(shares, windows, strict=True)])


def _batches(ids: list[int]) -> list[list[list[int]]]:
    windows = [ids[at : at + _WINDOW_TOKENS] for at in range(0, len(ids), _WINDOW_TOKENS)]
    return [windows[at : at + _WINDOWS_AT_ONCE] for at in range(0, len(windows), _WINDOWS_AT_ONCE)]
