"""Whether a cheap look may leave out parts of a long context before it is read: what evidence it would lose.

    python tests/benchmarks/first_look.py --hotpotqa train.json.gz --2wikimultihopqa train.json.gz \\
        --musique train.jsonl.gz --squad train-v1.1.json.gz --paragraphs paragraph_pool.jsonl.gz --output FILE

For each data set one haystack of its questions' documents and of paragraphs beside, a chunk a document. For
each question its documents are ordered without the transformer, and the share of the evidence that stands in
the first tenth, fifth, … of the tokens is counted:

- ``words``: BM25.
- ``layer_0``: of each query token, weighted by its idf, the nearest token of the chunk by the backbone's
  embeddings; names and numbers match exactly there.
- ``both``: the better rank of the two.
- ``followed``: the better rank of ``both`` and of a second look for the rare tokens of its best eight chunks,
  what a hop is asked for.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import bm25s
import numpy as np
import torch
import torch.nn.functional as F
from results_file import write_results
from timing import device_and_dtype

from longattncomp_cli.core.attention.idf import idf
from longattncomp_cli.core.checkpoint.shipped import DEFAULT_CHECKPOINT
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.scoring.loading import load_scorer
from longattncomp_cli.core.text.arrays import FloatArray, IntArray
from longattncomp_cli.data.examples import Document, Example
from longattncomp_cli.data.readers import READERS, read_paragraphs
from longattncomp_cli.training.pools.features import document_key

SHARES = (0.1, 0.2, 0.3, 0.5)
SETS = ("hotpotqa", "2wikimultihopqa", "musique", "squad")
SEEDS, RARE_TOKENS, LARGEST_SHARE = 8, 24, 0.2


class Haystack:
    """Documents, their tokens, and the cheap orders of them.

    Shapes: C documents, U distinct tokens, M query tokens.
    """

    def __init__(self, documents: Sequence[Document], tokenize: object, table: torch.Tensor) -> None:
        """Tokenise and index."""
        self.table = table
        texts = [document.titled_text for document in documents]
        self.ids = [tokens.ids for tokens in tokenize(texts)]  # type: ignore[operator]
        self.sizes_C = np.array([len(ids) for ids in self.ids])
        self.distinct_U = np.unique(np.concatenate(self.ids))
        self.rows = [np.searchsorted(self.distinct_U, np.unique(ids)) for ids in self.ids]
        self.frequency_U = np.bincount(np.concatenate(self.rows), minlength=len(self.distinct_U))
        self.words = bm25s.BM25()
        self.words.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
        self.units_UD = F.normalize(table[torch.from_numpy(self.distinct_U)].float(), dim=-1)

    def by_words(self, query: str) -> FloatArray:
        """(C,) BM25."""
        words = bm25s.tokenize([query], stopwords="en", return_ids=False, show_progress=False)[0]
        return np.asarray(self.words.get_scores(words)) if words else np.zeros(len(self.ids))

    def by_layer_0(self, query_ids: IntArray) -> FloatArray:
        """(C,) the idf-weighted mean of the nearest tokens' cosines."""
        place = np.minimum(np.searchsorted(self.distinct_U, query_ids), len(self.distinct_U) - 1)
        known = self.distinct_U[place] == query_ids
        weight_M = idf(np.where(known, self.frequency_U[place], 0), len(self.ids))
        asked_MD = F.normalize(self.table[torch.from_numpy(query_ids)].float(), dim=-1)
        cosine_UM = (self.units_UD @ asked_MD.T).numpy()
        return np.array([cosine_UM[rows].max(axis=0) @ weight_M for rows in self.rows])

    def rare_tokens(self, best: IntArray) -> IntArray:
        """Distinct ids of the rarest tokens of some documents that stand in others too."""
        found = []
        for document in best.tolist():
            rows = self.rows[document]
            holding = self.frequency_U[rows]
            usable = rows[(holding >= 2) & (holding <= LARGEST_SHARE * len(self.ids))]
            found.append(usable[np.argsort(self.frequency_U[usable], kind="stable")[:RARE_TOKENS]])
        return self.distinct_U[np.unique(np.concatenate(found))]


def ranks(scores_C: FloatArray) -> IntArray:
    """(C,) the place of each, best first."""
    order = np.argsort(-scores_C, kind="stable")
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    return places


def looks(haystack: Haystack, query: str, query_ids: IntArray) -> dict[str, IntArray]:
    """(C,) the rank of each document by each look; the smaller the better, with ties."""
    words, layer_0 = ranks(haystack.by_words(query)), ranks(haystack.by_layer_0(query_ids))
    both = np.minimum(words, layer_0)
    rare = haystack.rare_tokens(np.argsort(both, kind="stable")[:SEEDS])
    followed = np.minimum(both, ranks(haystack.by_layer_0(rare)))
    return {"words": words, "layer_0": layer_0, "both": both, "followed": followed}


def held(rank_C: IntArray, sizes_C: IntArray, share: float) -> IntArray:
    """(C,) whether a document is among the first that make up this share of the tokens."""
    order = np.argsort(rank_C, kind="stable")
    is_held = np.zeros(len(order), dtype=bool)
    is_held[order] = np.cumsum(sizes_C[order]) <= share * sizes_C.sum()
    return is_held


def haystack_of(
    examples: Sequence[Example], beside: Sequence[Document], num_tokens: int, rng: random.Random
) -> list[Document]:
    """The documents of the questions, and of those beside as many as there is room for."""
    documents = {document_key(d): d for example in examples for d in example.documents}
    size = sum(len(d.text) for d in documents.values()) / 4.4
    for document in rng.sample(list(beside), len(beside)):
        if size >= num_tokens:
            break
        documents.setdefault(document_key(document), document)
        size += len(document.text) / 4.4
    return rng.sample(list(documents.values()), len(documents))


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in SETS:
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--paragraphs", type=Path, required=True, help="JSONL of paragraphs beside them")
    parser.add_argument("--questions", type=int, default=100, help="of each data set")
    parser.add_argument("--tokens", type=int, default=200_000, help="of a haystack, about")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    scorer = load_scorer(load_checkpoint(DEFAULT_CHECKPOINT), device="cpu")
    backbone = scorer.backbone
    table = backbone.embed(torch.arange(30_522))
    beside = list(read_paragraphs(options.paragraphs))
    rows = []
    for name in SETS:
        path = getattr(options, name)
        if path is None:
            continue
        rng = random.Random(f"first look {name}")
        examples = list(READERS[name](path))
        examples = [e for e in rng.sample(examples, len(examples)) if e.relevant][: options.questions]
        documents = haystack_of(examples, beside, options.tokens, rng)
        number = {document_key(document): i for i, document in enumerate(documents)}
        haystack = Haystack(documents, backbone.tokenize, table)
        recall: dict[str, list[list[float]]] = {}
        for example in examples:
            relevant = [number[document_key(example.documents[i])] for i in example.relevant]
            query_ids = backbone.tokenize([example.query])[0].ids
            for look, rank_C in looks(haystack, example.query, query_ids).items():
                found = [held(rank_C, haystack.sizes_C, share)[relevant].mean() for share in SHARES]
                recall.setdefault(look, []).append(found)
        tokens = int(haystack.sizes_C.sum())
        for look, values in recall.items():
            means = np.mean(values, axis=0).round(4).tolist()
            rows.append(
                {"task": name, "questions": len(examples), "tokens": tokens, "look": look, "recall": means}
            )
            print(rows[-1], flush=True)
    if options.output:
        facts = device_and_dtype(scorer)
        write_results(
            options.output, {"shares": SHARES, "rows": rows}, checkpoint=DEFAULT_CHECKPOINT, **facts
        )


if __name__ == "__main__":
    main()
