"""Seed and files in, items with their evidence out: one file a family of tasks; here is the list of them."""

from __future__ import annotations

from longattncomp_cli.benchmark.tasks.base import PromptTemplate, Task, TaskSetting
from longattncomp_cli.benchmark.tasks.chroma import CHROMA_TASKS
from longattncomp_cli.benchmark.tasks.code_debug import CODE_TASKS
from longattncomp_cli.benchmark.tasks.longbench import RELEASED_TASKS
from longattncomp_cli.benchmark.tasks.made.aggregation import COUNTING_TASKS
from longattncomp_cli.benchmark.tasks.made.lookups import LOOKUP_TASKS
from longattncomp_cli.benchmark.tasks.made.needles import NEEDLE_TASKS
from longattncomp_cli.benchmark.tasks.qa import QUESTION_TASKS
from longattncomp_cli.benchmark.tasks.xquad import XQUAD_TASKS

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        *NEEDLE_TASKS,
        *COUNTING_TASKS,
        *QUESTION_TASKS,
        *CHROMA_TASKS,
        *CODE_TASKS,
        *RELEASED_TASKS,
        *LOOKUP_TASKS,
        *XQUAD_TASKS,
    )
}
"""By name, in the order of the tables."""

ALIASES = {"2wikimultihopqa": "2wiki"}

__all__ = ["ALIASES", "TASKS", "PromptTemplate", "Task", "TaskSetting"]
