"""``--part heads``: find a decoder's retrieval heads on labelled examples, and leave a usable checkpoint."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from longattncomp_cli.core.backbones.base import BackboneOptions
from longattncomp_cli.core.backbones.decoder.backbone import DecoderBackbone, load_decoder, open_decoder
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.checkpoint.decoder_heads import Head
from longattncomp_cli.core.checkpoint.made_needles import made_needles
from longattncomp_cli.core.checkpoint.retrieval_heads import HeadExample, HeadMeasure, measure_heads
from longattncomp_cli.core.checkpoint.store import save_checkpoint
from longattncomp_cli.core.checkpoint.untrained_decoder import SEGMENT_TOKENS, layers_of, untrained_decoder
from longattncomp_cli.core.files.output_files import make_folder
from longattncomp_cli.data.examples import Document, Example, estimate_tokens
from longattncomp_cli.errors import InputError, OutputError
from longattncomp_cli.training.examples import load_data
from longattncomp_cli.training.reports.card import heads_card

NUM_QUESTIONS, NUM_HELD_OUT = 160, 48
"""Questions that heads are found on, and those that they are then judged on."""
_HELD_OUT_SHARE = 0.15
_CONTEXT_TOKENS = 1_400
_CONTEXT_QUESTIONS = 10
_DISTRACTORS = 2
# Examples that are read for each question that is asked: several ask about one document.
_EXAMPLES_A_QUESTION = 16
_MADE_CONTEXTS, _MADE_HELD_OUT = 12, 4


@dataclass(frozen=True, kw_only=True)
class HeadSearch:
    """What ``--part heads`` asks for."""

    backbone: BackboneSpec
    """Which model."""
    options: BackboneOptions
    """How it is read; its ``num_layers`` are searched, and the block after them."""
    files: Mapping[str, Sequence[Path]]
    """Data files by the name of their reader; made needles where there are none."""
    output: Path
    """The checkpoint's folder."""
    seed: int = 0
    """Of the choice of questions."""
    command: str = ""
    """The command line as typed, for the card."""
    trust_remote_code: bool = False
    """Run code that lies beside the backbone."""


def find_heads(
    search: HeadSearch,
    on_note: Callable[[str], None] = lambda text: None,
    on_examples: Callable[[int, int], None] | None = None,
) -> None:
    """Measure all heads, and save the best few as a checkpoint.

    Raises:
        OutputError: the folder holds a checkpoint, or cannot be made.
        InputError: a data file cannot be read, or holds too few examples.
        CheckpointError: the backbone cannot be used.
    """
    if (search.output / "config.json").exists():
        raise OutputError(f"{search.output} holds a checkpoint", hint="choose another --output")
    make_folder(search.output)
    counts, found_on, held_out = _examples(search)
    if not found_on or not held_out:
        raise InputError("heads need examples on both sides of the split", hint="pass more data")
    weights = open_decoder(search.backbone.id, trust_remote_code=search.trust_remote_code)
    reader = load_decoder(search.backbone, search.options, weights)
    measure = measure_heads(reader, found_on, on_examples)
    heads = measure.best_heads()
    judged = measure_heads(reader, held_out).average_precision(heads)
    backbone = _cut(search, layers_of(heads))
    made = untrained_decoder(backbone, heads, chat_template=search.options.chat_template)
    record = _record(search, counts, measure, heads, judged)
    config = replace(made.config, name=search.output.name, training=record)
    save_checkpoint(
        replace(made, config=config), search.output, heads_card(config.name, record, search.command)
    )
    named = ", ".join(f"block {layer} head {head}" for layer, head in heads)
    on_note(f"found {named}: held-out average precision {judged:.3f} → {search.output}")


def _cut(search: HeadSearch, num_layers: int) -> DecoderBackbone:
    """The backbone as the checkpoint reads it, without the blocks that no head needs.

    Opened anew, for its digest is of what is read.
    """
    weights = open_decoder(search.backbone.id, trust_remote_code=search.trust_remote_code)
    options = replace(search.options, num_layers=num_layers, segment_tokens=SEGMENT_TOKENS)
    return load_decoder(search.backbone, options, weights)


def _record(
    search: HeadSearch,
    counts: Mapping[str, Mapping[str, int]],
    measure: HeadMeasure,
    heads: Sequence[Head],
    judged: float,
) -> dict[str, Any]:
    """What ``config.json`` says about the search."""
    mass_LH = measure.mass_LH
    return {
        "part": "heads",
        "examples": {name: dict(sides) for name, sides in counts.items()},
        "questions": len(measure.shares),
        "heads": [
            {"block": layer, "head": head, "mass": round(float(mass_LH[layer, head]), 4)}
            for layer, head in heads
        ],
        "blocks_searched": len(mass_LH),
        "seed": search.seed,
        "average_precision": round(measure.average_precision(heads), 4),
        "held_out_average_precision": round(judged, 4),
    }


def _examples(
    search: HeadSearch,
) -> tuple[dict[str, dict[str, int]], list[HeadExample], list[HeadExample]]:
    """How many of each data set, those that heads are found on, and those that they are judged on."""
    if not any(search.files.values()):
        made = made_needles(_MADE_CONTEXTS + _MADE_HELD_OUT, seed=search.seed)
        sides = {"train": made[:_MADE_CONTEXTS], "held_out": made[_MADE_CONTEXTS:]}
        counts = {side: sum(len(e.questions) for e in examples) for side, examples in sides.items()}
        return {"made needles": counts}, sides["train"], sides["held_out"]
    limits = dict.fromkeys(search.files, NUM_QUESTIONS * _EXAMPLES_A_QUESTION)
    data = load_data(
        search.files, limits=limits, held_out_share=_HELD_OUT_SHARE, validation_questions=NUM_HELD_OUT
    )
    contexts = (
        list(contexts_of(data.train, search.seed, NUM_QUESTIONS)),
        list(contexts_of(data.held_out, search.seed, NUM_HELD_OUT)),
    )
    return data.counts, *contexts


def contexts_of(examples: Sequence[Example], seed: int, num_questions: int) -> Iterator[HeadExample]:
    """Questions that share a context: their relevant documents and a few distractors of each.

    A context is filled for a few questions; others that it answers as well are asked too, for the context is
    what takes time.

    Args:
        examples: those without a relevant document are left out.
        seed: of their order and of the documents' order.
        num_questions: at most.
    """
    rng = random.Random(f"heads:{seed}")
    waiting = [example for example in examples if example.relevant]
    rng.shuffle(waiting)
    left = num_questions
    while waiting and left > 0:
        documents: dict[Document, None] = {}
        for example in waiting:
            distractors = rng.sample(example.distractors, min(_DISTRACTORS, len(example.distractors)))
            documents.update(dict.fromkeys([*example.relevant_documents, *distractors]))
            if sum(map(estimate_tokens, documents)) >= _CONTEXT_TOKENS:
                break
        answered = [e for e in waiting if all(d in documents for d in e.relevant_documents)]
        asked = answered[: min(left, _CONTEXT_QUESTIONS)]
        left -= len(asked)
        done = {id(example) for example in answered}
        waiting = [example for example in waiting if id(example) not in done]
        order = rng.sample(list(documents), len(documents))
        place = {document: index for index, document in enumerate(order)}
        yield HeadExample(
            tuple(document.titled_text for document in order),
            tuple((e.query, tuple(sorted({place[d] for d in e.relevant_documents}))) for e in asked),
        )
