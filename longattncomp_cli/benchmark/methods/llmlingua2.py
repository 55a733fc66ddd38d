"""LLMLingua-2 (arXiv:2403.12968), where its package and a model are on this machine.

Its own token classifier gives each word a probability to be kept. Words are the chunks here, so the budget
rule, rendering and figures are those of all methods; dropped words leave a space.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np

from longattncomp_cli.benchmark.items import Item
from longattncomp_cli.benchmark.methods.base import MethodBase, Verdict
from longattncomp_cli.benchmark.methods.packages import require
from longattncomp_cli.benchmark.workbench import Grid, Workbench
from longattncomp_cli.core.types import Chunk, ChunkScores
from longattncomp_cli.errors import ResourceError

_WORD = re.compile(r"\S+\s*")
_WINDOW_WORDS = 200


class LLMLingua2(MethodBase):
    """Word probabilities of an LLMLingua-2 classifier; the query is not looked at, as in the original."""

    name = "llmlingua2"
    cuts_closely = False
    note = "word probabilities of the classifier; blind to the query"

    def __init__(self, bench: Workbench, model: Path | None) -> None:
        """Load the classifier.

        Raises:
            ResourceError: package or model are not there.
        """
        require("llmlingua2", "llmlingua")
        if model is None or not model.is_dir():
            raise ResourceError(
                f"method llmlingua2 needs a model's folder, not {model}",
                hint="name one with --llmlingua-model, such as a copy of "
                "microsoft/llmlingua-2-bert-base-multilingual-cased-meetingbank",
                code="no-model",
            )
        library: Any = importlib.import_module("llmlingua")
        self._compressor: Any = library.PromptCompressor(
            str(model), use_llmlingua2=True, device_map=str(bench.backbone.device)
        )
        self.identity = model.name

    def judge(self, item: Item, grid: Grid) -> Verdict:
        """One chunk a word, scored by the probability that it is kept."""
        words: list[Chunk] = []
        scores: list[float] = []
        for number, source in enumerate(item.request.sources):
            region = source.context
            spans = [m.span() for m in _WORD.finditer(source.text, region.start, region.end)]
            spans = [(region.start, spans[0][1]), *spans[1:]] if spans else [(region.start, region.end)]
            for at in range(0, len(spans), _WINDOW_WORDS):
                part = spans[at : at + _WINDOW_WORDS]
                text = source.text[part[0][0] : part[-1][1]]
                scores += _probabilities(self._compressor, text, len(part))
            words += [Chunk(len(words) + i, number, s, e, 1) for i, (s, e) in enumerate(spans)]
        return Verdict(ChunkScores(tuple(words), np.array(scores), None))


def _probabilities(compressor: Any, text: str, num_words: int) -> list[float]:
    """The classifier's probability of each word of a short text: the package labels words at every rate."""
    share = np.zeros(num_words)
    for rate in (0.1, 0.2, 0.35, 0.5, 0.7):
        out = compressor.compress_prompt_llmlingua2(
            text, rate=rate, return_word_label=True, word_sep="\t\t|\t\t", label_sep=" "
        )
        labels = [pair.rsplit(" ", 1)[-1] for pair in out["fn_labeled_original_prompt"].split("\t\t|\t\t")]
        share[: len(labels)] += [label == "1" for label in labels[:num_words]]
    return [float(value) for value in share]
