"""Instructions of twenty made prompts in five layouts: how many are kept, and how much context with them.

    python tests/benchmarks/prompt_instructions.py --output FILE

A prompt is taken apart as `compress` does; nothing is scored. An instruction counts as kept where it lies
outside the part that may be shortened; a sentence of the context is wrongly fixed where it does.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from results_file import write_results

from longattncomp_cli.core.prompts.parser import parse_prompt
from longattncomp_cli.errors import InputError


@dataclass(frozen=True)
class Topic:
    """What the prompts of one topic are made of; each instruction is a sentence or a line."""

    role: str
    rules: tuple[str, ...]
    form: tuple[str, ...]
    context: tuple[str, ...]
    question: str


TOPICS = (
    Topic(
        "You are a steward of the allotments. Answer from the minutes below.",
        (
            "Never name a tenant.",
            "If a name is asked for, write TENANT instead.",
            "Give areas in square metres.",
        ),
        ("Answer in one sentence.", "Do not guess."),
        tuple(
            f"Minute {i}. Plot {i} was inspected by Mrs Orrin. When the frost came, its well {i} froze."
            for i in range(30)
        ),
        "Which plot has the oldest pear tree?",
    ),
    Topic(
        "Use the log to help the night shift.",
        (
            "- Always state the time of an entry.",
            "- Never suggest switching off pump 2.",
            "- Prefer entries of today.",
        ),
        ("Your answer must be a JSON object.", "Do not add a comment."),
        tuple(f"03:{i:02} pump {i % 4} reported pressure {i * 7}, the valve stayed shut." for i in range(40)),
        "When did pump 3 lose its pressure?",
    ),
    Topic(
        "You will translate questions of visitors and answer them from the guide.",
        (
            "Write for children of ten.",
            "Do not use foreign words.",
            "Keep every sentence under twelve words.",
        ),
        ("End with the number of the page.", "List no more than three facts."),
        tuple(
            f"Hall {i} shows a loom of {1500 + i}. Its weaver kept {i} sheep. Anybody may touch it."
            for i in range(30)
        ),
        "Where can we see a loom with a copper frame?",
    ),
    Topic(
        "Please read the letters and help the archive.",
        (
            "1. Quote dates as they are written.",
            "2. Treat every initial as a different person.",
            "3. Ignore stamps.",
        ),
        ("Respond with a table.", "Leave a cell empty where a letter says nothing."),
        tuple(
            f"Letter {i}. My dear A., the barge came with {i} casks. I have told nobody. Yours, B."
            for i in range(30)
        ),
        "Who wrote of the sunken bell?",
    ),
)
LAYOUTS = ("first", "last", "both", "tagged", "labelled")


def made_prompt(topic: Topic, layout: str) -> tuple[str, list[str], list[str]]:
    """The prompt, its instructions and the sentences of its context."""
    is_list = topic.rules[0][:1] in "-1"
    rules = "Rules:\n" + "\n".join(topic.rules) if is_list else "\n\n".join(topic.rules)
    form, context = " ".join(topic.form), "\n\n".join(topic.context)
    everything = [topic.role, *topic.rules, *topic.form]
    if layout == "first":
        prompt = f"{topic.role}\n\n{rules}\n\n{form}\n\n{context}\n\nQuestion: {topic.question}"
    elif layout == "last":
        prompt = f"{context}\n\nQuestion: {topic.question}\n\n{rules}\n\n{form}"
        everything.remove(topic.role)
    elif layout == "both":
        prompt = f"{topic.role}\n\n{rules}\n\n{context}\n\n{topic.question}\n\n{form}"
    elif layout == "tagged":
        prompt = f"{topic.role}\n\n{rules}\n\n<notes>\n{context}\n</notes>\n\n{form}\n\n{topic.question}"
    else:
        prompt = (
            f"{topic.role}\n{rules}\n{form}\n\nContext:\n{context}\n\nQuestion: {topic.question}\nAnswer:"
        )
    return prompt, everything, list(topic.context)


def shares(prompt: str, instructions: list[str], context: list[str]) -> tuple[float, float]:
    """The shares of instructions that are kept, and of context that is fixed with them."""
    try:
        span = parse_prompt(prompt, parser="auto", tail_tokens=1, token_starts=lambda text: [0]).context
    except InputError:
        return 0.0, 0.0
    fixed = prompt[: span.start] + "\0" + prompt[span.end :]
    return (
        sum(each in fixed for each in instructions) / len(instructions),
        sum(each in fixed for each in context) / len(context),
    )


def figures() -> Iterator[tuple[str, float, float]]:
    """Of each layout, over all topics."""
    for layout in LAYOUTS:
        found = [shares(*made_prompt(topic, layout)) for topic in TOPICS]
        kept, wrong = (sum(column) / len(found) for column in zip(*found, strict=True))
        yield layout, kept, wrong


def main() -> None:
    """Print a line a layout."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    rows = []
    for layout, kept, wrong in figures():
        rows.append({"layout": layout, "prompts": len(TOPICS), "kept": kept, "context_fixed": wrong})
        print(f"{layout:<10}instructions kept {kept:6.1%}   context fixed {wrong:6.1%}")
    if args.output:
        write_results(args.output, {"layouts": rows}, checkpoint="", device="cpu", dtype="float32")


if __name__ == "__main__":
    main()
