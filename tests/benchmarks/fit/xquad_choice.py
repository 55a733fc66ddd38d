"""Compare checkpoints on the half of XQuAD's articles that ``bench xquad --held-out 0.5`` does not report.

    python tests/benchmarks/fit/xquad_choice.py START/multilingual multilingual WHOLE --data-dir DATA
        --cache FOLDER --output multilingual_choice.json

One haystack a language of the same paragraphs (7,000 to 9,000 tokens of the backbone), asked in its own
language and in English; the English one also in the others. Evidence recall of characters at a tight budget,
and the paired difference to the first checkpoint with its standard error over questions.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from shared_haystacks import distinct, xquad_half

from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.text.arrays import FloatArray
from longattncomp_cli.data.examples import Document, Example, render

sys.path.insert(0, str(Path(__file__).parents[1]))
from results_file import write_results

LANGUAGES = ("en", "zh", "ar", "hi", "de")
PARAGRAPHS = 45
SHARE = 32
"""A part of so many of the haystack's tokens is kept."""


def asked(
    languages: dict[str, list[Example]], num_questions: int
) -> tuple[dict[str, list[Document]], list[str]]:
    """The paragraphs of each haystack, and the ids of the questions that they answer."""
    pools = {name: distinct(d for e in found for d in e.documents) for name, found in languages.items()}
    order = list(range(len(pools["en"])))
    random.Random(5).shuffle(order)
    taken = {name: [pool[number] for number in order[:PARAGRAPHS]] for name, pool in pools.items()}
    here = set(taken["en"])
    ids = [e.id for e in languages["en"] if e.relevant and here.issuperset(e.relevant_documents)]
    random.Random(6).shuffle(ids)
    return taken, ids[:num_questions]


def recalls(
    compressor: Compressor, documents: list[Document], pairs: list[tuple[str, Example]]
) -> Iterator[float]:
    """For each query the share of the evidence's characters that is kept."""
    text, spans = render(documents)
    place = dict(zip(documents, spans, strict=True))
    context = compressor.read(text)
    budget = len(compressor.scorer.backbone.tokenize([text])[0].ids) // SHARE
    for query, example in pairs:
        kept = context.compress(query, budget).spans
        wanted = [place[document] for document in example.relevant_documents]
        hit = sum(max(0, min(k.end, w.end) - max(k.start, w.start)) for k in kept for w in wanted)
        yield hit / sum(w.end - w.start for w in wanted)


def measure(
    name: str,
    cache: Path | None,
    languages: dict[str, list[Example]],
    taken: dict[str, list[Document]],
    ids: list[str],
) -> dict[str, FloatArray]:
    """For each way to ask (L, Q) the recall of each question over each language's haystack."""
    compressor = Compressor.load(name, tokenizer="backbone", cache=cache)
    by_id = {language: {e.id: e for e in found} for language, found in languages.items()}

    def row(text: str, query: str) -> list[float]:
        pairs = [(by_id[query][each].query, by_id[text][each]) for each in ids]
        return list(recalls(compressor, taken[text], pairs))

    others = [language for language in LANGUAGES if language != "en"]
    return {
        "own language": np.array([row(each, each) for each in LANGUAGES]),
        "English questions": np.array([row(each, "en") for each in others]),
        "over English text": np.array([row("en", each) for each in others]),
    }


def main() -> None:
    """Measure each checkpoint and write means and differences."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoints", nargs="+", help="the first one is what others are compared with")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    languages = {name: xquad_half(options.data_dir, name, is_reported=False) for name in LANGUAGES}
    taken, ids = asked(languages, options.questions)
    rows: list[dict[str, Any]] = []
    first: dict[str, FloatArray] = {}
    for name in options.checkpoints:
        found = measure(name, options.cache, languages, taken, ids)
        first = first or found
        for way, recall_LQ in found.items():
            difference_Q = (recall_LQ - first[way]).mean(axis=0)
            row = {
                "checkpoint": name,
                "asked": way,
                "recall": round(float(recall_LQ.mean()), 3),
                "difference": round(float(difference_Q.mean()), 3),
                "standard_error": round(float(difference_Q.std() / len(ids) ** 0.5), 3),
            }
            rows.append(row)
            print(row, flush=True)
    if options.output:
        facts = {"questions": len(ids), "languages": LANGUAGES, "rows": rows}
        write_results(options.output, facts, checkpoint="multilingual", device="cpu", dtype="auto")


if __name__ == "__main__":
    main()
