"""Shared haystacks of training questions: several questions to a text, so that a decoder reads it once.

    python tests/benchmarks/fit/decoder_haystacks.py --squad train-v1.1.json.gz --hotpotqa train.json.gz
        --musique train.jsonl.gz gold_only.jsonl.gz --2wikimultihopqa train.json.gz gold_only.jsonl.gz
        --tokens 6000 --rounds 2 --squad-haystacks 160 --output haystacks.json.gz

A haystack holds the relevant paragraphs of its questions and two distractors of each; of SQuAD three
paragraphs each of some articles, so that others of the same article stand beside the one that answers.
Questions are on one of two sides by the hash of their article or id, and so are haystacks: what is found and
trained on one side is judged on the other.
"""

from __future__ import annotations

import argparse
import gzip
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from longattncomp_cli.data.examples import Document, Example, estimate_tokens, render
from longattncomp_cli.data.readers import READERS
from longattncomp_cli.data.splits import hash_share

DATA = ("squad", "hotpotqa", "musique", "2wikimultihopqa")
MAX_QUESTIONS = 24
DISTRACTORS = 2
_OF_AN_ARTICLE = 3


@dataclass(frozen=True)
class Question:
    """What is asked of a haystack.

    Attributes:
        query: the question.
        decomposed: the question and its single-hop questions behind it; ``""`` where there are none.
        evidence: character ranges of the paragraphs that answer it.
    """

    query: str
    decomposed: str
    evidence: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Haystack:
    """A text and the questions that share it; ``side`` is 0 or 1."""

    data: str
    side: int
    text: str
    questions: tuple[Question, ...]


def _haystack(data: str, side: int, asked: Sequence[Example], documents: list[Document]) -> Haystack:
    text, spans = render(documents)
    place = {document: (s.start, s.end) for document, s in zip(documents, spans, strict=True)}
    questions = tuple(
        Question(
            e.query,
            "\n".join((e.query, *e.sub_queries)) if e.sub_queries else "",
            tuple(place[d] for d in e.relevant_documents),
        )
        for e in asked
    )
    return Haystack(data, side, text, questions)


def squad_haystacks(examples: Sequence[Example], side: int, tokens: int, count: int) -> Iterator[Haystack]:
    """Three paragraphs of each of some articles, and a question to each of ``MAX_QUESTIONS`` of them."""
    rng = random.Random(f"articles:{side}")
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.group, []).append(example)
    names = sorted(groups)
    for _ in range(count):
        asked: dict[Document, Example] = {}
        size = 0
        while size < tokens:
            group = groups[rng.choice(names)]
            fresh = {
                e.relevant_documents[0]: e for e in rng.sample(group, min(len(group), 4 * _OF_AN_ARTICLE))
            }
            for document, example in list(fresh.items())[:_OF_AN_ARTICLE]:
                if document not in asked and size < tokens:
                    asked[document] = example
                    size += estimate_tokens(document)
        order = rng.sample(list(asked), len(asked))
        questions = rng.sample(list(asked.values()), min(MAX_QUESTIONS, len(asked)))
        yield _haystack("squad", side, questions, order)


def multi_hop_haystacks(
    data: str, examples: Sequence[Example], side: int, tokens: int, rounds: int
) -> Iterator[Haystack]:
    """The paragraphs of the next questions and two distractors of each; ``rounds`` times all questions."""
    rng = random.Random(f"{data}:{side}")
    for _ in range(rounds):
        waiting = rng.sample(list(examples), len(examples))
        while waiting:
            documents: dict[Document, None] = {}
            asked: list[Example] = []
            while waiting and len(asked) < MAX_QUESTIONS and sum(map(estimate_tokens, documents)) < tokens:
                example = waiting.pop()
                others = rng.sample(example.distractors, min(DISTRACTORS, len(example.distractors)))
                documents.update(dict.fromkeys((*example.relevant_documents, *others)))
                asked.append(example)
            if sum(map(estimate_tokens, documents)) > tokens / 2:
                yield _haystack(data, side, asked, rng.sample(list(documents), len(documents)))


def made(options: argparse.Namespace) -> Iterator[Haystack]:
    """All haystacks of all sets, both sides."""
    for data in DATA:
        files = getattr(options, data) or []
        examples = {e.query: e for file in files for e in READERS[data](file) if e.relevant}
        for side in (0, 1):
            own = [e for e in examples.values() if int(2 * hash_share(f"{data}:{e.group or e.id}")) == side]
            if data == "squad" and own:
                yield from squad_haystacks(own, side, options.tokens, options.squad_haystacks // 2)
            elif own:
                yield from multi_hop_haystacks(data, own, side, options.tokens, options.rounds)


def written(path: Path) -> list[Haystack]:
    """Read what :func:`main` wrote."""
    rows = orjson.loads(gzip.decompress(path.read_bytes()))
    return [Haystack(**{**row, "questions": tuple(map(_question, row["questions"]))}) for row in rows]


def _question(row: dict[str, Any]) -> Question:
    return Question(row["query"], row["decomposed"], tuple((start, end) for start, end in row["evidence"]))


def main() -> None:
    """Make the haystacks and write them in an order in which every part holds all sets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in DATA:
        parser.add_argument(f"--{name}", type=Path, nargs="+")
    parser.add_argument("--tokens", type=int, default=6_000, help="of a haystack, about")
    parser.add_argument("--rounds", type=int, default=2, help="how often each multi-hop question is asked")
    parser.add_argument("--squad-haystacks", type=int, default=160)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    haystacks = list(made(options))
    random.Random(0).shuffle(haystacks)
    options.output.write_bytes(gzip.compress(orjson.dumps(haystacks)))
    for data in DATA:
        own = [haystack for haystack in haystacks if haystack.data == data]
        asked = [question for haystack in own for question in haystack.questions]
        print(data, len(own), "haystacks,", len(asked), "asked,", len({q.query for q in asked}), "questions")


if __name__ == "__main__":
    main()
