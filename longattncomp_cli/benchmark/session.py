"""A whole run: load, make the items, measure, ask the target, write the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longattncomp_cli.benchmark.measuring.journal import Journal
from longattncomp_cli.benchmark.measuring.runner import Counts, OnProgress, run_retrieval
from longattncomp_cli.benchmark.methods.registry import build_methods
from longattncomp_cli.benchmark.plan import Plan
from longattncomp_cli.benchmark.reports.report import build_report, write_report
from longattncomp_cli.benchmark.reports.summary import label_of
from longattncomp_cli.benchmark.setup.workbench import ENCODER_LAYERS, Workbench
from longattncomp_cli.benchmark.tasks import TASKS, TaskSetting
from longattncomp_cli.benchmark.tasks.item import Item

if TYPE_CHECKING:
    from longattncomp_cli.benchmark.targets.config import TargetConfig


@dataclass(frozen=True)
class Hooks:
    """What a run tells the terminal."""

    on_note: Callable[[str], None]
    on_progress: OnProgress


@dataclass(frozen=True, kw_only=True)
class SessionFiles:
    """Where a run writes."""

    output: Path | None = None
    html: Path | None = None
    resume: bool = False


@dataclass(frozen=True)
class Session:
    """What a run came to."""

    report: dict[str, Any]
    counts: Counts = field(default_factory=Counts)


def run_session(
    plan: Plan, files: SessionFiles, target: TargetConfig | None, hooks: Hooks, *, command: str
) -> Session:
    """Run a plan; what is finished is in the report, or beside it after an interruption.

    Raises:
        LongAttnCompError: something that every item needs is missing.
    """
    head_of_tasks = plan.task_settings()
    bench = _workbench(plan)
    methods, left_out = build_methods(plan.methods, bench)
    for name, reason in left_out.items():
        hooks.on_note(f"{name} is left out: {reason}")
    head = {"settings": bench.settings.as_dict(), "task_settings": head_of_tasks}
    labelled = {label_of({"method": m.name, "checkpoint": m.checkpoint}): m for m in methods}
    notes = {label: method.note for label, method in labelled.items()}
    digests = {name: digest for method in methods for name, digest in method.digests.items()}
    with Journal(files.output, resume=files.resume, head=head) as journal:
        items = _items(plan, bench, hooks)
        counts = run_retrieval(items, methods, plan.budgets, bench, journal, hooks.on_progress)
        if target is not None:
            from longattncomp_cli.benchmark.targets.evaluate import evaluate_target

            evaluate_target(target, items, journal, bench.settings, counts, hooks.on_progress)
        report = build_report(
            journal,
            command=command,
            preset=plan.preset,
            notes=notes,
            left_out=left_out,
            caveats={label: method.caveat for label, method in labelled.items() if method.caveat},
            checkpoints=digests,
            place=bench.device_and_dtype(),
            baseline=plan.baseline,
            seed=plan.settings.seed,
        )
        report["sources"] = dict(plan.sources)
        if target is not None:
            report["target_settings"] = target.as_dict()
        if files.output is not None:
            write_report(files.output, report)
        if files.html is not None:
            from longattncomp_cli.benchmark.reports.page import write_page

            write_page(files.html, report)
        journal.finish()
    return Session(report, counts)


def _workbench(plan: Plan) -> Workbench:
    """What methods share, on the backbone of the first checkpoint or on the untrained one."""
    choices = [plan.settings.choice(name) for name in plan.checkpoints or (None,)]
    if all(choice.is_untrained for choice in choices):
        checkpoint, backbone = choices[0].load_parts()
        name = f"untrained-{Path(checkpoint.config.backbone.id).name}"  # besides that on the embedded encoder
        checkpoint = replace(checkpoint, config=replace(checkpoint.config, name=name))
        return Workbench(plan.settings, [checkpoint], backbone=backbone, is_sharing=plan.share_states)
    checkpoints = [choice.load_checkpoint() for choice in choices]
    reads_all_layers = (
        checkpoints[0].config.backbone.kind == "encoder"
        and "spec-prefill" in plan.methods.names
        and plan.methods.spec_model is None
    )
    return Workbench(
        plan.settings,
        checkpoints,
        layers=ENCODER_LAYERS if reads_all_layers else (),
        is_sharing=plan.share_states,
    )


def _items(plan: Plan, bench: Workbench, hooks: Hooks) -> dict[str, Sequence[Item]]:
    """All items of all tasks, made before any is measured, so that a bad file is told at once."""
    setting = TaskSetting(
        files=plan.files,
        limit=plan.limit,
        lengths=plan.lengths,
        depths=plan.depths,
        held_out=plan.held_out,
        seed=plan.settings.seed,
        query_language=plan.query_language,
        count_tokens=bench.tokenizer.count,
    )
    items: dict[str, Sequence[Item]] = {}
    for name in plan.tasks:
        hooks.on_progress(f"making {name}", 0, 0)
        items[name] = TASKS[name].build(replace(setting, limit=plan.limit_of(name)))
        if len(items[name]) < plan.limit:
            hooks.on_note(f"{name}: {len(items[name])} items")
    return items
