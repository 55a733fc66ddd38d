"""The report as one page that needs nothing else: styles, script and plots are inside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from longattncomp_cli.benchmark.reports.page import tables
from longattncomp_cli.benchmark.reports.page.charts import (
    heat_figures,
    recall_figures,
    seconds_figure,
    split_figures,
    styles,
)
from longattncomp_cli.benchmark.reports.page.svg import Style
from longattncomp_cli.core.files.output_files import write_file

Json = Mapping[str, Any]

_HERE = Path(__file__).parent
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def write_page(path: Path, report: Json) -> None:
    """Write the page of a report."""
    write_file(path, page(report).encode("utf-8", "replace"))


def page(report: Json) -> str:
    """The page as text."""
    methods = list(dict.fromkeys(cell["method"] for cell in report["summary"]["cells"]))
    looks = styles(methods)
    body = "".join([*_head(report), _legend(looks), *_sections(report, looks), *_details(report)])
    style = (_HERE / "style.css").read_text(encoding="utf-8")
    script = (_HERE / "script.js").read_text(encoding="utf-8")
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
        f"<title>longattncomp bench</title><style>{style}</style>"
    )
    body = f"<body>{body}<script>{script}</script></body>"
    return f'<!doctype html><html lang="en"><head>{head}</head>{body}</html>\n'


def _head(report: Json) -> Iterator[str]:
    """What was run, on what."""
    environment = report["environments"][-1]
    machine = environment["hardware"]
    rows = [row for row in report["rows"] if row["kind"] == "retrieval"]
    facts = {
        "preset": report["preset"] or "none",
        "tasks": str(len({row["task"] for row in rows})),
        "items": str(len({(row["task"], row["item"]) for row in rows})),
        "rows that failed": str(report["summary"]["failed"]),
        "commit": environment["commit"] or "not a checkout",
        "machine": f"{machine['processor'] or machine['machine']}, {machine['cores']} cores, "
        f"{machine['threads']} threads",
        "ran on": " ".join(environment.get(name, "") for name in ("device", "dtype")) or "unknown",
        "version": environment["versions"]["longattncomp"],
    }
    yield "<h1>What compression keeps</h1>"
    yield '<p class="soft">How much of the evidence each method keeps within a budget, and what it costs.</p>'
    yield f'<code class="command">{escape(report["commands"][-1])}</code>'
    listed = "".join(f"<li><b>{escape(name)}</b>{escape(value)}</li>" for name, value in facts.items())
    yield f'<ul class="facts">{listed}</ul>'


def _legend(looks: Mapping[str, Style]) -> str:
    buttons = "".join(
        f'<button value="{escape(method)}" aria-pressed="false"><svg viewBox="0 0 22 10" aria-hidden="true">'
        f'<line x1="0" x2="22" y1="5" y2="5" {look.stroke}/></svg>{escape(method)}</button>'
        for method, look in looks.items()
    )
    return f'<nav class="legend" aria-label="methods">{buttons}</nav>'


def _sections(report: Json, looks: Mapping[str, Style]) -> Iterator[str]:
    yield from _charts(
        "Recall against budget", "Higher and further left is better.", recall_figures(report, looks)
    )
    yield "<h2>Figures</h2>"
    yield from tables.recall_tables(report)
    for method, caveat in report.get("caveats", {}).items():
        yield f'<p class="soft">{escape(method)} differs from its paper: {escape(caveat)}</p>'
    for method, reason in report.get("left_out", {}).items():
        yield f'<p class="soft">{escape(method)} is left out: {escape(reason)}</p>'
    if report["summary"]["auroc"]:
        yield tables.auroc_table(report["summary"]["auroc"])
    if report.get("targets"):
        yield "<h2>What a model makes of it</h2>"
        told = "Retrieval loss is oracle minus compressed; reasoning loss is what the oracle gets wrong."
        yield f'<p class="soft">{told}</p><div class="charts">{"".join(split_figures(report))}</div>'
        yield tables.target_table(report["targets"])
    yield from _charts("Needles by depth and length", "", heat_figures(report, own=True))
    if others := "".join(heat_figures(report, own=False)):
        told = "The same of the other methods"
        yield f'<details><summary>{told}</summary><div class="charts">{others}</div></details>'
    yield from _charts("Cost", "Scoring alone; selection is the same for all.", seconds_figure(report, looks))
    yield tables.cost_table(report)
    if report.get("reported"):
        yield f"<h2>Reported by the paper</h2>{tables.reported_table(report['reported'])}"


def _charts(title: str, told: str, figures: Iterator[str]) -> Iterator[str]:
    drawn = "".join(figures)
    if drawn:
        note = f'<p class="soft">{escape(told)}</p>' if told else ""
        yield f'<h2>{escape(title)}</h2>{note}<div class="charts">{drawn}</div>'


def _details(report: Json) -> Iterator[str]:
    """Settings, sources, methods and versions, folded away."""
    yield "<h2>How it was made</h2>"
    parts = {
        "Methods": report.get("methods", {}),
        "Checkpoints": report.get("checkpoints", {}),
        "Settings": report["settings"],
        "Where the preset's values come from": report.get("sources", {}),
        "Target": report.get("target_settings", {}),
        "Tasks": report["task_settings"],
        "Versions": report["environments"][-1]["versions"],
    }
    for title, values in parts.items():
        if values:
            listed = "".join(
                f"<dt>{escape(str(k))}</dt><dd>{escape(_plain(v))}</dd>" for k, v in values.items()
            )
            yield f"<details><summary>{escape(title)}</summary><dl>{listed}</dl></details>"
    commands = "".join(f'<code class="command">{escape(command)}</code>' for command in report["commands"])
    yield f"<details><summary>Commands</summary>{commands}</details>"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return repr(value) if isinstance(value, str) and ("\n" in value or not value) else str(value)
