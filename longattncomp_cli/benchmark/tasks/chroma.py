"""Chroma's chunking evaluation: excerpts that answer a question, in a whole corpus, at budgets in tokens."""

from __future__ import annotations

from longattncomp_cli.benchmark.tasks.base import PromptTemplate, Task, TaskSetting
from longattncomp_cli.benchmark.tasks.grading import token_f1
from longattncomp_cli.benchmark.tasks.item import Item, item_of_text
from longattncomp_cli.core.text.spans import Span
from longattncomp_cli.data.readers.chroma import read_chroma


def excerpt_items(setting: TaskSetting) -> list[Item]:
    """Questions over their whole corpus; the evidence is the excerpts.

    ``--held-out 0.5`` takes the half of the questions that nothing was chosen on.
    """
    examples = [example for folder in setting.of("chroma", "chroma") for example in read_chroma(folder)]
    return [
        item_of_text(
            example.id,
            example.query,
            example.documents[0].text,
            [Span(span.start, span.end) for span in example.evidence],
        )
        for example in setting.sample("chroma", [example for example in examples if example.relevant])
    ]


CHROMA_TASKS = (
    Task(
        "chroma",
        excerpt_items,
        PromptTemplate("{context}\n\nQuestion: {query}\nAnswer:", token_f1, 128, "ours"),
        needs="chroma",
        about="Chroma's chunking evaluation: excerpts of a whole corpus",
    ),
)
