"""The one JSON document of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from longattncomp_cli.benchmark.measuring.journal import Journal
from longattncomp_cli.benchmark.reports.environment import environment
from longattncomp_cli.benchmark.reports.paper_figures import REPORTED, SOURCE
from longattncomp_cli.benchmark.reports.summary import summarise
from longattncomp_cli.benchmark.reports.target_summary import summarise_targets
from longattncomp_cli.core.files.output_files import write_file

FORMAT_VERSION = 1


def build_report(
    journal: Journal,
    *,
    command: str,
    preset: str,
    notes: Mapping[str, str],
    caveats: Mapping[str, str],
    left_out: Mapping[str, str],
    checkpoints: Mapping[str, str],
    place: tuple[str, str],
    baseline: str,
    seed: int,
) -> dict[str, Any]:
    """Settings, environment, tables and rows; what earlier runs of the same report said is kept.

    Args:
        journal: the rows, and the head of this run.
        command: as it was typed.
        preset: its name, or ``""``.
        notes: by method's label, what the method is.
        caveats: by method's label, in what it is not what its paper describes.
        left_out: by name, why a method did not run.
        checkpoints: by name, the digest of each checkpoint that a method uses.
        place: device and precision of the backbone.
        baseline: the method that the others are paired with.
        seed: of the intervals.
    """
    earlier = journal.earlier
    rows = list(journal.rows.values())
    reported = [
        {"task": r.task, "target": r.target, "method": r.method, "accuracy": r.accuracy}
        for r in REPORTED
        if r.preset == preset
    ]
    missing = {**earlier.get("left_out", {}), **left_out}
    done = {row.get("method") for row in rows}
    return {
        "format_version": FORMAT_VERSION,
        "commands": [*earlier.get("commands", []), command],
        "preset": preset,
        "settings": journal.head["settings"],
        "task_settings": {**earlier.get("task_settings", {}), **journal.head["task_settings"]},
        "methods": {**earlier.get("methods", {}), **notes},
        "caveats": {**earlier.get("caveats", {}), **caveats},
        "left_out": {name: reason for name, reason in missing.items() if name not in done},
        "checkpoints": {**earlier.get("checkpoints", {}), **checkpoints},
        "environments": [*earlier.get("environments", []), environment(*place)],
        "summary": summarise(rows, baseline=baseline, seed=seed),
        "targets": summarise_targets(rows, seed=seed),
        "reported": {"source": SOURCE, "rows": reported} if reported else None,
        "rows": rows,
    }


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """Write it with one line a row, so that rows can be compared and found."""
    head = {key: value for key, value in report.items() if key != "rows"}
    text = orjson.dumps(head, option=orjson.OPT_INDENT_2).removesuffix(b"\n}")
    lines = b",\n".join(b"    " + orjson.dumps(row) for row in _compact(report["rows"]))
    write_file(path, text + b',\n  "rows": [\n' + lines + b"\n  ]\n}\n")


def _compact(rows: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """Rows without what is not known."""
    for row in rows:
        yield {key: value for key, value in row.items() if value is not None and value != ""}
